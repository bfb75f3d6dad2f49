"""Fetching a file that Meta has for us: only from where Meta keeps files, as a stream, in bounded time.

The address comes in an answer of Meta's and is still not trusted: followed blindly, it would lead the token, and this
machine, to wherever it says. Source for the hosts: Meta's media reference, and what its answers name.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from wotnot.services.whatsapp.errors import ErrorKind, GraphError, GraphFault, parse_fault

CONNECT_SECONDS = 5.0
READ_SECONDS = 25.0

# Hosts that ask for the token, and hosts of Meta's that a download may lead to but that must not see it.
_WITH_TOKEN = (".facebook.com", ".fbsbx.com")
_WITHOUT_TOKEN = (".fbcdn.net", ".whatsapp.net", ".whatsapp.com")
_MOST_HOPS = 3
_LONGEST_REFUSAL = 64 * 1024


class UntrustedAddressError(ValueError):
    """A download that leads away from Meta; the message names the host."""


class Download:
    """The bytes of an answer as they come. Reading raises GraphError when the connection breaks or time is up."""

    def __init__(self, response: requests.Response, seconds: float) -> None:
        """`seconds` from now the download is given up, however slowly it drips."""
        self._raw = response.raw
        self._deadline = time.monotonic() + seconds

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        if time.monotonic() > self._deadline:
            raise GraphError(_too_slow())
        try:
            # What has arrived, instead of waiting for all of `size`: a drip must not outlast the deadline.
            piece: bytes = self._raw.read1(size, decode_content=True)
        except (HTTPError, OSError) as error:
            raise GraphError(unreachable(error)) from error
        return piece


@contextmanager
def open_download(http: requests.Session, address: str, home: str, *, seconds: float) -> Iterator[Download]:
    """Follow `address`, and redirects as far as they stay with Meta, to a file. `home` is the API's own address.

    Raises UntrustedAddressError, GraphError.
    """
    for _ in range(_MOST_HOPS):
        response = _ask(http, address, home)
        with response:
            if response.is_redirect:
                address = urljoin(address, response.headers["Location"])
                continue
            if response.status_code != HTTPStatus.OK:
                raise GraphError(parse_fault(response.status_code, _refusal(response)))
            yield Download(response, seconds)
            return
    raise UntrustedAddressError(f"The file's address leads on and on, at last to {urlsplit(address).hostname}.")


def unreachable(error: Exception) -> GraphFault:
    """A connection that failed. The exception's own text may hold the address with a token in it, so only its kind is told."""
    return GraphFault(
        code=None,
        subcode=None,
        title="Meta could not be reached",
        details=f"No answer ({type(error).__name__})",
        http_status=0,
        kind=ErrorKind.TRANSIENT,
        advice="Check the connection to the internet and try again in a moment.",
    )


def _ask(http: requests.Session, address: str, home: str) -> requests.Response:
    parts = urlsplit(address)
    is_home = _origin(parts) == _origin(urlsplit(home))
    takes_token = is_home or _is_at(parts, _WITH_TOKEN)
    if not takes_token and not _is_at(parts, _WITHOUT_TOKEN):
        raise UntrustedAddressError(f"The file's address leads to {parts.hostname or 'nowhere'}, which is not Meta.")
    headers = {"Accept-Encoding": "identity", **({} if takes_token else {"Authorization": None})}
    try:
        return http.get(
            address, headers=headers, stream=True, allow_redirects=False, timeout=(CONNECT_SECONDS, READ_SECONDS)
        )
    except requests.RequestException as error:
        raise GraphError(unreachable(error)) from error


def _is_at(parts: SplitResult, endings: tuple[str, ...]) -> bool:
    try:
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and port in {None, 443} and f".{parts.hostname or ''}".endswith(endings)


def _origin(parts: SplitResult) -> tuple[str, str]:
    return parts.scheme, parts.netloc


def _refusal(response: requests.Response) -> bytes:
    try:
        body: bytes = response.raw.read(_LONGEST_REFUSAL, decode_content=True)
    except (HTTPError, OSError):
        return b""
    return body


def _too_slow() -> GraphFault:
    return GraphFault(
        code=None,
        subcode=None,
        title="Meta sent the file too slowly",
        details="The download took too long",
        http_status=0,
        kind=ErrorKind.TRANSIENT,
        advice="It is tried again.",
    )
