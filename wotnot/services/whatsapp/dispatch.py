"""Posting one message to the Cloud API, as lean as can be, and knowing afterwards whether it left.

`POST /{phone-number-id}/messages` has no idempotency key, so everything depends on the answer to one question: may Meta
have the message? The connection calls `on_leaving` right before the body goes to the socket and sends it through the
departure that it gets. A failure before that moment is harmless (`NOT_SENT`); a failure after it is `UNCERTAIN` and only
Meta's receipt can settle it.

TLS runs above the socket here and not inside it (`SSLTransport`), because only then is there a moment at which a whole
encrypted body is handed to the kernel, and can be noted.

This is the one place that calls `urllib3` and not `requests` above it: what `requests` adds (sessions, cookies, hooks) is
of no use to a message and takes two fifths of the processor's time that one costs.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from certifi import where as known_authorities
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url
from urllib3.util.ssltransport import SSLTransport

from wotnot.services.send_journal import Departure
from wotnot.services.whatsapp.errors import GraphFault, parse_fault

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


class Result(StrEnum):
    """What is known after the call: Meta took it, Meta refused it, it never left, or nobody can tell."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Answer:
    """`wamid` when accepted; `fault` when refused; `detail` says why when the connection failed."""

    result: Result
    wamid: str = ""
    fault: GraphFault | None = None
    detail: str = ""


class _Leaving(threading.local):
    """The request that this thread is making: its hook until the body is next, then its departure."""

    hook: Callable[[], Departure] | None = None
    departure: Departure | None = None
    is_next: bool = False

    def begin(self, hook: Callable[[], Departure]) -> None:
        self.hook, self.departure, self.is_next = hook, None, False

    @property
    def has_left(self) -> bool:
        return self.departure is not None and self.departure.has_left


_leaving = _Leaving()


class _Wire(socket.socket):
    """A socket that sends the body of a message through its departure, and all else as usual."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        if not data:
            return  # TLS offers what it has to say each time it listens, and mostly has nothing
        departure = _leaving.departure
        if departure is None or not _leaving.is_next:
            super().sendall(data, flags)
            return
        _leaving.is_next = False
        departure.send(self, bytes(data))


class _Announcing:
    """Mixed into a connection: keeps the headers until the body is next, calls the thread's hook, and sends both at once.

    One system call instead of two, and the departure is the whole message.
    """

    sock: Any
    _headers_done = False
    _headers = b""

    def _new_conn(self) -> _Wire:
        plain: socket.socket = super()._new_conn()  # type: ignore[misc]
        timeout = plain.gettimeout()
        wire = _Wire(fileno=plain.detach())
        wire.settimeout(timeout)
        return wire

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self._headers_done, self._headers = False, b""
        super().endheaders(*args, **kwargs)  # type: ignore[misc]
        self._headers_done = True

    def send(self, data: Any) -> None:
        if _leaving.hook is None:
            super().send(data)  # type: ignore[misc]
        elif not self._headers_done:
            self._headers += data
            if self.sock is None:
                self.connect()  # type: ignore[attr-defined]
        else:
            hook, _leaving.hook = _leaving.hook, None
            _leaving.departure, _leaving.is_next = hook(), True
            super().send(self._headers + data)  # type: ignore[misc]


class _Connection(_Announcing, HTTPConnection):
    pass


class _SecureConnection(_Announcing, HTTPSConnection):
    def connect(self) -> None:
        """Verified TLS over a wire of ours."""
        wire = self._new_conn()
        try:
            self.sock = SSLTransport(wire, _tls_context(self.ca_certs), server_hostname=self.host)
        except BaseException:
            wire.close()
            raise
        self.is_verified = True


@cache
def _tls_context(ca_certs: str | None) -> ssl.SSLContext:
    """One for all connections: reading the authorities takes longer than a message."""
    return ssl.create_default_context(cafile=ca_certs)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Dispatcher:
    """Keeps connections to the Graph API and posts messages over them; safe to use from many threads."""

    def __init__(self, base_url: str, version: str, *, connections: int, authorities: str = "") -> None:
        """`base_url` without a version; up to `connections` are kept open; `authorities` may name a file of them."""
        url = parse_url(base_url)
        self._root = f"{(url.path or '').rstrip('/')}/{version}"
        self._pool = _open_pool(url.scheme or "", url.host or "", url.port, connections, authorities)

    def post(self, phone_number_id: str, token: str, body: bytes, on_leaving: Callable[[], Departure]) -> Answer:
        """Post `body` (JSON) as a message of the number. Never raises for what the network or Meta does.

        `on_leaving` is called when the body is next; it may wait, and answers the departure through which it goes.
        """
        _leaving.begin(on_leaving)
        try:
            response = self._pool.urlopen(
                "POST",
                f"{self._root}/{phone_number_id}/messages",
                body=body,
                headers=_headers(token),
                retries=False,
                redirect=False,
            )
            return _read(response.status, response.data)
        except (HTTPError, OSError) as error:
            return Answer(Result.UNCERTAIN if _leaving.has_left else Result.NOT_SENT, detail=_words(error))
        finally:
            _leaving.hook = None

    def close(self) -> None:
        """Close every kept connection."""
        self._pool.close()


def _open_pool(scheme: str, host: str, port: int | None, connections: int, authorities: str) -> HTTPConnectionPool:
    timeout = Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    if scheme == "http":
        return _Pool(host, port, timeout=timeout, maxsize=connections)
    return _SecurePool(host, port, timeout=timeout, maxsize=connections, ca_certs=authorities or known_authorities())


def _headers(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "WotNot/1",
    }


def _read(status: int, content: bytes) -> Answer:
    if status == 200:
        try:
            return Answer(Result.ACCEPTED, wamid=str(json.loads(content)["messages"][0]["id"]))
        except (ValueError, LookupError, TypeError):
            return Answer(Result.UNCERTAIN, detail="Meta answered 200 with a body that names no message.")
    fault = parse_fault(status, content)
    if fault.code is None:
        # Not Meta's own words: a gateway in between broke, with or without the message behind it.
        return Answer(Result.UNCERTAIN, fault=fault, detail=f"HTTP {status} without an error that Meta signed.")
    return Answer(Result.REFUSED, fault=fault)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
