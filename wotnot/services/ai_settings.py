"""Which model writes for a workspace, with whose key, and what it took. Owns `ai_settings` and `ai_calls`.

A workspace's own key is encrypted and never leaves through an answer; without one the server's key from the environment
is used. A key goes only to the address it was entered for.
"""

import ipaddress
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import func, select

from wotnot import clock
from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.extensions import db
from wotnot.models import AiCall, AiProvider, AiSetting
from wotnot.services import ai, crypto
from wotnot.services.ai import AiFault, FaultKind
from wotnot.services.transaction import release_connection, transaction

GEMINI_URL = "https://generativelanguage.googleapis.com"
OPENROUTER_URL = "https://openrouter.ai/api/v1"
DEFAULT_MODELS = {
    AiProvider.GEMINI: "gemini-2.5-flash",
    AiProvider.OPENROUTER: "google/gemini-2.5-flash",
    AiProvider.CUSTOM: "",
}
LARGEST_CAP = 1_000_000_000
TEST_SECONDS = 20.0

_SANDBOX_KEYS = "sandbox-"  # what the sandbox takes for a key; any other is real and goes to the real provider
_LONGEST_KEY = 400
_FIELDS = {FaultKind.KEY: "api_key", FaultKind.CREDIT: "api_key", FaultKind.MODEL: "model", FaultKind.REQUEST: "model"}


@dataclass(frozen=True, slots=True)
class AiSetup:
    """What the settings page shows. `source` says whose key is used; `key_hint` is the last 4 of the workspace's own."""

    provider: AiProvider
    model: str
    base_url: str
    key_hint: str
    monthly_token_cap: int | None
    checked_at: datetime | None
    source: Literal["workspace", "server", "none"]
    is_sandbox: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used since the first of the month (UTC). `cost_micros` sums what providers told, in millionths of a dollar."""

    call_count: int
    prompt_tokens: int
    answer_tokens: int
    cost_micros: int | None

    @property
    def tokens(self) -> int:
        """Both kinds; what the cap counts."""
        return self.prompt_tokens + self.answer_tokens


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything a call of the workspace's model needs; holds the key in the clear."""

    provider: AiProvider
    model: str
    base_url: str
    api_key: str


def get_setup(workspace_id: int) -> AiSetup:
    """The workspace's settings, or what the server brings."""
    row = _find(workspace_id)
    own = row is not None and bool(row.key_encrypted)
    provider = row.provider if row else _server_provider()
    key = _server_key(provider)
    address = row.base_url if row and provider is AiProvider.CUSTOM else _address(provider, _key_of(row) or key)
    return AiSetup(
        provider=provider,
        model=(row.model if row else "") or DEFAULT_MODELS[provider],
        base_url=row.base_url if row else "",
        key_hint=row.key_hint if row else "",
        monthly_token_cap=row.monthly_token_cap if row else None,
        checked_at=row.checked_at if row else None,
        source="workspace" if own else "server" if key else "none",
        is_sandbox=_is_sandbox(address),
    )


def get_usage(workspace_id: int) -> Usage:
    """This month's calls and tokens."""
    start = clock.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    row = db.session.execute(
        select(
            func.count(),
            func.coalesce(func.sum(AiCall.prompt_tokens), 0),
            func.coalesce(func.sum(AiCall.answer_tokens), 0),
            func.sum(AiCall.cost_micros),
        ).where(AiCall.workspace_id == workspace_id, AiCall.created_at >= start)
    ).one()
    return Usage(int(row[0]), int(row[1]), int(row[2]), None if row[3] is None else int(row[3]))


def save_settings(
    workspace_id: int, *, provider: str, model: str, base_url: str = "", api_key: str = "", monthly_token_cap: str = ""
) -> AiSetup:
    """Save provider, model, key and cap, after a tiny call has shown that they work together.

    Without `api_key` the stored one stays, as long as provider and address do; else the server's is used.
    Raises Invalid naming the field, Unavailable when the provider is away (nothing is saved then).
    """
    row = _find(workspace_id)
    wanted, cap = _checked(provider, model, base_url, api_key, monthly_token_cap)
    key = wanted.api_key or _kept_key(row, wanted)
    writer = Writer(
        wanted.provider,
        wanted.model,
        wanted.base_url or _address(wanted.provider, key),
        key or _server_key(wanted.provider),
    )
    if not writer.api_key:
        raise Invalid({"api_key": "Paste a key for this provider: one that was entered for another is not sent to it."})
    checked_at = None
    if key:
        release_connection()
        _try_out(writer)
        checked_at = clock.now()
    with transaction() as session:
        row = _find(workspace_id) or AiSetting(workspace_id=workspace_id)
        row.provider, row.model, row.base_url = wanted.provider, wanted.model, wanted.base_url
        row.key_encrypted = crypto.encrypt(key, _config().encryption_keys) if key else ""
        row.key_hint = key[-4:] if key else ""
        row.monthly_token_cap = cap
        row.checked_at = checked_at
        row.updated_at = clock.now()
        session.add(row)
    return get_setup(workspace_id)


def check_settings(workspace_id: int) -> None:
    """Try the settings out with a tiny call. Raises Conflict (no key), Invalid, Unavailable in plain words."""
    writer = get_writer(workspace_id)
    release_connection()
    _try_out(writer)
    with transaction():
        row = _find(workspace_id)
        if row is not None:
            row.checked_at = clock.now()


def remove_key(workspace_id: int) -> None:
    """Forget the workspace's key; the server's, if there is one, is used from now on."""
    with transaction() as session:
        row = _find(workspace_id)
        if row is None:
            return
        if row.provider is AiProvider.CUSTOM:
            session.delete(row)
            return
        row.key_encrypted = row.key_hint = ""
        row.checked_at = None
        row.updated_at = clock.now()


def get_writer(workspace_id: int) -> Writer:
    """The model with its key. Raises Conflict: `ai_off` (no key), `ai_cap` (this month's tokens are used up)."""
    row = _find(workspace_id)
    provider = row.provider if row else _server_provider()
    own = _key_of(row)
    if row is not None and row.key_encrypted and not own:
        raise Conflict("The stored key can no longer be read. An admin enters it again.", code="ai_key_unreadable")
    key = own or _server_key(provider)
    if not key:
        raise Conflict("No model is set up yet. An admin enters a key under Settings, Writing with AI.", code="ai_off")
    cap = row.monthly_token_cap if row else None
    if cap is not None and get_usage(workspace_id).tokens >= cap:
        raise Conflict(
            f"This month's {cap:,} tokens are used up. An admin can raise the cap under Settings, Writing with AI.",
            code="ai_cap",
        )
    address = row.base_url if row and provider is AiProvider.CUSTOM else _address(provider, key)
    if provider is AiProvider.CUSTOM:
        _check_address(address)  # again: a name may lead elsewhere by now
    return Writer(provider, (row.model if row else "") or DEFAULT_MODELS[provider], address, key)


def record_call(
    workspace_id: int, user_id: int | None, purpose: str, writer: Writer, *, written: ai.Written | None, outcome: str
) -> None:
    """Note what one call took and how it ended; what was written is nobody's business."""
    with transaction() as session:
        session.add(
            AiCall(
                workspace_id=workspace_id,
                user_id=user_id,
                purpose=purpose,
                provider=writer.provider,
                model=writer.model,
                prompt_tokens=written.prompt_tokens if written else 0,
                answer_tokens=written.answer_tokens if written else 0,
                cost_micros=written.cost_micros if written else None,
                outcome=outcome,
            )
        )


def domain_error(fault: AiFault) -> Invalid | Unavailable:
    """A model's fault as what pages and the API answer with: beside the field that helps, or "try again later"."""
    if fault.may_retry:
        return Unavailable(fault.words, code=f"ai_{fault.kind}")
    return Invalid({_FIELDS.get(fault.kind, "goal"): fault.words}, code=f"ai_{fault.kind}")


# ---------------------------------------------------------------- checks


def _checked(provider: str, model: str, base_url: str, api_key: str, cap: str) -> tuple[Writer, int | None]:
    errors: dict[str, str] = {}
    kind = AiProvider(provider) if provider in set(AiProvider) else AiProvider.GEMINI
    if provider not in set(AiProvider):
        errors["provider"] = "Choose Gemini, OpenRouter or your own server."
    name = model.strip() or DEFAULT_MODELS[kind]
    if not name or len(name) > 120 or not name.isprintable() or " " in name:
        errors["model"] = "Give the model's name as the provider writes it, such as gemini-2.5-flash."
    key = "".join(api_key.split())  # a pasted key may bring line breaks along
    if len(key) > _LONGEST_KEY or (key and not (key.isascii() and key.isprintable())):
        errors["api_key"] = "This does not look like a key. Copy it again from the provider's page."
    digits = "".join(cap.replace(",", "").split())
    if digits and not (digits.isascii() and digits.isdecimal() and 1 <= int(digits[:12]) <= LARGEST_CAP):
        errors |= {"monthly_token_cap": "Give a whole number of tokens, such as 500000, or leave it empty for no cap."}
    address = base_url.strip().rstrip("/") if kind is AiProvider.CUSTOM else ""
    if kind is AiProvider.CUSTOM and not errors:
        _check_address(address)
    if errors:
        raise Invalid(errors)
    return Writer(kind, name, address, key), int(digits) if digits else None


def _check_address(address: str) -> None:
    """Raises Invalid unless `address` is http(s) and, where that matters, leads to no private network."""
    wrong = "Give the server's full address, such as https://llm.example/v1."
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        raise Invalid({"base_url": wrong}) from None
    if parts.scheme not in {"http", "https"} or not host or parts.username or len(address) > 500:
        raise Invalid({"base_url": wrong})
    if _config().allow_private_urls:
        return
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)}
    except OSError:
        raise Invalid({"base_url": "This address is not known. Check it for typing mistakes."}) from None
    if not all(ipaddress.ip_address(str(one).split("%")[0]).is_global for one in found):
        raise Invalid({"base_url": "This address leads to a private network, which is not allowed here."})


def _try_out(writer: Writer) -> None:
    request = ai.Request(
        system="Answer with one word.",
        turns=[ai.Turn("user", "Answer OK.")],
        model=writer.model,
        api_key=writer.api_key,
        base_url=writer.base_url,
        max_tokens=64,
    )
    try:
        ai.write(writer.provider, request, seconds=TEST_SECONDS)
    except AiFault as fault:
        if fault.kind is FaultKind.LONG:  # it thought aloud, but it answered
            return
        if writer.provider is AiProvider.CUSTOM and fault.kind in {FaultKind.BROKEN, FaultKind.UNREACHABLE}:
            raise Invalid({"base_url": fault.words}) from fault
        raise domain_error(fault) from fault


# ---------------------------------------------------------------- keys and addresses


def _find(workspace_id: int) -> AiSetting | None:
    return db.session.get(AiSetting, workspace_id)


def _key_of(row: AiSetting | None) -> str:
    if row is None or not row.key_encrypted:
        return ""
    try:
        return crypto.decrypt(row.key_encrypted, _config().encryption_keys)
    except crypto.UnreadableSecret:
        return ""


def _kept_key(row: AiSetting | None, wanted: Writer) -> str:
    """The stored key, if it was entered for this provider at this address: a key is shown to nobody else."""
    if row is None or row.provider is not wanted.provider or row.base_url != wanted.base_url:
        return ""
    return _key_of(row)


def _server_provider() -> AiProvider:
    config = _config()
    prefers_openrouter = config.openrouter_api_key and not config.gemini_api_key
    return AiProvider.OPENROUTER if prefers_openrouter else AiProvider.GEMINI


def _server_key(provider: AiProvider) -> str:
    config = _config()
    keys = {AiProvider.GEMINI: config.gemini_api_key, AiProvider.OPENROUTER: config.openrouter_api_key}
    return keys.get(provider, "")


def _address(provider: AiProvider, key: str) -> str:
    config = _config()
    if provider is AiProvider.GEMINI:
        configured, real = config.gemini_api_url or GEMINI_URL, GEMINI_URL
    else:
        configured, real = config.openrouter_base_url, OPENROUTER_URL
    # Whoever tries WotNot with its sandbox and then enters a real key means the real provider.
    return real if _is_sandbox(configured) and key and not key.startswith(_SANDBOX_KEYS) else configured


def _is_sandbox(address: str) -> bool:
    sandbox_url = _config().sandbox_url
    return bool(sandbox_url) and (address == sandbox_url or address.startswith(sandbox_url + "/"))


def _config() -> Config:
    config = current_app.extensions["wotnot.config"]
    assert isinstance(config, Config)  # noqa: S101 — for the type checker; the factory puts it there
    return config
