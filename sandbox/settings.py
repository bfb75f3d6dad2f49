"""What can be changed while the sandbox runs: timing, things that go wrong, limits, where webhooks go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from sandbox.ai_drafts import TROUBLES
from sandbox.errors import CODES


class InvalidSettings(ValueError):  # noqa: N818 - named for what it says
    """Settings that were refused; `problems` names each field with its reason."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in problems.items()))


@dataclass
class Settings:
    """Every knob, with its default. Times are seconds unless the name says milliseconds; `*_percent` is 0 to 100."""

    latency_ms: float = 0.0
    sent_after_s: float = 0.05
    deliver_after_s: float = 1.2
    read_after_s: float = 4.0  # counted from the delivery
    read_percent: float = 100.0
    skip_delivered_percent: float = 0.0  # `read` arrives without a `delivered` before it
    review_after_s: float = 2.0
    failure_percent: dict[str, float] = field(default_factory=dict)  # code -> share that fails by webhook
    refuse_percent: dict[str, float] = field(default_factory=dict)  # code -> share that is refused at once
    duplicate_percent: float = 0.0
    reorder_percent: float = 0.0
    batch_size: int = 100
    batch_wait_ms: float = 20.0
    webhook_concurrency: int = 4
    webhook_timeout_s: float = 10.0
    webhook_retry_s: float = 1.0  # the first pause; it doubles up to half a minute
    webhooks: bool = True
    webhook_url: str = ""
    app_secret: str = "sandbox-app-secret"  # noqa: S105 - known to everybody
    verify_token: str = "sandbox-verify-token"  # noqa: S105 - known to everybody
    rate_per_second: float = 80.0  # for numbers without a rate of their own; 0 is unlimited
    pair_limit: bool = True
    endings: bool = True
    us_marketing_block: bool = True
    rewrite_wa_id: bool = True
    hide_phone_numbers: bool = False
    enforce_messaging_limit: bool = False
    free_service_messages: int = 1000
    management_calls_per_hour: int = 5000
    template_creations_per_hour: int = 100
    ai_trouble: str = ""  # what goes wrong when a model is asked; see ai_drafts.TROUBLES
    ai_piece_ms: float = 15.0  # between the pieces of a streamed answer

    def update(self, changes: Mapping[str, Any]) -> None:
        """Apply all of `changes` or, if one is wrong, none; raise InvalidSettings naming every problem."""
        known = {f.name: f for f in fields(self)}
        problems: dict[str, str] = {}
        accepted: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                problems[name] = "there is no such setting"
                continue
            try:
                accepted[name] = _checked(name, getattr(self, name), value)
            except ValueError as error:
                problems[name] = str(error)
        if problems:
            raise InvalidSettings(problems)
        for name, value in accepted.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """A copy of every setting, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Settings from SANDBOX_<NAME> variables; SANDBOX_RATE is short for SANDBOX_RATE_PER_SECOND."""
        settings = cls()
        found = {f.name: env[f"SANDBOX_{f.name.upper()}"] for f in fields(cls) if f"SANDBOX_{f.name.upper()}" in env}
        if "SANDBOX_RATE" in env:
            found["rate_per_second"] = env["SANDBOX_RATE"]
        settings.update(found)
        return settings


def _checked(name: str, current: Any, value: Any) -> Any:
    if isinstance(current, bool):
        return _boolean(value)
    if isinstance(current, dict):
        return _mix(value)
    if isinstance(current, str):
        return _text(name, value)
    number = _number(value)
    if name.endswith("_percent") and number > 100:
        raise ValueError("must be between 0 and 100")
    if name in ("batch_size", "webhook_concurrency") and not 1 <= number <= 1000:
        raise ValueError("must be between 1 and 1000")
    return int(number) if isinstance(current, int) else number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError("must be true or false")
    return words[str(value).lower()]


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError("must be a number") from None
    if isinstance(value, bool) or not 0 <= number < 1e9:
        raise ValueError("must be a number of 0 or more")
    return number


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - one kind of refusal for the caller
    if name == "webhook_url" and value and not is_http_url(value):
        raise ValueError("must be an http or https address")
    if name == "ai_trouble" and value not in TROUBLES:
        raise ValueError(f"must be one of {', '.join(TROUBLES[1:])}, or empty")
    return value


def _mix(value: Any) -> dict[str, float]:
    """{"131026": 2.5} or the text "131026=2.5,131049=1"."""
    if isinstance(value, str):
        value = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
    if not isinstance(value, dict):
        raise ValueError("must map error codes to percentages")  # noqa: TRY004
    mix = {str(code).strip(): _number(share) for code, share in value.items()}
    unknown = [code for code in mix if not code.isdigit() or int(code) not in CODES]
    if unknown:
        raise ValueError(f"unknown error code {unknown[0]}")
    if sum(mix.values()) > 100:
        raise ValueError("the percentages add up to more than 100")
    return {code: share for code, share in mix.items() if share}


def is_http_url(text: str) -> bool:
    """Whether `text` is an absolute http or https address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
