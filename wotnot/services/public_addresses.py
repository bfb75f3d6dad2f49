"""Calls to addresses that people type: only public ones, looked at after DNS, and the address that was looked at is the one called.

A name that is public when it is checked and private a moment later (DNS rebinding) therefore gains nothing. A leaf.
"""

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_EMBEDDED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"), ipaddress.ip_network("::/96"))
"""IPv6 addresses that carry an IPv4 address inside: through them a private one could be reached."""


class PrivateAddress(OSError):  # noqa: N818 — named for what it is
    """The name leads to an address that is not public."""


class UnknownAddress(OSError):  # noqa: N818
    """The name leads nowhere."""


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by everybody: not private, loopback, link-local, multicast or a disguise of these."""
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _EMBEDDED):
            return False
    return found.is_global and not found.is_multicast


def resolve_public(host: str, port: int) -> list[str]:
    """The addresses of `host`. Raises PrivateAddress when one of them is not public, UnknownAddress without any."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownAddress(f"{host} is not known") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    if not all(is_public(address) for address in addresses):
        raise PrivateAddress(f"{host} leads to a private network")
    return addresses


def open_session(*, may_be_private: bool = False) -> requests.Session:
    """A session whose every connection is checked, redirects included; no proxy from the environment is used.

    `may_be_private` leaves the check out, for the sandbox on this machine. A refused address shows as a
    `requests.ConnectionError` that was caused by PrivateAddress or UnknownAddress: see `cause_of`.
    """
    session = requests.Session()
    session.trust_env = False
    if not may_be_private:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _CheckedAdapter())
    return session


def cause_of(error: BaseException) -> PrivateAddress | UnknownAddress | None:
    """The refusal that lies behind an error of requests, if one does."""
    seen: list[Any] = [error]
    while seen:
        one = seen.pop()
        if isinstance(one, PrivateAddress | UnknownAddress):
            return one
        more = [one.__cause__, one.__context__, getattr(one, "reason", None), *getattr(one, "args", ())]
        seen += [thing for thing in more if isinstance(thing, BaseException)]
    return None


class _Checked:
    """Connects to an address that was looked at, while name and certificate stay those of the host."""

    _dns_host: str
    port: int

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        addresses = resolve_public(name.strip("[]"), self.port)
        try:
            for place, address in enumerate(addresses, 1):
                self._dns_host = address
                try:
                    opened: socket.socket = super()._new_conn()  # type: ignore[misc]
                except Exception:
                    if place == len(addresses):
                        raise
                else:
                    return opened
        finally:
            self._dns_host = name
        raise UnknownAddress(f"{name} is not known")


class _CheckedHTTP(_Checked, HTTPConnection):
    pass


class _CheckedHTTPS(_Checked, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHTTPS


class _CheckedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
