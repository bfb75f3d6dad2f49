"""Meta's Graph API over HTTP: one method a call, every refusal a `GraphError`.

The sender posts messages with code of its own; this client is for everything that happens less than a thousand times a
second. Source for paths and fields: Meta's WhatsApp Business Platform reference.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import quote

import requests

from wotnot.services.whatsapp.downloads import CONNECT_SECONDS, READ_SECONDS, Download, open_download, unreachable
from wotnot.services.whatsapp.errors import ErrorKind, GraphError, parse_fault
from wotnot.services.whatsapp.multipart import MultipartBody
from wotnot.services.whatsapp.profiles import ASKED_FIELDS

Json = dict[str, Any]

UPLOAD_ATTEMPTS = 3
PROFILE_SECONDS = 10.0  # a person waits in front of the page
PAGE_SIZE = 100
# 6,000 templates is the most an account may have; a server that pages on for ever is cut off.
MAX_PAGES = 200

_PHONE_FIELDS = ("id", "display_phone_number", "verified_name", "quality_rating", "status", "name_status", "throughput")
# The limit belongs to the business since October 2025; only versions from 24.0 on know the field.
_LIMIT_FIELDS = ("messaging_limit_tier", "whatsapp_business_manager_messaging_limit")
_WABA_FIELDS = ("id", "name", "currency", "timezone_id", "account_review_status")
_TEMPLATE_FIELDS = (
    "id",
    "name",
    "language",
    "status",
    "category",
    "components",
    "parameter_format",
    "quality_score",
    "rejected_reason",
)


class GraphClient:
    """Calls with one access token. Not shared between threads; cheap to make, pools its connections."""

    def __init__(self, base_url: str, version: str, token: str) -> None:
        """`base_url` without the version, such as https://graph.facebook.com; `version` such as v24.0."""
        self._root = f"{base_url.rstrip('/')}/{version.strip('/')}" if version else base_url.rstrip("/")
        self._http = requests.Session()
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "GraphClient":
        """Use as a context manager to give the connections back."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pooled connections."""
        self._http.close()

    # ------------------------------------------------------------ numbers and accounts

    def get_phone_number(self, phone_number_id: str) -> Json:
        """A number: display_phone_number, verified_name, quality_rating, status, and its limit where Meta tells it."""
        try:
            return self._get(phone_number_id, fields=",".join(_PHONE_FIELDS + _LIMIT_FIELDS))
        except GraphError as error:
            if error.fault.kind is not ErrorKind.CONTENT:
                raise
            return self._get(phone_number_id, fields=",".join(_PHONE_FIELDS))

    def get_waba(self, waba_id: str) -> Json:
        """A WhatsApp business account: id, name, currency, timezone_id, account_review_status."""
        return self._get(waba_id, fields=",".join(_WABA_FIELDS))

    def list_phone_numbers(self, waba_id: str) -> list[Json]:
        """Every number of an account."""
        return list(self._pages(waba_id, "phone_numbers", fields=",".join(_PHONE_FIELDS)))

    def add_phone_number(self, waba_id: str, *, country_code: str, phone_number: str, verified_name: str) -> str:
        """Add a number to an account; answers its id. It cannot send before it is verified and registered."""
        facts = {"cc": country_code, "phone_number": phone_number, "verified_name": verified_name}
        return str(self._post(waba_id, "phone_numbers", json=facts)["id"])

    def verify_phone_number(self, phone_number_id: str, code: str) -> None:
        """Prove with the code that was sent by SMS that the number is ours."""
        self._post(phone_number_id, "verify_code", json={"code": code})

    def register_phone_number(self, phone_number_id: str, pin: str) -> None:
        """Let a verified number send; `pin` becomes its two-step PIN."""
        self._post(phone_number_id, "register", json={"messaging_product": "whatsapp", "pin": pin})

    def get_profile(self, phone_number_id: str) -> Json:
        """What customers read about the business, as `profiles.read_profile` takes it."""
        asked = {"fields": ASKED_FIELDS}
        return self._call("GET", phone_number_id, "whatsapp_business_profile", params=asked, seconds=PROFILE_SECONDS)

    def change_profile(self, phone_number_id: str, changes: Mapping[str, Any]) -> None:
        """Post what `profiles.payload_of` made. Safe to repeat."""
        self._call("POST", phone_number_id, "whatsapp_business_profile", json=changes, seconds=PROFILE_SECONDS)

    def subscribe_app(self, waba_id: str) -> None:
        """Have Meta send this account's webhooks to the token's app. Safe to repeat."""
        self._post(waba_id, "subscribed_apps")

    def debug_token(self, token: str, app_id: str, app_secret: str) -> Json:
        """What a token is: is_valid, scopes, granular_scopes, expires_at. Asked in the name of the app."""
        app_token = {"Authorization": f"Bearer {app_id}|{app_secret}"}
        answer = self._call("GET", "debug_token", params={"input_token": token}, headers=app_token)
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    def exchange_code(self, app_id: str, app_secret: str, code: str, redirect_uri: str = "") -> Json:
        """The business token for a code of Meta's sign-up window: access_token, expires_in where it ends.

        A code is good once and for thirty seconds. `redirect_uri` must be the address that it came back to, if there was one.
        """
        asked = {"client_id": app_id, "client_secret": app_secret, "code": code}
        if redirect_uri:
            asked["redirect_uri"] = redirect_uri
        # Whoever asks has no token yet.
        return self._call("GET", "oauth", "access_token", params=asked, headers={"Authorization": None})

    # ------------------------------------------------------------ templates

    def list_templates(self, waba_id: str) -> Iterator[Json]:
        """Every template of an account, page after page."""
        return self._pages(waba_id, "message_templates", fields=",".join(_TEMPLATE_FIELDS))

    def create_template(self, waba_id: str, template: Mapping[str, Any]) -> Json:
        """Submit a template; answers id, status, category. The category may not be the one that was asked for."""
        return self._post(waba_id, "message_templates", json=template)

    def edit_template(self, template_id: str, changes: Mapping[str, Any]) -> Json:
        """Change components or category; an approved one goes through review again."""
        return self._post(template_id, json=changes)

    def delete_template(self, waba_id: str, name: str, template_id: str | None = None) -> None:
        """Delete one language of a template by `template_id`, or all languages of `name` without it."""
        params = {"name": name, **({"hsm_id": template_id} if template_id else {})}
        self._call("DELETE", waba_id, "message_templates", params=params)

    # ------------------------------------------------------------ messages and media

    def send_message(self, phone_number_id: str, message: Mapping[str, Any]) -> Json:
        """Post one message; answers `{contacts, messages: [{id}]}`. There is no idempotency key: do not repeat blindly."""
        return self._post(phone_number_id, "messages", json=message)

    def mark_read(self, phone_number_id: str, receipt: Mapping[str, Any]) -> None:
        """Post what `payloads.read_receipt` made."""
        self._post(phone_number_id, "messages", json=receipt)

    def upload_media(self, phone_number_id: str, file: IO[bytes], filename: str, mime_type: str, size: int) -> str:
        """Upload a file of `size` bytes and answer its media id, good for 30 days on this number."""
        form = {"messaging_product": "whatsapp", "type": mime_type}
        body = MultipartBody(form, file, filename, mime_type, size)
        answer = self._post(phone_number_id, "media", data=body, headers={"Content-Type": body.content_type})
        return str(answer.get("id", ""))

    def upload_sample(self, app_id: str, file: IO[bytes], filename: str, mime_type: str, size: int) -> str:
        """Upload a sample for a template's header and answer its handle. An upload that breaks off goes on where it was.

        Source: Meta's Resumable Upload API. The session's id is an address of its own, with a signature, and stays as it is.
        """
        facts = {"file_name": filename, "file_length": size, "file_type": mime_type}
        session_id = str(self._post(app_id, "uploads", params=facts).get("id", ""))
        address = f"{self._root}/{session_id}"
        offset = 0
        for attempt in range(1, UPLOAD_ATTEMPTS + 1):
            file.seek(offset)
            try:
                handle = self._send("POST", address, data=file, headers={"file_offset": str(offset)}).get("h")
            except GraphError as error:
                if not error.fault.may_retry or attempt == UPLOAD_ATTEMPTS:
                    raise
                handle = None
            if isinstance(handle, str) and handle:
                return handle
            offset = int(self._send("GET", address).get("file_offset", 0))
        raise GraphError(parse_fault(HTTPStatus.BAD_GATEWAY, b""))

    def get_media(self, media_id: str) -> Json:
        """Where a file can be fetched for the next five minutes: url, mime_type, sha256, file_size."""
        return self._get(media_id)

    def open_media(self, address: str, *, seconds: float) -> AbstractContextManager[Download]:
        """The content behind the `url` of `get_media`, as a stream that has to end within `seconds`.

        Raises GraphError for an answer that is no file and UntrustedAddressError; reading raises GraphError.
        """
        return open_download(self._http, address, self._root, seconds=seconds)

    # ------------------------------------------------------------ plumbing

    def _get(self, *path: str, **params: str | int) -> Json:
        return self._call("GET", *path, params=params)

    def _post(self, *path: str, **kwargs: Any) -> Json:
        return self._call("POST", *path, **kwargs)

    def _pages(self, *path: str, **params: str | int) -> Iterator[Json]:
        after = ""
        for _ in range(MAX_PAGES):
            page = self._get(*path, limit=PAGE_SIZE, **params, **({"after": after} if after else {}))
            data = page.get("data")
            yield from (row for row in data if isinstance(row, dict)) if isinstance(data, list) else ()
            following = _next_cursor(page)
            if not following or following == after:
                return
            after = following

    def _call(self, method: str, *path: str, **kwargs: Any) -> Json:
        return self._send(method, "/".join([self._root, *(quote(str(part), safe="") for part in path)]), **kwargs)

    def _send(self, method: str, address: str, *, seconds: float = READ_SECONDS, **kwargs: Any) -> Json:
        try:
            # No redirects: the token would travel along to wherever they lead.
            response = self._http.request(
                method, address, timeout=(CONNECT_SECONDS, seconds), allow_redirects=False, **kwargs
            )
        except requests.RequestException as error:
            raise GraphError(unreachable(error)) from error
        return _document(response)


def limit_of(phone: Mapping[str, Any]) -> str:
    """The messaging limit in Meta's word (TIER_250, TIER_10K, …) from whichever field has it, or nothing."""
    for name in reversed(_LIMIT_FIELDS):
        value = phone.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def missing_scopes(token_facts: Mapping[str, Any], needed: Sequence[str]) -> list[str]:
    """Which of the `needed` permissions a debugged token lacks."""
    scopes = token_facts.get("scopes")
    return [scope for scope in needed if isinstance(scopes, list) and scope not in scopes]


def _document(response: requests.Response) -> Json:
    if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise GraphError(parse_fault(response.status_code, response.content))
    try:
        document = response.json()
    except requests.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise GraphError(parse_fault(response.status_code, b""))
    return document


def _next_cursor(page: Mapping[str, Any]) -> str:
    paging = page.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else ""
    return after if isinstance(after, str) else ""
