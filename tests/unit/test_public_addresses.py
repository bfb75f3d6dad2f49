"""Only public addresses are called, however they are written, and the one that was looked at is the one that is called."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from wotnot.services import public_addresses
from wotnot.services.public_addresses import PrivateAddress, UnknownAddress, cause_of, is_public, open_session


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "0.1.2.3", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_private_address_in_any_disguise(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
def test_public_ones_are(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def server() -> Iterator[str]:
    """A server on this machine that counts how often it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"secret")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — its name there
            pass

    httpd = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()
    thread.join(5)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
def test_this_machine_is_refused_however_it_is_written(server: str, host: str) -> None:
    port = server.rpartition(":")[2]
    with open_session() as session, pytest.raises(requests.ConnectionError) as caught:
        session.get(f"http://{host}:{port}/", timeout=5)
    assert isinstance(cause_of(caught.value), PrivateAddress | UnknownAddress)


def test_the_sandbox_may_be_called(server: str) -> None:
    with open_session(may_be_private=True) as session:
        assert session.get(f"http://{server}/", timeout=5).text == "secret"


def test_a_name_that_turns_private_after_it_was_looked_at_gains_nothing(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS answers another address to the second question, as a rebinding attacker's does: there is no second question."""
    answers = iter(["127.0.0.1", "127.0.0.2"])  # the first one plays the public address in this test
    real = socket.getaddrinfo

    def lying(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host == "rebinding.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    monkeypatch.setattr(public_addresses, "is_public", lambda address: address == "127.0.0.1")
    with open_session() as session:
        assert session.get(f"http://rebinding.example:{server.rpartition(':')[2]}/", timeout=(1, 2)).text == "secret"
    assert next(answers) == "127.0.0.2", "the name was looked up once"
