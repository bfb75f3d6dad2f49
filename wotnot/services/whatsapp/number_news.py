"""What Meta tells of numbers and accounts by webhook, read into plain facts. Pure.

Quality ratings themselves are in none of these: they are asked for afterwards. Source: Meta's webhook reference for
phone_number_quality_update, phone_number_name_update, business_capability_update, account_update, account_review_update.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

FIELDS = frozenset(
    {
        "account_update",
        "account_review_update",
        "phone_number_quality_update",
        "phone_number_name_update",
        "business_capability_update",
        "account_alerts",
    }
)
UNLIMITED, _STEPS = (
    "TIER_UNLIMITED",
    ((50, "50"), (250, "250"), (1_000, "1K"), (2_000, "2K"), (10_000, "10K"), (100_000, "100K")),
)
_NAME_DECISIONS = {"APPROVED": "APPROVED", "REJECTED": "DECLINED", "PENDING": "PENDING_REVIEW", "DEFERRED": "DEFERRED"}
_QUALITY_NOTICES = frozenset({"FLAGGED", "UNFLAGGED"})
_ACCOUNT_NOTICES = frozenset({"ACCOUNT_RESTRICTION", "ACCOUNT_VIOLATION", "ACCOUNT_DELETED", "DISABLED_UPDATE"})
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class NumberNews:
    """What was told at a moment about one number, by its digits, or about every number of the account.

    `facts` are columns of a channel with their new values; a `notice` is something that happened to the account.
    """

    waba_id: str
    at: datetime
    number: str = ""
    facts: Json = field(default_factory=dict)
    notice: str = ""
    reason: str = ""


def read_news(waba_id: str, name: str, value: Mapping[str, Any], at: datetime) -> list[NumberNews]:
    """The news in one change of the field `name`; none when it tells nothing that is kept."""
    reader = _READERS.get(name)
    news = reader(waba_id, value, at) if reader else None
    return [news] if news and (news.facts or news.notice) else []


def moment_of(seconds: object) -> datetime:
    """When a delivery says that something happened; now when it does not say."""
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)


def tier_of(limit: object) -> str:
    """A limit of a day in Meta's word: TIER_2K as it is, 2000 as TIER_2K, -1 as unlimited; nothing for what is no limit."""
    word = str(limit or "").upper()
    if word.startswith("TIER_"):
        return "" if word in {"TIER_NOT_SET", "TIER_NA"} else word[:30]
    if word == "-1":
        return UNLIMITED
    return next((f"TIER_{name}" for people, name in _STEPS if word == str(people)), "")


def _quality(waba_id: str, value: Mapping[str, Any], at: datetime) -> NumberNews:
    event = str(value.get("event") or "").upper()
    facts = {}
    if tier := tier_of(value.get("max_daily_conversations_per_business") or value.get("current_limit")):
        facts["messaging_limit"] = tier
    if event == "THROUGHPUT_UPGRADE":
        facts["throughput"] = "HIGH"
    notice = event if event in _QUALITY_NOTICES else ""
    return NumberNews(waba_id, at, _digits(value.get("display_phone_number")), facts, notice)


def _name(waba_id: str, value: Mapping[str, Any], at: datetime) -> NumberNews:
    decision = str(value.get("decision") or "").upper()
    facts = {"name_status": _NAME_DECISIONS.get(decision, decision[:30])} if decision else {}
    if decision == "APPROVED" and value.get("requested_verified_name"):
        facts["verified_name"] = str(value["requested_verified_name"])[:200]
    reason = str(value.get("rejection_reason") or "")
    number = _digits(value.get("display_phone_number"))
    return NumberNews(waba_id, at, number, facts, reason="" if reason == "NONE" else reason[:_LONGEST_REASON])


def _capability(waba_id: str, value: Mapping[str, Any], at: datetime) -> NumberNews:
    tier = tier_of(value.get("max_daily_conversations_per_business"))
    return NumberNews(waba_id, at, facts={"messaging_limit": tier} if tier else {})


def _account(waba_id: str, value: Mapping[str, Any], at: datetime) -> NumberNews | None:
    event = str(value.get("event") or "").upper()
    if event not in _ACCOUNT_NOTICES:
        return None
    ban, violation = value.get("ban_info") or {}, value.get("violation_info") or {}
    reasons = [
        f"{one.get('restriction_type')} {_day(one.get('expiration'))}" for one in value.get("restriction_info") or []
    ]
    reasons += [str(part) for part in (violation.get("violation_type"), ban.get("waba_ban_date")) if part]
    notice = f"{event}_{ban['waba_ban_state']}"[:100] if ban.get("waba_ban_state") else event
    return NumberNews(waba_id, at, notice=notice, reason=", ".join(reasons).strip()[:_LONGEST_REASON])


def _review(waba_id: str, value: Mapping[str, Any], at: datetime) -> NumberNews:
    decision = str(value.get("decision") or "").upper()
    return NumberNews(waba_id, at, notice=f"REVIEW_{decision}"[:100] if decision else "")


def _day(expiration: object) -> str:
    return f"until {moment_of(expiration):%Y-%m-%d}" if expiration else ""


def _digits(number: object) -> str:
    return "".join(sign for sign in str(number or "") if sign.isascii() and sign.isdigit())[:20]


_READERS = {
    "phone_number_quality_update": _quality,
    "phone_number_name_update": _name,
    "business_capability_update": _capability,
    "account_update": _account,
    "account_review_update": _review,
}
