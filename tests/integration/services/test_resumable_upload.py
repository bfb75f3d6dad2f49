"""A sample that breaks off on its way to Meta goes on where it was."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wotnot.services.whatsapp.client import UPLOAD_ATTEMPTS, GraphClient
from wotnot.services.whatsapp.errors import GraphError

SESSION = "upload:MTphdHRh==?sig=AR_x-1"


class Meta(HTTPServer):
    """Meta's upload host: keeps `first` bytes of each broken attempt, `broken` attempts long."""

    broken = 0
    first = 4
    data = b""
    seen: list[str]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []


class Handler(BaseHTTPRequestHandler):
    server: Meta

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(f"POST {self.path} {self.headers.get('file_offset', '')}".strip())
        if "/uploads" in self.path:
            return self.answer(200, {"id": SESSION})
        assert int(self.headers["file_offset"]) == len(self.server.data)
        if self.server.broken:
            self.server.broken -= 1
            self.server.data += body[: self.server.first]
            return self.answer(503, {"error": {"code": 2, "message": "Service temporarily unavailable"}})
        self.server.data += body
        return self.answer(200, {"h": "4:handle"})

    def do_GET(self) -> None:
        self.server.seen.append(f"GET {self.path}")
        self.answer(200, {"id": SESSION, "file_offset": len(self.server.data)})

    def answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def meta() -> Iterator[Meta]:
    with Meta() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def upload(meta: Meta, content: bytes) -> str:
    with GraphClient(f"http://127.0.0.1:{meta.server_port}", "v24.0", "token") as client:
        return client.upload_sample("5000", io.BytesIO(content), "a & b.png", "image/png", len(content))


def test_in_one_go(meta: Meta) -> None:
    assert upload(meta, b"0123456789") == "4:handle"
    assert meta.seen == [
        "POST /v24.0/5000/uploads?file_name=a+%26+b.png&file_length=10&file_type=image%2Fpng",
        f"POST /v24.0/{SESSION} 0",
    ]
    assert meta.data == b"0123456789"


def test_after_two_breaks_nothing_is_missing_or_twice(meta: Meta) -> None:
    meta.broken = UPLOAD_ATTEMPTS - 1
    assert upload(meta, b"0123456789") == "4:handle"
    assert meta.data == b"0123456789"
    assert [line.rsplit(" ", 1)[1] for line in meta.seen if line.startswith("POST /v24.0/upload")] == ["0", "4", "8"]


def test_it_is_given_up_after_the_last_attempt(meta: Meta) -> None:
    meta.broken = UPLOAD_ATTEMPTS
    with pytest.raises(GraphError):
        upload(meta, b"0123456789")
    assert len([line for line in meta.seen if line.startswith("POST /v24.0/upload:")]) == UPLOAD_ATTEMPTS
