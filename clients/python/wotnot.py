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
_NOT_DONE, _AWAY = 429, 503
_LONGEST_WAIT = 60.0


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

    def contact(self, contact_id: int) -> Json:
        """One contact."""
        return self.call("GET", f"/contacts/{contact_id}")

    def change_contact(self, contact_id: int, **fields: Any) -> Json:
        """Change some fields; the rest stays."""
        return self.call("PATCH", f"/contacts/{contact_id}", fields)

    def replace_contact(self, contact_id: int, phone: str, **fields: Any) -> Json:
        """A contact as it shall be: what is left out is emptied, consent stays."""
        return self.call("PUT", f"/contacts/{contact_id}", {"phone": phone, **fields})

    def export_contacts(self, **filters: str) -> bytes:
        """The contacts as CSV; `search`, `tag` and `consent` narrow them down."""
        return self.download(f"/contacts/export.csv?{urlencode(filters)}")

    def delete_contact(self, contact_id: int) -> None:
        """Delete a contact; what waits to be sent to them is skipped."""
        self.call("DELETE", f"/contacts/{contact_id}")

    def import_contacts(self, filename: str, content: bytes, **options: Any) -> Json:
        """Import a CSV in the background: default_country, on_duplicate, tags, mapping, dry_run. `import_state` follows it."""
        return self.upload("/imports", filename, content, **options)

    def import_state(self, import_id: int) -> Json:
        """How far an import is; `state` is done or failed at the end."""
        return self.call("GET", f"/imports/{import_id}")

    def import_errors(self, import_id: int) -> bytes:
        """The rows that were not taken, as CSV with the reasons."""
        return self.download(f"/imports/{import_id}/errors.csv")

    def channels(self) -> Iterator[Json]:
        """The connected numbers."""
        return self.pages("/channels")

    def connect_channel(self, waba_id: str, phone_number_id: str, access_token: str, **options: Any) -> Json:
        """Connect a number after asking Meta about it; `rate_per_second` is its pace."""
        ids = {"waba_id": waba_id, "phone_number_id": phone_number_id}
        return self.call("POST", "/channels", {**ids, "access_token": access_token, **options})

    def change_channel(self, channel_id: int, rate_per_second: int) -> Json:
        """How many messages a second the number may send."""
        return self.call("PATCH", f"/channels/{channel_id}", {"rate_per_second": rate_per_second})

    def templates(self, **filters: Any) -> Iterator[Json]:
        """Templates; `status`, `search`, `channel_id` and `deleted` narrow them down."""
        return self.pages("/templates", **filters)

    def create_template(self, channel_id: int, name: str, language: str, category: str, components: list[Json]) -> Json:
        """Submit a template to Meta for review, its components as Meta writes them."""
        told = {"channel_id": channel_id, "name": name, "language": language, "category": category}
        return self.call("POST", "/templates", {**told, "components": components})

    def sync_templates(self, channel_id: int) -> Json:
        """Fetch all templates of a number's account from Meta: created, updated, removed."""
        return self.call("POST", "/templates/sync", {"channel_id": channel_id})

    def delete_template(self, template_id: int) -> None:
        """Put a template into the recycle bin; at Meta it stays."""
        self.call("DELETE", f"/templates/{template_id}")

    def restore_template(self, template_id: int) -> Json:
        """Take a template out of the recycle bin."""
        return self.call("POST", f"/templates/{template_id}/restore")

    def upload_file(self, filename: str, content: bytes) -> Json:
        """A file for the library; its `id` goes into `send_file` and into a template's variables as `file_id`."""
        return self.upload("/media", filename, content)

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

    def send_file(
        self, to: str, kind: str, file_id: int, caption: str = "", *, channel_id: int | None = None, once: str = ""
    ) -> Json:
        """Send a file of the library within the 24 hours; `kind` is image, document, audio or video."""
        media = {"file_id": file_id, "caption": caption}
        return self._send({"to": to, "type": kind, "media": media, "channel_id": channel_id}, once)

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

    def broadcasts(self, **filters: Any) -> Iterator[Json]:
        """Broadcasts, newest first; `state` and `search` narrow them down."""
        return self.pages("/broadcasts", **filters)

    def pause_broadcast(self, broadcast_id: int) -> Json:
        """Stop for now."""
        return self.call("POST", f"/broadcasts/{broadcast_id}/pause")

    def resume_broadcast(self, broadcast_id: int) -> Json:
        """Go on after a pause."""
        return self.call("POST", f"/broadcasts/{broadcast_id}/resume")

    def cancel_broadcast(self, broadcast_id: int) -> Json:
        """End it for good."""
        return self.call("POST", f"/broadcasts/{broadcast_id}/cancel")

    def retry_broadcast(self, broadcast_id: int, scope: str = "failed") -> Json:
        """Another attempt for those whose message failed, or is `unknown`."""
        return self.call("POST", f"/broadcasts/{broadcast_id}/retry", {"scope": scope})

    def broadcast_messages(self, broadcast_id: int, **filters: Any) -> Iterator[Json]:
        """Each message of a broadcast; `state` narrows them down."""
        return self.pages(f"/broadcasts/{broadcast_id}/messages", **filters)

    def broadcast_report(self, broadcast_id: int) -> bytes:
        """Every recipient with state, reason and times, as CSV."""
        return self.download(f"/broadcasts/{broadcast_id}/report.csv")

    def conversations(self, **filters: Any) -> Iterator[Json]:
        """Conversations, the last moved first; `state`, `unread`, `channel_id` and more narrow them down."""
        return self.pages("/conversations", **filters)

    def conversation_messages(self, conversation_id: int, **filters: Any) -> Iterator[Json]:
        """The messages of a conversation, the newest first."""
        return self.pages(f"/conversations/{conversation_id}/messages", **filters)

    def read_conversation(self, conversation_id: int) -> Json:
        """Mark everything as read; the customer gets blue ticks."""
        return self.call("POST", f"/conversations/{conversation_id}/read")

    def assign_conversation(self, conversation_id: int, member_id: int | None) -> Json:
        """Hand it to a member, or to nobody."""
        return self.call("POST", f"/conversations/{conversation_id}/assign", {"member_id": member_id})

    def reply(self, conversation_id: int, body: str, *, once: str = "") -> Json:
        """Answer with a text, while the 24 hours last."""
        path = f"/conversations/{conversation_id}/messages"
        return self.call("POST", path, {"type": "text", "text": {"body": body}}, once=once or str(uuid.uuid4()))

    def close_conversation(self, conversation_id: int) -> Json:
        """Put it away; the next message of its person opens it again."""
        return self.call("POST", f"/conversations/{conversation_id}/close")

    def analytics(self, **period: str) -> Json:
        """What became of the messages of a period (`first` and `last`, as 2026-11-26), and what they cost."""
        names = {"first": "from", "last": "to"}
        return self.call("GET", f"/analytics?{urlencode({names.get(name, name): day for name, day in period.items()})}")

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

        Waits and tries again after 429, with which nothing was done; after 503 or a broken connection only what is safe to
        repeat: reading, PUT, DELETE, and what has a key in `once`.
        """
        headers = {"Idempotency-Key": once} if once else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        content = self._ask(method, path, data, headers)
        return json.loads(content) if content else None

    def upload(self, path: str, filename: str, content: bytes, **fields: Any) -> Any:
        """POST a file as the part `file` of a form. What is no text among the fields goes as JSON."""
        boundary = uuid.uuid4().hex
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in texts.items()
        ]
        safe = filename.replace('"', "'").replace("\r", " ").replace("\n", " ")
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{safe}"\r\n\r\n')
        data = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
        answer = self._ask("POST", path, data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        return json.loads(answer)

    def download(self, path: str) -> bytes:
        """What a call answers that is not JSON: a report, a file."""
        return self._ask("GET", path, None, {"Accept": "*/*"})

    def _send(self, message: Json, once: str) -> Json:
        return self.call("POST", "/messages", message, once=once or str(uuid.uuid4()))

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        is_safe = method in ("GET", "PUT", "DELETE") or "Idempotency-Key" in headers
        for left in reversed(range(self._tries)):
            try:
                return self._once(method, path, data, headers)
            except HTTPError as error:
                may_repeat = error.code == _NOT_DONE or (error.code == _AWAY and is_safe)
                if not may_repeat or not left:
                    raise WotNotError(error.code, _problem(error)) from None
                time.sleep(_wait_of(error))
            except (URLError, TimeoutError, ConnectionError):
                if not left or not is_safe:
                    raise
                time.sleep(0.5)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> bytes:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", **headers}
        address = self._root + quote(path, safe="/?=&%+:,.-_~")
        request = Request(address, data, headers, method=method)  # noqa: S310 — the constructor has looked at the scheme
        with urlopen(request, timeout=self._timeout) as answer:  # nosec B310 # noqa: S310
            content: bytes = answer.read()
            return content


def _wait_of(error: HTTPError) -> float:
    """Seconds to wait, as the answer says; what stands in between may answer a date, or nothing."""
    told = str(error.headers.get("Retry-After") or "")
    return min(_LONGEST_WAIT, float(told)) if told.isdecimal() else 1.0


def _problem(error: HTTPError) -> Mapping[str, Any]:
    try:
        found = json.loads(error.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
