"""Posting one message to the Cloud API, as lean as `requests` allows, and knowing afterwards whether it left.

`POST /{phone-number-id}/messages` has no idempotency key, so everything depends on the answer to one question: may Meta
have the message? The connection calls `on_leaving` right before the body goes to the socket and sets the mark it gets.
A failure before that moment is harmless (`NOT_SENT`); a failure after it is `UNCERTAIN` and only Meta's receipt can
settle it.
"""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from wotnot.services.send_journal import Mark
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
    """The request that this thread is making: its hook, and whether its body may be on the wire."""

    hook: Callable[[], Mark] | None = None
    left: bool = False


_leaving = _Leaving()


class _Announcing:
    """Mixed into a connection: calls the thread's hook after the headers, then sets the mark and sends the body."""

    sock: socket.socket
    _headers_done = False

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        self._headers_done = False
        super().endheaders(*args, **kwargs)  # type: ignore[misc]
        self._headers_done = True

    def send(self, data: Any) -> None:
        hook = _leaving.hook if self._headers_done else None
        if hook is None:
            super().send(data)  # type: ignore[misc]
            return
        _leaving.hook = None
        _send_marked(self.sock, hook(), data)


def _send_marked(sock: socket.socket, mark: Mark, data: bytes) -> None:
    """Set `mark` and put `data` on the wire, as close together as an interpreter with many threads allows.

    Storing into a mapped page is one step, and `os.write` lets other threads run only once it is in the kernel, so a
    kill finds the mark set and the body unsent only within a fraction of a microsecond. A write that fails took nothing.
    """
    if isinstance(sock, ssl.SSLSocket):
        mark.set()
        _leaving.left = True
        sock.sendall(data)
        return
    descriptor, write = sock.fileno(), os.write
    pages, place, packed = mark.pages, mark.place, mark.packed
    _leaving.left = True
    pages[place] = packed
    try:
        written = write(descriptor, data)
    except BlockingIOError:
        written = 0
    except OSError:
        _leaving.left = False
        mark.clear()
        raise
    if written < len(data):
        sock.sendall(data[written:])


class _Connection(_Announcing, HTTPConnection):
    pass


class _SecureConnection(_Announcing, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Dispatcher:
    """Keeps connections to the Graph API and posts messages over them; safe to use from many threads."""

    def __init__(self, base_url: str, version: str, *, connections: int) -> None:
        """`base_url` without a version; up to `connections` are kept open."""
        self._root = f"{base_url}/{version}"
        self._adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        self._adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def post(self, phone_number_id: str, token: str, body: bytes, on_leaving: Callable[[], Mark]) -> Answer:
        """Post `body` (JSON) as a message of the number. Never raises for what the network or Meta does.

        `on_leaving` is called when the body is next; it may wait, and answers the mark to set when the body goes.
        """
        _leaving.hook, _leaving.left = on_leaving, False
        try:
            response = self._adapter.send(
                _prepare(f"{self._root}/{phone_number_id}/messages", token, body),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
            return _read(response.status_code, response.content)
        except (RequestException, OSError) as error:
            return Answer(Result.UNCERTAIN if _leaving.left else Result.NOT_SENT, detail=_words(error))
        finally:
            _leaving.hook = None

    def close(self) -> None:
        """Close every kept connection."""
        self._adapter.close()


def _prepare(url: str, token: str, body: bytes) -> PreparedRequest:
    """A prepared request without the work that `Session` repeats for each (cookies, proxies, netrc, encoding)."""
    request = PreparedRequest()
    request.method, request.url, request.body = "POST", url, body
    request.headers = CaseInsensitiveDict(
        {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "application/json",
            "User-Agent": "WotNot/1",
        }
    )
    request.hooks = default_hooks()
    return request


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
