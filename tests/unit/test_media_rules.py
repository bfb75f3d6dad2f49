"""Which files are taken: by their first bytes, with a name that agrees, and within Meta's sizes."""

import random
import struct

import pytest

from tests.factories import png
from wotnot.models import MediaKind
from wotnot.services import media_rules as rules
from wotnot.services.media_rules import MB, RefusedFileError, judge


def mp4(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isom"


def webp(side: int = 512, *, animated: bool = False) -> bytes:
    size = (side - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([0x02 if animated else 0, 0, 0, 0]) + size + size


def office(folder: bytes) -> bytes:
    return b"PK\x03\x04\x14\0\x06\0" + b"\0" * 20 + b"[Content_Types].xml" + b"\0" * 300 + folder + b"document.xml"


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500
TAKEN = [
    ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", MediaKind.IMAGE, "image/jpeg"),
    ("a.JPEG", b"\xff\xd8\xff\xe1\0\x10Exif", MediaKind.IMAGE, "image/jpeg"),
    ("a.png", png(), MediaKind.IMAGE, "image/png"),
    ("a.mp4", mp4(b"isom"), MediaKind.VIDEO, "video/mp4"),
    ("a.mp4", mp4(b"mp42"), MediaKind.VIDEO, "video/mp4"),
    ("a.3gp", mp4(b"3gp4"), MediaKind.VIDEO, "video/3gpp"),
    ("a.m4a", mp4(b"M4A "), MediaKind.AUDIO, "audio/mp4"),
    ("a.m4a", mp4(b"isom"), MediaKind.AUDIO, "audio/mp4"),
    ("a.mp3", b"ID3\x04\0\0", MediaKind.AUDIO, "audio/mpeg"),
    ("a.mp3", b"\xff\xfb\x90\x64", MediaKind.AUDIO, "audio/mpeg"),
    ("a.aac", b"\xff\xf1\x50\x80", MediaKind.AUDIO, "audio/aac"),
    ("a.amr", b"#!AMR\n\x3c", MediaKind.AUDIO, "audio/amr"),
    ("a.ogg", b"OggS\0\x02" + b"\0" * 22 + b"OpusHead", MediaKind.AUDIO, "audio/ogg"),
    ("a.pdf", b"%PDF-1.7\n%\xe2\xe3", MediaKind.DOCUMENT, "application/pdf"),
    ("a.txt", "Grüße\n".encode(), MediaKind.DOCUMENT, "text/plain"),
    ("a.doc", OLE, MediaKind.DOCUMENT, "application/msword"),
    ("a.xls", OLE, MediaKind.DOCUMENT, "application/vnd.ms-excel"),
    ("a.docx", office(b"word/"), MediaKind.DOCUMENT, rules.BY_ENDING["docx"].mime_type),
    ("a.xlsx", office(b"xl/"), MediaKind.DOCUMENT, rules.BY_ENDING["xlsx"].mime_type),
    ("a.pptx", office(b""), MediaKind.DOCUMENT, rules.BY_ENDING["pptx"].mime_type),
    ("a.webp", webp(), MediaKind.STICKER, "image/webp"),
    ("prices of shop.com.pdf", b"%PDF-1.4", MediaKind.DOCUMENT, "application/pdf"),
    ("v1.2 final.png", png(), MediaKind.IMAGE, "image/png"),
]
REFUSED = [
    ("a.png", b"", "zero bytes"),
    ("a.jpg", png(), "called .jpg, but its content is a PNG picture. Rename it to .png"),
    ("a.pdf", b"\xff\xd8\xff\xe0", "but its content is a JPEG picture"),
    ("a.png", b"MZ\x90\0\x03", "called .png, but its content is no PNG picture"),
    ("a.xlsx", office(b"word/"), "but its content is a Word document"),
    ("a.docx", b"PK\x03\x04" + b"\0" * 26 + b"virus.bin", "its content is no Word document"),
    ("a.zip", b"PK\x03\x04" + b"\0" * 26 + b"a.txt", "WhatsApp does not take files like “a.zip”. It takes JPEG"),
    ("a.gif", b"GIF89a", "does not take files like"),
    ("a.mov", mp4(b"qt  "), "does not take files like"),
    ("a.heic", mp4(b"heic"), "does not take files like"),
    ("a.ogg", b"OggS\0\x02" + b"\0" * 22 + b"\x01vorbis", "no Ogg Opus recording"),
    ("a.txt", b"text\0with\x01bytes", "no plain text"),
    ("a.txt", b"\xff\xfeT\0e\0", "no plain text"),
    ("invoice.pdf.exe", b"%PDF-1.4", "the ending of a program (.exe)"),
    ("photo.jpg.js", b"\xff\xd8\xff\xe0", "the ending of a program (.js)"),
    ("setup.exe.pdf", b"%PDF-1.4", "the ending of a program (.exe)"),
    ("page.html", b"<script>", "the ending of a program (.html)"),
    ("drawing.svg", b"<svg>", "the ending of a program (.svg)"),
    ("photo.exe ", png(), "the ending of a program (.exe)"),
    ("a.webp", webp(300), "512 × 512 pixels; this one has 300 × 300"),
    ("a.webp", b"RIFF\0\0\0\0WEBP", "its size cannot be read"),
    ("a.png", png()[:24] + b"\x10" + png()[25:], "16 bits a colour"),
]


@pytest.mark.parametrize(("name", "head", "kind", "mime"), TAKEN, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(TAKEN)])
def test_what_whatsapp_takes_is_known_by_its_content(name: str, head: bytes, kind: MediaKind, mime: str) -> None:
    found, kept = judge(head, name)
    assert (found.kind, found.mime_type, kept) == (kind, mime, name)


@pytest.mark.parametrize(("name", "head", "words"), REFUSED, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(REFUSED)])
def test_what_it_does_not_take_is_said_in_a_sentence(name: str, head: bytes, words: str) -> None:
    with pytest.raises(RefusedFileError) as refused:
        judge(head, name)
    assert words in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_name_without_an_ending_gets_the_right_one() -> None:
    assert judge(png(), "holiday")[1] == "holiday.png"


def test_the_limits_are_metas() -> None:
    limits = {one.kind: one.max_bytes for one in rules.TYPES}
    assert limits == {
        MediaKind.IMAGE: 5 * MB, MediaKind.VIDEO: 16 * MB, MediaKind.AUDIO: 16 * MB,
        MediaKind.DOCUMENT: 100 * MB, MediaKind.STICKER: 100 * 1024,
    }  # fmt: skip
    assert judge(webp(animated=True), "a.webp")[0].max_bytes == 500 * 1024
    assert rules.size_problem(rules.BY_ENDING["png"], "a.png") == (
        "“a.png” is too large: a PNG picture may have at most 5 MB on WhatsApp."
    )


@pytest.mark.parametrize(
    ("chunk", "size"),
    [
        (b"VP8L" + b"\0" * 4 + b"\x2f" + struct.pack("<I", 511 | 511 << 14) + b"\0" * 9, (512, 512)),
        (b"VP8 " + b"\0" * 4 + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 512, 400), (512, 400)),
    ],
)
def test_the_size_of_a_still_sticker(chunk: bytes, size: tuple[int, int]) -> None:
    head = b"RIFF\0\0\0\0WEBP" + chunk
    if size == (512, 512):
        assert judge(head, "a.webp")[0].kind is MediaKind.STICKER
    else:
        with pytest.raises(RefusedFileError, match="512 × 400"):
            judge(head, "a.webp")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\a.png", "a.png"),
        ("a\x00b\r\n.png", "ab.png"),
        ("gnp.\u202eexe.png", "gnp.exe.png"),
        ("...", "file"),
        ("", "file"),
        ('a"b<c>.png', "a_b_c_.png"),
        ("  a   b .png ", "a b .png"),
        ("x" * 300 + ".jpeg", "x" * 195 + ".jpeg"),
    ],
)
def test_names_are_cleaned(typed: str, kept: str) -> None:
    assert rules.clean_name(typed) == kept


# Letters that have meant something to a file system, a terminal or a reader.
ODD = 'ab.  _-/\\:"<>|?*\0\n\r\t\x7f\u202e\u200b\u0301éß漢😀'


def some_texts(count: int, longest: int) -> list[str]:
    chance = random.Random(20261126)
    return ["".join(chance.choices(ODD, k=chance.randrange(longest))) for _ in range(count)]


def test_a_cleaned_name_is_safe_and_stays_so() -> None:
    for typed in some_texts(3000, 400):
        name = rules.clean_name(typed)
        assert name, typed
        assert len(name) <= rules.LONGEST_NAME, typed
        assert name.isprintable(), typed
        assert not set(name) & set('/\\<>:"|?*'), typed
        assert not name.startswith("."), typed
        assert rules.clean_name(name) == name, typed


def test_any_bytes_under_any_name_are_judged_or_refused() -> None:
    chance = random.Random(26)
    heads = [head for _, head, *_ in TAKEN]
    for name in some_texts(3000, 30):
        head = bytearray(chance.choice(heads)[: chance.randrange(1, 60)])
        head[chance.randrange(len(head))] = chance.randrange(256)
        try:
            found, kept = judge(bytes(head), name + chance.choice(["", ".png", ".mp4", ".docx", ".txt", ".webp"]))
        except RefusedFileError:
            continue
        assert kept.rsplit(".", 1)[-1].lower() in found.endings


@pytest.mark.parametrize("program", ["exe", "js", "bat", "scr", "apk", "html", "vbs"])
def test_no_program_passes_whatever_its_content(program: str) -> None:
    for taken, head, *_ in TAKEN:
        for name in (f"{taken}.{program}", f"x.{program}.{taken.rsplit('.', 1)[-1]}"):
            with pytest.raises(RefusedFileError, match="program"):
                judge(head, name)
