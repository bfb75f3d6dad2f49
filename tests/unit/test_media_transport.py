"""How files go to Meta and come from there: a form that is read while it is sent, and hosts that may be asked."""

import io
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP

import pytest
import requests

from tests.factories import png
from wotnot.models import MediaKind
from wotnot.services.media_rules import ANY_TYPE, RefusedFileError, judge_inbound
from wotnot.services.whatsapp.client import GraphClient
from wotnot.services.whatsapp.downloads import UntrustedAddressError
from wotnot.services.whatsapp.multipart import MultipartBody

CONTENT = bytes(range(256)) * 40


def read(body: MultipartBody, size: int) -> bytes:
    return b"".join(iter(lambda: body.read(size), b""))


@pytest.mark.parametrize("size", [1, 7, 16_384, 10_000_000])
def test_a_form_with_a_file_is_whole_however_it_is_read(size: int) -> None:
    body = MultipartBody({"type": "image/png"}, io.BytesIO(CONTENT), 'Frühling "1".png', "image/png", len(CONTENT))
    whole = read(body, size)
    assert len(whole) == len(body)
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + whole)
    field, file = message.iter_parts()
    assert field.get_param("name", header="content-disposition") == "type"
    assert field.get_payload(decode=True).strip() == b"image/png"
    assert file.get_payload(decode=True) == CONTENT
    assert b'filename="Fr\xc3\xbchling %221%22.png"' in whole


def test_it_is_never_in_memory_as_a_whole() -> None:
    class Careful(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 < size <= 1 << 20, "somebody wants all of it at once"
            return super().read(size)

    body = MultipartBody({}, Careful(CONTENT), "a.png", "image/png", len(CONTENT))
    request = requests.Request("POST", "http://127.0.0.1:9/", data=body).prepare()  # type: ignore[arg-type]
    assert request.headers["Content-Length"] == str(len(body))
    assert request.body is body  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    "address",
    [
        "http://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1",
        "https://lookaside.fbsbx.com.evil.example/x",
        "https://evil-facebook.com/x",
        "https://lookaside.fbsbx.com:8443/x",
        "https://lookaside.fbsbx.com@evil.example/x",
        "https://lookaside.fbsbx.com:port/x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:6379/",
        "https://graph.facebook.com.:443@127.0.0.1/",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/x",
        "",
    ],
)
def test_nothing_but_meta_is_asked_for_a_file(address: str) -> None:
    client = GraphClient("https://graph.facebook.com", "v24.0", "secret-token")
    with pytest.raises(UntrustedAddressError, match="which is not Meta"), client.open_media(address, seconds=1):
        pass


@pytest.mark.parametrize(
    ("head", "kind", "name", "expected"),
    [
        (png(), MediaKind.IMAGE, "", ("image/png", "Picture.png")),
        (b"\xff\xd8\xff\xe0", MediaKind.DOCUMENT, "scan.pdf", ("image/jpeg", "scan.pdf")),
        (b"\0\0\0\x18ftypmp42", MediaKind.AUDIO, "", ("audio/mp4", "Recording.m4a")),
        (b"RIFF\0\0\0\0WEBPVP8 \0", MediaKind.STICKER, "", ("image/webp", "Sticker.webp")),
        (b"\x00\x01", MediaKind.DOCUMENT, "../../plan.dwg", (ANY_TYPE, "plan.dwg")),
        (b"\x00\x01", MediaKind.VIDEO, "", (ANY_TYPE, "Video.file")),
        (b"<html>", MediaKind.DOCUMENT, "letter.txt", ("text/plain", "letter.txt")),
    ],
)
def test_what_people_send_is_kept_under_its_own_type(
    head: bytes, kind: MediaKind, name: str, expected: tuple[str, str]
) -> None:
    assert judge_inbound(head, kind, name) == expected


@pytest.mark.parametrize("name", ["a.exe", "a.pdf.exe", "a.exe.pdf", "page.htm", "logo.svg", "run.apk"])
def test_programs_of_others_are_refused(name: str) -> None:
    with pytest.raises(RefusedFileError, match="program"):
        judge_inbound(b"%PDF-1.4", MediaKind.DOCUMENT, name)
