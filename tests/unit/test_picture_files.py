"""What cameras write into pictures is taken out, and the picture stays as it was."""

import struct

import pytest

from tests.pictures import png
from wotnot.services.picture_files import UnreadablePictureError, look_at, without_metadata
from wotnot.services.whatsapp.profiles import RefusedPictureError, judge_picture

PLACE = b"GPS 33 55 S 18 25 E"


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def exif(orientation: int, order: str = "<") -> bytes:
    start = b"II*\x00" if order == "<" else b"MM\x00*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\x00\x00" + start + struct.pack(order + "IH", 8, 1) + entry + bytes(4) + PLACE


FRAME = segment(0xC0, struct.pack(">BHHB", 8, 480, 640, 1) + b"\x01\x11\x00")
COLOURS = segment(0xE2, b"ICC_PROFILE\x00\x01\x01colours")
# Two scans, as progressive JPEGs have, with stuffed, restart and fill bytes in what they hold.
SCANS = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56" + segment(0xC4, b"\xff\xd9")
SCANS += segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x78\xff\x00"


def jpeg(*extra: bytes, tail: bytes = b"") -> bytes:
    return b"\xff\xd8" + b"".join(extra) + COLOURS + FRAME + SCANS + b"\xff\xd9" + tail


def test_a_jpeg_keeps_its_picture_and_loses_what_stands_beside_it() -> None:
    photo = jpeg(
        segment(0xE1, exif(1)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + PLACE),
        segment(0xED, b"Photoshop 3.0\x00" + PLACE),
        segment(0xFE, PLACE),
        tail=b"\xff\xd8\xff" + PLACE,  # some phones hang a second picture behind the first
    )
    clean = without_metadata(photo)
    assert PLACE not in clean
    assert clean == jpeg()
    assert without_metadata(clean) == clean


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_taken_sideways_stays_the_right_way_up(order: str) -> None:
    clean = without_metadata(jpeg(segment(0xE1, exif(6, order))))
    assert PLACE not in clean
    assert clean == jpeg(segment(0xE1, b"Exif\x00\x00MM\x00*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)))


def test_a_png_loses_its_texts_and_keeps_its_colours() -> None:
    noisy = png(
        4, 4, (b"gAMA", b"\x00\x00\xb1\x8f"), (b"tEXt", b"Author\x00" + PLACE), (b"eXIf", PLACE), (b"tIME", b"1234567")
    )
    assert without_metadata(noisy + PLACE) == png(4, 4, (b"gAMA", b"\x00\x00\xb1\x8f"))


def test_a_webp_loses_its_exif_and_says_so_in_its_head() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    def webp(flags: int, *more: bytes) -> bytes:
        body = b"WEBP" + chunk(b"VP8X", bytes([flags]) + bytes(9)) + chunk(b"VP8L", b"picture") + b"".join(more)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    assert without_metadata(webp(0x1C, chunk(b"EXIF", PLACE), chunk(b"XMP ", PLACE))) == webp(0x10)


@pytest.mark.parametrize(
    "data", [b"", b"<svg>", b"\xff\xd8\xff", jpeg()[:-2], jpeg()[:9], png(4, 4)[:-5], b"RIFF\0\0\0\0WEBPVP8 \xff\0\0\0"]
)
def test_what_is_broken_is_refused_and_never_passed_on(data: bytes) -> None:
    with pytest.raises(UnreadablePictureError):
        without_metadata(data)


def test_every_beginning_of_a_jpeg_is_refused_or_whole() -> None:
    """No length in a file that was cut or made up may lead outside it, or go round for ever."""
    photo = jpeg(segment(0xE1, exif(6)), segment(0xFE, PLACE))
    for end in range(len(photo)):
        with pytest.raises(UnreadablePictureError):
            without_metadata(photo[:end])
    for at in range(2, len(photo)):
        changed = photo[:at] + b"\x00" + photo[at + 1 :]
        try:
            without_metadata(changed)
        except UnreadablePictureError:
            continue


def test_sides() -> None:
    assert (look_at(jpeg()).width, look_at(jpeg()).height) == (640, 480)
    assert look_at(png(192, 192)).is_square


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7", "not a JPEG or PNG"),
        (png(191, 191), "191 × 191 pixels. Choose one of at least 192 × 192"),
        (png(5000, 5000), "at most 4,096 × 4,096"),
        (jpeg(), "640 × 480 pixels. WhatsApp shows a square: cut it to 480 × 480"),
        (png(192, 192) + bytes(5 * 1024 * 1024), "larger than 5 MB"),
    ],
)
def test_a_profile_picture_that_is_refused_says_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(RefusedPictureError, match=words):
        judge_picture(data)


def test_a_square_is_taken() -> None:
    assert judge_picture(png(640, 640)).mime_type == "image/png"
