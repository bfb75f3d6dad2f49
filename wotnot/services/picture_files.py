"""Pictures as bytes: how large they are, and what cameras and programs write into them beside the picture. A leaf.

A photo tells where it was taken, when, and with whose phone. What we show to others is freed from that; the picture itself
stays as it is, byte for byte, and turned the way the camera meant it. Source: the JPEG, Exif, PNG and WebP specifications.
"""

from collections.abc import Iterator
from dataclasses import dataclass

_PNG_START = b"\x89PNG\r\n\x1a\n"
_KEPT_PNG = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"cICP",
        b"sBIT",
        b"bKGD",
        b"pHYs",
    }
    | {b"acTL", b"fcTL", b"fdAT"}
)
_PNG_FRAME = 12  # length, name and checksum of a chunk
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_EXIF, _PROFILE, _UPRIGHT, _ORIENTATION = b"Exif\x00\x00", b"ICC_PROFILE\x00", 1, 0x0112
_WEBP_HEAD, _WEBP_EXIF, _WEBP_XMP = 12, 0x08, 0x04


class UnreadablePictureError(ValueError):
    """Not a picture of a known kind, or a broken one."""


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What a picture is: its type and its sides in pixels, as they are stored."""

    mime_type: str
    width: int
    height: int

    @property
    def is_square(self) -> bool:
        """Whether both sides are the same."""
        return self.width == self.height


def look_at(data: bytes) -> PictureFacts:
    """The facts of a JPEG or PNG. Raises UnreadablePictureError."""
    if data.startswith(_PNG_START) and data[12:16] == b"IHDR" and len(data) >= 24:
        return PictureFacts("image/png", int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    for marker, segment in _segments(data) if data.startswith(b"\xff\xd8\xff") else ():
        if marker in _FRAMES and len(segment) >= 9:
            return PictureFacts("image/jpeg", int.from_bytes(segment[7:9]), int.from_bytes(segment[5:7]))
    raise UnreadablePictureError("neither a JPEG nor a PNG")


def without_metadata(data: bytes) -> bytes:
    """A JPEG, PNG or WebP without place, time, device, names and comments. Raises UnreadablePictureError."""
    if data.startswith(b"\xff\xd8\xff"):
        return _clean_jpeg(data)
    if data.startswith(_PNG_START):
        return _PNG_START + b"".join(chunk for name, chunk in _png_chunks(data) if name in _KEPT_PNG)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _clean_webp(data)
    raise UnreadablePictureError("neither a JPEG nor a PNG nor a WebP")


def _clean_jpeg(data: bytes) -> bytes:
    kept, orientation = [b"\xff\xd8"], _UPRIGHT
    for marker, segment in _segments(data):
        if marker == _APP1 and segment[4:].startswith(_EXIF):
            orientation = _orientation_of(segment[4 + len(_EXIF) :])
        if _is_picture(marker, segment):
            kept.append(segment)
    if orientation != _UPRIGHT:
        kept.insert(1, _exif_with(orientation))
    return b"".join(kept)


def _is_picture(marker: int, segment: bytes) -> bool:
    """Whether a segment is needed to draw: not a comment, and of the applications' only what says how colours are meant."""
    if marker == _APP2:
        return segment[4:].startswith(_PROFILE)
    return marker in {_APP0, _APP14} or not (marker == _COMMENT or _APP0 < marker <= _APP15)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole bytes of every segment after the start; a scan's data belongs to it. What follows the end is left out."""
    at = 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1  # fill bytes
        if at + 2 > len(data) or data[at] != 0xFF:
            raise UnreadablePictureError("the JPEG is broken")
        marker = data[at + 1]
        if marker == _EOI:
            yield marker, data[at : at + 2]
            return
        end = at + 2 if marker in _ALONE else at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end > len(data) or (marker not in _ALONE and end < at + 4):
            raise UnreadablePictureError("the JPEG breaks off")
        if marker == _SOS:
            end = _end_of_scan(data, end)
        yield marker, data[at:end]
        at = end


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the next marker stands: in a scan's data an FF is followed by zero, or restarts it."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
    raise UnreadablePictureError("the JPEG breaks off")


def _orientation_of(tiff: bytes) -> int:
    """Which way up the camera was, 1 to 8; 1 when it does not say."""
    order = {b"II*\x00": "little", b"MM\x00*": "big"}.get(tiff[:4])
    if order is None:
        return _UPRIGHT

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if order == "little" else "big")

    start = number(4, 4)
    for entry in range(start + 2, min(start + 2 + 12 * number(start, 2), len(tiff) - 11), 12):
        if number(entry, 2) == _ORIENTATION:
            said = number(entry + 8, 2)
            return said if _UPRIGHT <= said <= 8 else _UPRIGHT
    return _UPRIGHT


def _exif_with(orientation: int) -> bytes:
    """An Exif segment that says nothing else."""
    entry = _ORIENTATION.to_bytes(2) + b"\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2) + b"\x00\x00"
    body = _EXIF + b"MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG_START)
    while True:
        end = at + _PNG_FRAME + int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8]
        if end > len(data) or len(name) < 4:
            raise UnreadablePictureError("the PNG breaks off")
        yield name, data[at:end]
        if name == b"IEND":
            return
        at = end


def _clean_webp(data: bytes) -> bytes:
    kept, at = [], _WEBP_HEAD
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if at + 8 + size > len(data):
            raise UnreadablePictureError("the WebP breaks off")
        name, chunk = data[at : at + 4], data[at:end]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~(_WEBP_EXIF | _WEBP_XMP) & 0xFF]) + chunk[9:]
        if name not in {b"EXIF", b"XMP "}:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
