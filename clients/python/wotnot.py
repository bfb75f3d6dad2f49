"""WotNot from Python, in one file and without dependencies: copy it beside your program (Python 3.11 or newer).

    from wotnot import WotNot

    shop = WotNot("https://wotnot.example", "wn_live_…")
    sent = shop.send_template("+27 82 555 0140", "order_update", {"1": "Naledi"}, channel_id=1)
    print(shop.message(sent["id"])["state"])

A test key (`wn_test_…`) sends nothing: its messages are simulated, receipts included.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

__all__ = ["WotNot", "WotNotError"]

Json = dict[str, Any]
_TRY_AGAIN = (429, 503)


class WotNotError(Exception):
    """The API refused. `status` and `code` are for programs, `detail` and `errors` (field: sentences) for people."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """`problem` is the API's problem document."""
        self.status = status
        self.code = str(problem.get("code") or "")
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        self.errors = dict(problem.get("errors") or {})
        super().__init__(self.detail)


class WotNot:
    """One workspace. `tries` is how often a call is made that was told to come again later, or that nobody answered."""

    def __init__(self, base_url: str, key: str, *, timeout: float = 30.0, tries: int = 4) -> None:
        if not base_url.startswith(("https://", "http://")):
            raise ValueError("base_url is the full address of your WotNot, such as https://wotnot.example")
        self._root = base_url.rstrip("/") + "/api/v1"
        self._key = key
        self._timeout = timeout
        self._tries = max(1, tries)

    # ------------------------------------------------------------ the usual calls

    def me(self) -> Json:
        """Who the key belongs to."""
        return self.call("GET", "/me")

    def contacts(self, **filters: str) -> Iterator[Json]:
        """Every contact, page after page; `search` and `tag` narrow it down."""
        return self.pages("/contacts", **filters)

    def create_contact(self, phone: str, **fields: Any) -> Json:
        """A new contact: name, email, tags, attributes. Raises WotNotError 409 when the number is one already."""
        return self.call("POST", "/contacts", {"phone": phone, **fields})

    def send_template(
        self,
        to: str,
        name: str,
        variables: Mapping[str, Any] | None = None,
        *,
        channel_id: int | None = None,
        language: str | None = None,
        once: str = "",
    ) -> Json:
        """Send a template. The same `once` never sends twice, also from another process; without it only tries share one."""
        template = {"name": name, "language": language, "variables": dict(variables or {})}
        return self._send({"to": to, "type": "template", "template": template, "channel_id": channel_id}, once)

    def send_text(self, to: str, body: str, *, channel_id: int | None = None, once: str = "") -> Json:
        """Send free text, which WhatsApp takes within 24 hours of the person's last message."""
        return self._send({"to": to, "type": "text", "text": {"body": body}, "channel_id": channel_id}, once)

    def message(self, message_id: int) -> Json:
        """What became of a message: state, its times, the error in words."""
        return self.call("GET", f"/messages/{message_id}")

    def create_broadcast(self, once: str = "", **fields: Any) -> Json:
        """A draft, or a scheduled broadcast with `scheduled_at`: name, channel_id, template_id, audience, variables."""
        return self.call("POST", "/broadcasts", fields, once=once or str(uuid.uuid4()))

    def start_broadcast(self, broadcast_id: int) -> Json:
        """Send it now."""
        return self.call("POST", f"/broadcasts/{broadcast_id}/start")

    def broadcast(self, broadcast_id: int) -> Json:
        """How far it is: state, funnel, states."""
        return self.call("GET", f"/broadcasts/{broadcast_id}")

    # ------------------------------------------------------------ any call

    def pages(self, path: str, **filters: Any) -> Iterator[Json]:
        """Every item of a list."""
        cursor = ""
        while cursor is not None:
            wanted = {**filters, **({"cursor": cursor} if cursor else {})}
            page = self.call("GET", f"{path}?{urlencode(wanted)}")
            yield from page["items"]
            cursor = page["next_cursor"]

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, once: str = "") -> Any:
        """Any call of the API, `path` below /api/v1. Raises WotNotError, or URLError when nobody answers.

        Waits and tries again after 429 and 503; after a broken connection only what is safe to repeat.
        """
        is_safe = method in ("GET", "PUT", "DELETE") or bool(once)
        for left in reversed(range(self._tries)):
            try:
                return self._once(method, path, body, once)
            except HTTPError as error:
                if error.code not in _TRY_AGAIN or not left:
                    raise WotNotError(error.code, _problem(error)) from None
                time.sleep(min(60.0, float(error.headers.get("Retry-After") or 1)))
            except (URLError, TimeoutError, ConnectionError):
                if not left or not is_safe:
                    raise
                time.sleep(0.5)
        raise AssertionError("unreachable")

    def _send(self, message: Json, once: str) -> Json:
        return self.call("POST", "/messages", message, once=once or str(uuid.uuid4()))

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, once: str) -> Any:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if once:
            headers["Idempotency-Key"] = once
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        address = self._root + quote(path, safe="/?=&%+:,.-_~")
        request = Request(address, data, headers, method=method)  # noqa: S310 — the constructor has looked at the scheme
        with urlopen(request, timeout=self._timeout) as answer:  # noqa: S310 # nosec B310
            content = answer.read()
        return json.loads(content) if content else None


def _problem(error: HTTPError) -> Mapping[str, Any]:
    try:
        found = json.loads(error.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
