"""The real sandbox as a subprocess, its API over HTTP, and a receiver that remembers the webhooks it is sent."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

ROOT = Path(__file__).resolve().parents[3]
NUMBER = "800000000000001"
WABA = "700000000000001"
SECRET = "receiver-secret"
VERIFY_TOKEN = "receiver-verify"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(condition: Callable[[], Any], seconds: float = 8.0) -> Any:
    """The first true value of `condition`; fails when there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"still not true after {seconds} s")


class Api:
    """The sandbox over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer sandbox-token"

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=10, **kwargs)

    def post(self, path: str, data: Any = None, **kwargs: Any) -> requests.Response:
        return self.session.post(self.url + path, json=data, timeout=10, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> requests.Response:
        return self.session.delete(self.url + path, timeout=10, **kwargs)

    def set(self, **settings: Any) -> None:
        answer = self.post("/sandbox/settings", settings)
        assert answer.status_code == 200, answer.text

    def send(self, to: str, number: str = NUMBER, **payload: Any) -> requests.Response:
        body = {"messaging_product": "whatsapp", "to": to, **payload}
        return self.post(f"/v24.0/{number}/messages", body)

    def send_text(self, to: str, text: str = "Hello", **more: Any) -> requests.Response:
        return self.send(to, type="text", text={"body": text}, **more)

    def send_template(
        self, to: str, *values: str, name: str = "feedback_request", language: str = "en", **more: Any
    ) -> requests.Response:
        parameters = [{"type": "text", "text": value} for value in values or ("Ana",)]
        template = {
            "name": name,
            "language": {"code": language},
            "components": [{"type": "body", "parameters": parameters}],
        }
        return self.send(to, type="template", template=template, **more)

    def open_window(self, wa_id: str, number: str = NUMBER, text: str = "Hi") -> str:
        answer = self.post("/sandbox/inbound", {"from": wa_id, "phone_number_id": number, "text": text})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


class Receiver:
    """A webhook address. `answers` are the HTTP statuses of the next posts; afterwards 200."""

    def __init__(self) -> None:
        self.posts: list[tuple[bytes, dict[str, str], float]] = []
        self.handshakes: list[dict[str, str]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.posts.append((body, dict(self.headers), time.time()))
                self._answer(status, b"")

            def do_GET(self) -> None:
                query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
                receiver.handshakes.append(query)
                good = query.get("hub.verify_token") == VERIFY_TOKEN
                self._answer(200 if good else 403, query.get("hub.challenge", "").encode() if good else b"no")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def changes(self) -> list[dict[str, Any]]:
        """Every change of every post."""
        bodies = [json.loads(body) for body, _, _ in list(self.posts)]
        return [change for body in bodies for entry in body["entry"] for change in entry["changes"]]

    def statuses(self, wamid: str | None = None) -> list[dict[str, Any]]:
        found = [s for change in self.changes() for s in change["value"].get("statuses", [])]
        return [s for s in found if wamid in (None, s["id"])]

    def states(self, wamid: str) -> list[str]:
        return [s["status"] for s in self.statuses(wamid)]

    def messages(self) -> list[dict[str, Any]]:
        return [m for change in self.changes() for m in change["value"].get("messages", [])]

    def of_field(self, field: str) -> list[dict[str, Any]]:
        return [change["value"] for change in self.changes() if change["field"] == field]


def start_sandbox(*options: str) -> tuple[subprocess.Popen[str], str]:
    """A sandbox process that is ready, and its address."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("SANDBOX_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", *options], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "ready on" in line, line
    return process, line.split()[-1].rstrip("/")


def stop_sandbox(process: subprocess.Popen[str]) -> None:
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout is not None
    process.stdout.close()
