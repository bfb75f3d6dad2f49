"""What the sandbox tells by webhook when a number is changed by hand, as Meta does when it changes one."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.jsonio import Json
from sandbox.model import Number
from sandbox.settings import Settings
from sandbox.state import describe_number
from sandbox.webhooks import Outbox

_WORSE = {"GREEN": 0, "UNKNOWN": 0, "YELLOW": 1, "RED": 2}
_STATUS_NEWS: dict[str, Json] = {
    "RESTRICTED": {
        "event": "ACCOUNT_RESTRICTION",
        "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}],
    },
    "BANNED": {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}},
}


@dataclass(frozen=True, slots=True)
class Before:
    """What a number was."""

    quality: str
    tier: str
    name: str
    status: str
    throughput: str

    @classmethod
    def of(cls, number: Number, tier: str, settings: Settings) -> Before:
        """As it is now."""
        level = describe_number(number, settings)["throughput"]["level"]
        return cls(number.quality, tier, number.verified_name, number.status, level)


def tell_changes(outbox: Outbox, number: Number, before: Before, now: Before) -> None:
    """Queue a webhook for each thing that Meta would tell of. A quality is told as a flag, never as the rating."""
    if (now.quality, now.tier) != (before.quality, before.tier):
        _tell_quality(outbox, number, _quality_event(before, now), now.tier)
    if now.throughput == "HIGH" != before.throughput:
        _tell_quality(outbox, number, "THROUGHPUT_UPGRADE", now.tier)
    if now.name != before.name:
        value = {"display_phone_number": number.digits, "decision": "APPROVED", "requested_verified_name": now.name}
        outbox.tell_account(number.waba_id, "phone_number_name_update", value | {"rejection_reason": None})
    if now.status != before.status and now.status in _STATUS_NEWS:
        outbox.tell_account(number.waba_id, "account_update", _STATUS_NEWS[now.status])


def _quality_event(before: Before, now: Before) -> str:
    change = _WORSE[now.quality] - _WORSE[before.quality]
    return "FLAGGED" if change > 0 else "UNFLAGGED" if change < 0 else "UPGRADE"


def _tell_quality(outbox: Outbox, number: Number, event: str, tier: str) -> None:
    value = {
        "display_phone_number": number.digits,
        "event": event,
        "current_limit": tier,
        "max_daily_conversations_per_business": tier,
    }
    outbox.tell_account(number.waba_id, "phone_number_quality_update", value)
