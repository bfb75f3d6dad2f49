"""WooCommerce's REST API, version 3, over HTTP: one method a call, every refusal a `ShopFault`.

Source for paths and fields: woocommerce.github.io/woocommerce-rest-api-docs. Every call is bounded in time and size, and
goes to the shop's own host only.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from wotnot.services.public_addresses import PrivateAddress, UnknownAddress, cause_of, open_session
from wotnot.services.woocommerce.faults import ShopFault, Trouble

Json = dict[str, Any]

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 15.0, 25.0
SLOW_SECONDS = 6.0
"""A shop whose answers take longer counts as slow, though it answers."""

LONGEST_WAIT = timedelta(hours=1)
"""A shop that asks for more is asked again after this."""

LARGEST_ANSWER = 12 * 1024 * 1024
PER_PAGE = 100
_MOST_REDIRECTS = 3
_PIECE = 64 * 1024
_AGENT = "WotNot (WooCommerce connection)"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought: the JSON, for lists the counts of all rows and pages, the shop's clock, and how long it took."""

    data: Any
    total: int = 0
    pages: int = 1
    at: datetime | None = None
    seconds: float = 0.0


class WooClient:
    """Calls to one shop with one pair of keys. Not shared between threads; cheap to make."""

    def __init__(self, base_url: str, key: str, secret: str, *, may_be_private: bool = False) -> None:
        """`base_url` is the shop's address without `/wp-json`; `may_be_private` is for the sandbox on this machine."""
        self.base_url = base_url.rstrip("/")
        self._keys = (key, secret)
        self._may_be_plain = may_be_private
        self._in_query = False
        self._http = open_session(may_be_private=may_be_private)
        self._http.headers.update({"User-Agent": _AGENT, "Accept": "application/json"})
        self._slowest = 0.0

    def __enter__(self) -> "WooClient":
        """Use as a context manager to give the connections back."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pooled connections."""
        self._http.close()

    @property
    def is_slow(self) -> bool:
        """Whether a call took so long that customers of the shop will have noticed it too."""
        return self._slowest > SLOW_SECONDS

    # ------------------------------------------------------------ the shop

    def get_index(self) -> Json:
        """WordPress's own index: `name` and `namespaces`. Asked without keys."""
        return _object(self._call("GET", "/wp-json/", with_keys=False).data)

    def get_status(self) -> Json:
        """`environment.version` and `settings.currency`; only these parts, for the whole takes shops many seconds."""
        return _object(self._call("GET", "/wp-json/wc/v3/system_status", {"_fields": "environment,settings"}).data)

    def find_country(self) -> str:
        """The ISO country where the shop is, or "" when it does not say."""
        try:
            answer = self._call("GET", "/wp-json/wc/v3/settings/general/woocommerce_default_country")
        except ShopFault as fault:
            if fault.trouble in {Trouble.NOT_WOO, Trouble.PERMISSION, Trouble.KEYS}:
                return ""
            raise
        return str(_object(answer.data).get("value") or "").partition(":")[0].upper()[:2]

    def check_write(self) -> None:
        """Raises ShopFault (PERMISSION) when the keys may not write. Changes nothing: a batch of no webhooks."""
        self._call("POST", "/wp-json/wc/v3/webhooks/batch", body={})

    # ------------------------------------------------------------ orders, notes, products

    def list_orders(self, **filters: Any) -> Answer:
        """A page of orders, up to 100. Filters: page, per_page, orderby, order, status, modified_after, modified_before."""
        return self._call("GET", "/wp-json/wc/v3/orders", {"per_page": PER_PAGE, "dates_are_gmt": "true"} | filters)

    def get_order(self, order_id: int) -> Json:
        """One order."""
        return _object(self._call("GET", f"/wp-json/wc/v3/orders/{order_id}").data)

    def list_customer_notes(self, order_id: int) -> list[Json]:
        """The notes of an order that its customer may read, the newest first."""
        return _list(self._call("GET", f"/wp-json/wc/v3/orders/{order_id}/notes", {"type": "customer"}).data)

    def list_customers(self, **filters: Any) -> Answer:
        """A page of customers with an account, up to 100. Filters: page, per_page, orderby, order."""
        return self._call("GET", "/wp-json/wc/v3/customers", {"per_page": PER_PAGE} | filters)

    def list_products(self, **filters: Any) -> Answer:
        """A page of published products. Filters: page, per_page, search, include."""
        return self._call("GET", "/wp-json/wc/v3/products", {"status": "publish"} | filters)

    # ------------------------------------------------------------ webhooks

    def list_webhooks(self) -> list[Json]:
        """The shop's webhooks, up to 100."""
        return _list(self._call("GET", "/wp-json/wc/v3/webhooks", {"per_page": PER_PAGE}).data)

    def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Json:
        """Create an active webhook; the shop pings its address at once."""
        body = {"name": name, "topic": topic, "delivery_url": delivery_url, "secret": secret, "status": "active"}
        return _object(self._call("POST", "/wp-json/wc/v3/webhooks", body=body).data)

    def activate_webhook(self, webhook_id: int, *, secret: str) -> None:
        """Switch a webhook on again, with the secret that we know."""
        self._call("PUT", f"/wp-json/wc/v3/webhooks/{webhook_id}", body={"status": "active", "secret": secret})

    def delete_webhook(self, webhook_id: int) -> None:
        """Delete a webhook."""
        self._call("DELETE", f"/wp-json/wc/v3/webhooks/{webhook_id}", {"force": "true"})

    # ------------------------------------------------------------ one call

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        body: Json | None = None,
        *,
        with_keys: bool = True,
    ) -> Answer:
        try:
            return self._once(method, path, params, body, with_keys=with_keys)
        except ShopFault as fault:
            # Some hosts strip the Authorization header; then the shop takes the keys in the address.
            if not with_keys or self._in_query or fault.code != "woocommerce_rest_cannot_view":
                raise
            self._in_query = True
            return self._once(method, path, params, body, with_keys=True)

    def _once(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Json | None, *, with_keys: bool
    ) -> Answer:
        query = dict(params or {})
        if with_keys and self._in_query:
            query |= {"consumer_key": self._keys[0], "consumer_secret": self._keys[1]}
        auth = self._keys if with_keys and not self._in_query else None
        started = time.monotonic()
        try:
            response = self._follow(method, self.base_url + path, query, body, auth)
            with response:
                raw = _read(response, started + TOTAL_SECONDS)
        except requests.RequestException as error:
            raise _fault_of(error) from error
        seconds = time.monotonic() - started
        self._slowest = max(self._slowest, seconds)
        return _answer(response, raw, seconds)

    def _follow(
        self, method: str, url: str, query: Json, body: Json | None, auth: tuple[str, str] | None
    ) -> requests.Response:
        """Send, and go where the shop sends us only while it is the same host and a question, never to plain HTTP."""
        for _ in range(_MOST_REDIRECTS):
            response = self._http.request(
                method,
                url,
                params=query,
                json=body,
                auth=auth,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            )
            if not response.is_redirect:
                return response
            target = urljoin(url, response.headers["Location"])
            response.close()
            if method != "GET" or not _is_same_place(url, target):
                raise ShopFault(Trouble.MOVED, said=_shown(target), status=response.status_code)
            url, query = target, {}
        raise ShopFault(Trouble.MOVED, said="It sends us round in circles")


def _is_same_place(url: str, target: str) -> bool:
    here, there = urlsplit(url), urlsplit(target)
    if there.scheme not in {"http", "https"} or (here.scheme == "https" and there.scheme != "https"):
        return False
    return here.hostname == there.hostname and (here.port == there.port or here.scheme != there.scheme)


def _shown(target: str) -> str:
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:150]


def _read(response: requests.Response, deadline: float) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ShopFault(Trouble.TOO_LARGE, status=response.status_code)
        if time.monotonic() > deadline:
            raise ShopFault(Trouble.SLOW, status=response.status_code)
        pieces.append(piece)
    return b"".join(pieces)


def _answer(response: requests.Response, raw: bytes, seconds: float) -> Answer:
    headers = response.headers
    try:
        data = json.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        raise _with_wait(_no_json(response, raw), headers) from None
    if response.status_code >= 400:
        raise _with_wait(_refusal(response.status_code, data), headers)
    return Answer(
        data, _count(headers.get("X-WP-Total"), 0), _count(headers.get("X-WP-TotalPages"), 1), _date(headers), seconds
    )


def _no_json(response: requests.Response, raw: bytes) -> ShopFault:
    status = response.status_code
    if status == 429:
        return ShopFault(Trouble.BUSY, status=status)
    if status in {502, 503, 504, 521, 522, 523} and b"<" not in raw[:200]:
        return ShopFault(Trouble.DOWN, status=status)
    is_page = b"<" in raw[:1000] or "html" in response.headers.get("Content-Type", "")
    if is_page and status == 404:
        return ShopFault(Trouble.NOT_WOO, status=status)
    return ShopFault(Trouble.HTML if is_page else Trouble.BROKEN, status=status)


def _refusal(status: int, data: Any) -> ShopFault:
    """WordPress's envelope `{code, message, data}`."""
    code = str(data.get("code") or "") if isinstance(data, dict) else ""
    said = str(data.get("message") or "") if isinstance(data, dict) else ""
    if status == 429:
        return ShopFault(Trouble.BUSY, status=status)
    if code == "rest_no_route":
        return ShopFault(Trouble.NOT_WOO, status=status, code=code)
    if "write permissions" in said or (status == 403 and "cannot" in code):
        return ShopFault(Trouble.PERMISSION, said, status, code)
    if status in {401, 403}:
        return ShopFault(Trouble.KEYS, said, status, code)
    return ShopFault(Trouble.BROKEN, said, status, code)


def _with_wait(fault: ShopFault, headers: Mapping[str, str]) -> ShopFault:
    """The fault with how long the shop asks to be left alone: seconds or a date (RFC 9110, 10.2.3), an hour at most."""
    said = headers.get("Retry-After", "").strip()
    wait = timedelta(seconds=_count(said, 0))
    if said and not said.isdecimal() and (until := _moment(said)) is not None:
        wait = until - datetime.now(UTC)
    fault.wait = max(timedelta(0), min(wait, LONGEST_WAIT))
    return fault


def _fault_of(error: requests.RequestException) -> ShopFault:
    cause = cause_of(error)
    words, kinds = repr(error), requests.exceptions
    if isinstance(cause, PrivateAddress):
        return ShopFault(Trouble.PRIVATE)
    if isinstance(cause, UnknownAddress) or "NameResolution" in words or isinstance(error, kinds.InvalidURL):
        return ShopFault(Trouble.UNKNOWN_ADDRESS)
    if isinstance(error, kinds.SSLError):
        return ShopFault(Trouble.TLS)
    is_slow = isinstance(error, kinds.ReadTimeout) or "Read timed out" in words
    return ShopFault(Trouble.SLOW if is_slow else Trouble.DOWN)


def _object(data: Any) -> Json:
    if not isinstance(data, dict):
        raise ShopFault(Trouble.BROKEN, "An object was expected")
    return data


def _list(data: Any) -> list[Json]:
    if not isinstance(data, list):
        raise ShopFault(Trouble.BROKEN, "A list was expected")
    return [one for one in data if isinstance(one, dict)]


def _count(header: str | None, default: int) -> int:
    return int(header) if header and header.isascii() and header.isdecimal() and len(header) < 10 else default


def _date(headers: Mapping[str, str]) -> datetime | None:
    return _moment(headers.get("Date", ""))


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
