"""Which files WhatsApp takes: types, sizes and names. Pure.

What a file is, its first bytes say; the name must agree with them, or somebody is being fooled. Source for types and
limits: Meta's list of supported media; header samples take fewer types than messages do.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from wotnot.models import MediaKind

HEAD_BYTES = 4096
KB, MB = 1024, 1024 * 1024
LONGEST_NAME = 200
STICKER_SIDE = 512

_OFFICE = "application/vnd.openxmlformats-officedocument."


@dataclass(frozen=True, slots=True)
class FileType:
    """A type that WhatsApp takes: what it is called, how large it may be, and the endings its names have."""

    kind: MediaKind
    mime_type: str
    word: str
    max_bytes: int
    endings: tuple[str, ...]


TYPES = (
    FileType(MediaKind.IMAGE, "image/jpeg", "JPEG picture", 5 * MB, ("jpg", "jpeg", "jpe", "jfif")),
    FileType(MediaKind.IMAGE, "image/png", "PNG picture", 5 * MB, ("png",)),
    FileType(MediaKind.VIDEO, "video/mp4", "MP4 video", 16 * MB, ("mp4", "m4v")),
    FileType(MediaKind.VIDEO, "video/3gpp", "3GP video", 16 * MB, ("3gp", "3gpp")),
    FileType(MediaKind.AUDIO, "audio/aac", "AAC recording", 16 * MB, ("aac",)),
    FileType(MediaKind.AUDIO, "audio/amr", "AMR recording", 16 * MB, ("amr",)),
    FileType(MediaKind.AUDIO, "audio/mpeg", "MP3 recording", 16 * MB, ("mp3",)),
    FileType(MediaKind.AUDIO, "audio/mp4", "M4A recording", 16 * MB, ("m4a",)),
    FileType(MediaKind.AUDIO, "audio/ogg", "Ogg Opus recording", 16 * MB, ("ogg", "opus", "oga")),
    FileType(MediaKind.DOCUMENT, "application/pdf", "PDF document", 100 * MB, ("pdf",)),
    FileType(MediaKind.DOCUMENT, "text/plain", "plain text", 100 * MB, ("txt", "csv")),
    FileType(MediaKind.DOCUMENT, "application/msword", "Word document", 100 * MB, ("doc",)),
    FileType(MediaKind.DOCUMENT, "application/vnd.ms-excel", "Excel workbook", 100 * MB, ("xls",)),
    FileType(MediaKind.DOCUMENT, "application/vnd.ms-powerpoint", "PowerPoint presentation", 100 * MB, ("ppt",)),
    FileType(MediaKind.DOCUMENT, _OFFICE + "wordprocessingml.document", "Word document", 100 * MB, ("docx",)),
    FileType(MediaKind.DOCUMENT, _OFFICE + "spreadsheetml.sheet", "Excel workbook", 100 * MB, ("xlsx",)),
    FileType(
        MediaKind.DOCUMENT, _OFFICE + "presentationml.presentation", "PowerPoint presentation", 100 * MB, ("pptx",)
    ),
    FileType(MediaKind.STICKER, "image/webp", "WebP sticker", 100 * KB, ("webp",)),
)
ANIMATED_STICKER = FileType(MediaKind.STICKER, "image/webp", "animated WebP sticker", 500 * KB, ("webp",))
MAX_BYTES = max(one.max_bytes for one in TYPES)
BY_MIME = {one.mime_type: one for one in TYPES}
BY_ENDING = {ending: one for one in TYPES for ending in one.endings}
# What a template's header may show to Meta's reviewers.
SAMPLE_TYPES = {
    MediaKind.IMAGE: ("image/jpeg", "image/png"),
    MediaKind.VIDEO: ("video/mp4",),
    MediaKind.DOCUMENT: ("application/pdf",),
}
# What a browser may show inside our pages: types without scripts.
SHOWN_TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "video/mp4", "video/3gpp"})
KIND_WORDS = {
    MediaKind.IMAGE: "Pictures",
    MediaKind.VIDEO: "Videos",
    MediaKind.AUDIO: "Recordings",
    MediaKind.DOCUMENT: "Documents",
    MediaKind.STICKER: "Stickers",
}
TAKEN = "JPEG and PNG pictures, MP4 and 3GP videos, AAC, AMR, MP3, M4A and Ogg Opus recordings, PDF, text and Office documents, WebP stickers"

# Endings that an operating system runs when the file is opened.
_PROGRAMS = frozenset({
    "exe", "scr", "com", "bat", "cmd", "pif", "msi", "msp", "cpl", "dll", "sys", "js", "jse", "mjs", "vbs", "vbe",
    "wsf", "wsh", "hta", "ps1", "psm1", "sh", "bash", "zsh", "csh", "bin", "run", "app", "apk", "xapk", "ipa", "dmg",
    "pkg", "deb", "rpm", "jar", "jnlp", "class", "py", "pyw", "rb", "pl", "php", "phtml", "phar", "asp", "aspx",
    "jsp", "cgi", "lnk", "url", "desktop", "reg", "scf", "inf", "iso", "img", "vhd", "html", "htm", "xhtml", "svg",
    "docm", "xlsm", "pptm", "dotm", "xltm", "xlam", "ppam", "swf", "chm", "gadget", "application",
})  # fmt: skip
# `com` is also how addresses end: "prices of shop.com.pdf" hides nothing.
_INNER_PROGRAMS = _PROGRAMS - {"com", "app", "url", "run", "bin", "pl", "py", "img", "class", "application"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE_FOLDERS = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "pptx"}
_SIMPLE_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"#!AMR", "audio/amr"),
)
_VIDEO_BRANDS = {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"MSNV", b"dash"}
_VIDEO_BRANDS |= {b"M4V ", b"M4VH", b"M4VP", b"f4v ", b"mmp4", b"XAVC"}
_AUDIO_BRANDS = {b"M4A ", b"M4B "}
_PNG_DEPTH_AT, _DEEPEST_PNG = 24, 8


# What nobody here can open: kept under this type, to be downloaded only.
ANY_TYPE = "application/octet-stream"
_INBOUND_NAMES = {
    MediaKind.IMAGE: "Picture",
    MediaKind.VIDEO: "Video",
    MediaKind.AUDIO: "Recording",
    MediaKind.DOCUMENT: "Document",
    MediaKind.STICKER: "Sticker",
}


class RefusedFileError(ValueError):
    """WhatsApp would not take this file; the message is a sentence for the person who chose it."""


def clean_name(filename: str) -> str:
    """The name without folders, control characters and what turns text around; "file" when nothing is left."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(character if character not in '<>:"|?*' else "_" for character in name if character.isprintable())
    name = unicodedata.normalize("NFC", " ".join(name.split()).strip(". "))
    path = PurePosixPath(name)
    room = LONGEST_NAME - len(path.suffix)
    if len(name) > LONGEST_NAME:
        name = path.stem[:room].rstrip(". ") + path.suffix if room > 0 else name[:LONGEST_NAME]
    return name or "file"


def judge(head: bytes, filename: str) -> tuple[FileType, str]:
    """What the file is, by its first HEAD_BYTES bytes, and the name to keep it under. The size is judged while it comes.

    Raises RefusedFileError.
    """
    name = clean_name(filename)
    if not head:
        raise RefusedFileError(f"“{name}” is empty: it has zero bytes. Choose the file again.")
    ending = _checked_ending(name)
    found = _type_of(head, ending)
    if found is None:
        raise RefusedFileError(_unknown(name, ending))
    if not ending:
        return found, f"{name}.{found.endings[0]}"
    if ending not in found.endings:
        raise RefusedFileError(_mismatch(name, ending, found))
    return found, name


def judge_inbound(head: bytes, kind: MediaKind, filename: str) -> tuple[str, str]:
    """The type and the name to keep under what a person sent; a type that WhatsApp knows nothing of is ANY_TYPE.

    People send more than a business may, so only what is empty or a program is refused: RefusedFileError.
    """
    name = clean_name(filename) if filename else ""
    if not head:
        raise RefusedFileError("The file that came was empty.")
    ending = _checked_ending(name)
    found = _inbound_type(head, "m4a" if kind is MediaKind.AUDIO else ending)
    if name:
        return (found.mime_type if found else ANY_TYPE), name
    return (found.mime_type if found else ANY_TYPE), f"{_INBOUND_NAMES[kind]}.{found.endings[0] if found else 'file'}"


def word_of(mime_type: str) -> str:
    """What a type is called."""
    return BY_MIME[mime_type].word if mime_type in BY_MIME else "file"


def size_problem(found: FileType, filename: str) -> str:
    """The sentence for a file that is larger than its type may be."""
    return f"“{filename}” is too large: a {found.word} may have at most {size_words(found.max_bytes)} on WhatsApp."


def size_words(size: int) -> str:
    """Bytes as people say them."""
    if size < KB:
        return f"{size} bytes"
    if size < MB:
        return f"{round(size / KB)} KB"
    return f"{size / MB:.1f}".removesuffix(".0") + " MB"


def _checked_ending(name: str) -> str:
    """The name's ending in small letters. Raises RefusedFileError when it, or one before it, is a program's."""
    parts = [part.strip().lower() for part in name.split(".")]
    ending = parts[-1] if len(parts) > 1 else ""
    hidden = next((part for part in parts[1:-1] if part in _INNER_PROGRAMS), "")
    if ending in _PROGRAMS or hidden:
        raise RefusedFileError(
            f"“{name}” has the ending of a program (.{ending if ending in _PROGRAMS else hidden}). "
            "Such files are not taken, whatever else the name says."
        )
    return ending


def _unknown(name: str, ending: str) -> str:
    if ending in BY_ENDING:
        return f"“{name}” is called .{ending}, but its content is no {BY_ENDING[ending].word} that WhatsApp can read. Save it again as one."
    return f"WhatsApp does not take files like “{name}”. It takes {TAKEN}."


def _mismatch(name: str, ending: str, found: FileType) -> str:
    return f"“{name}” is called .{ending}, but its content is a {found.word}. Rename it to .{found.endings[0]} or choose the right file."


def _type_of(head: bytes, ending: str) -> FileType | None:
    mime = next((mime for magic, mime in _SIMPLE_MAGIC if head.startswith(magic)), "")
    if mime == "image/png":
        _refuse_deep_png(head)
    if mime:
        return BY_MIME[mime]
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12], ending)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return _sticker(head)
    if head.startswith(b"OggS"):
        return BY_MIME["audio/ogg"] if b"OpusHead" in head else None
    return _document(head, ending)


def _inbound_type(head: bytes, ending: str) -> FileType | None:
    """As `_type_of`, without what only a sender has to keep to: a sticker's size, a picture's depth."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return BY_MIME["image/webp"]
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return BY_MIME["image/png"]
    return _type_of(head, ending)


def _document(head: bytes, ending: str) -> FileType | None:
    if head.startswith(_OLE):
        return BY_ENDING[ending] if ending in {"doc", "xls", "ppt"} else None
    if head.startswith(b"PK\x03\x04"):
        return _office(head, ending)
    if ending in {"txt", "csv", ""} and _is_text(head):
        return BY_MIME["text/plain"]
    return None


def _office(head: bytes, ending: str) -> FileType | None:
    """A ZIP is an Office document if it holds one's parts; which of the three, its folders say if they come early enough."""
    said = next((kind for folder, kind in _OFFICE_FOLDERS.items() if folder in head), "")
    if said:
        return BY_ENDING[said]
    has_parts = b"[Content_Types].xml" in head or b"_rels/" in head or b"docProps/" in head
    return BY_ENDING[ending] if has_parts and ending in _OFFICE_FOLDERS.values() else None


def _of_brand(brand: bytes, ending: str) -> FileType | None:
    """MP4, 3GP and M4A are one family; the brand tells them apart, and QuickTime or HEIC from them."""
    if brand.startswith((b"3gp", b"3g2", b"3ge", b"3gg")):
        return BY_MIME["video/3gpp"]
    if brand in _AUDIO_BRANDS or (brand in _VIDEO_BRANDS and ending == "m4a"):
        return BY_MIME["audio/mp4"]
    return BY_MIME["video/mp4"] if brand in _VIDEO_BRANDS else None


def _sticker(head: bytes) -> FileType:
    width, height = _webp_size(head)
    if (width, height) != (STICKER_SIDE, STICKER_SIDE):
        seen = f"this one has {width} × {height}" if width else "its size cannot be read"
        raise RefusedFileError(
            f"WhatsApp uses WebP for stickers only, of {STICKER_SIDE} × {STICKER_SIDE} pixels; {seen}. Save pictures as JPEG or PNG."
        )
    is_animated = head[12:16] == b"VP8X" and bool(head[20] & 0x02)
    return ANIMATED_STICKER if is_animated else BY_MIME["image/webp"]


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height from a WebP's first chunk; zeros when it is cut short. Source: the WebP container's specification."""
    if len(head) < 30:
        return 0, 0
    chunk = head[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def _refuse_deep_png(head: bytes) -> None:
    if len(head) > _PNG_DEPTH_AT and head[_PNG_DEPTH_AT] > _DEEPEST_PNG:
        raise RefusedFileError("This PNG has 16 bits a colour, and WhatsApp takes 8. Save it again with 8 bits.")


def _is_text(head: bytes) -> bool:
    """Whether this can be the beginning of a UTF-8 text; a letter may be cut at the end."""
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) >= HEAD_BYTES
    return True
