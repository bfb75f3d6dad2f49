"""What Meta tells of numbers, read into facts."""

from datetime import UTC, datetime
from typing import Any

import pytest

from wotnot.services.whatsapp.number_news import moment_of, read_news, tier_of

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


def read(name: str, **value: Any) -> Any:
    news = read_news("7001", name, value, AT)
    return (news[0].number, news[0].facts, news[0].notice, news[0].reason) if news else None


@pytest.mark.parametrize(
    ("limit", "tier"),
    [
        ("TIER_2K", "TIER_2K"),
        (2000, "TIER_2K"),
        ("250", "TIER_250"),
        (-1, "TIER_UNLIMITED"),
        ("TIER_NOT_SET", ""),
        (None, ""),
        (777, ""),
    ],
)
def test_a_limit_in_whatever_form(limit: object, tier: str) -> None:
    assert tier_of(limit) == tier


def test_quality_updates() -> None:
    number = "+1 202-555-0100"
    upgrade = {"display_phone_number": number, "event": "THROUGHPUT_UPGRADE", "current_limit": "TIER_UNLIMITED"}
    assert read("phone_number_quality_update", **upgrade) == (
        "12025550100",
        {"messaging_limit": "TIER_UNLIMITED", "throughput": "HIGH"},
        "",
        "",
    )
    flagged = {"display_phone_number": number, "event": "FLAGGED"}
    assert read("phone_number_quality_update", **flagged) == ("12025550100", {}, "FLAGGED", "")
    assert read("phone_number_quality_update", display_phone_number=number, event="ONBOARDING") is None


def test_name_updates() -> None:
    asked = {"display_phone_number": "12025550100", "requested_verified_name": "Casa Verde"}
    approved = read("phone_number_name_update", **asked, decision="APPROVED", rejection_reason=None)
    assert approved[1] == {"name_status": "APPROVED", "verified_name": "Casa Verde"}
    rejected = read("phone_number_name_update", **asked, decision="REJECTED", rejection_reason="NAME_NOT_RELATED")
    assert rejected[1:] == ({"name_status": "DECLINED"}, "", "NAME_NOT_RELATED")


def test_a_capability_is_every_numbers() -> None:
    update = {"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25}
    assert read("business_capability_update", **update) == ("", {"messaging_limit": "TIER_2K"}, "", "")


def test_what_happens_to_accounts() -> None:
    restriction = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1796083200}
    assert read("account_update", event="ACCOUNT_RESTRICTION", restriction_info=[restriction]) == (
        "",
        {},
        "ACCOUNT_RESTRICTION",
        "RESTRICTED_BIZ_INITIATED_MESSAGING until 2026-12-01",
    )
    ban = {"waba_ban_state": "SCHEDULE_FOR_DISABLE", "waba_ban_date": "April 17, 2026"}
    assert read("account_update", event="DISABLED_UPDATE", ban_info=ban)[2:] == (
        "DISABLED_UPDATE_SCHEDULE_FOR_DISABLE",
        "April 17, 2026",
    )
    assert read("account_review_update", decision="REJECTED")[2] == "REVIEW_REJECTED"
    assert read("account_update", event="PARTNER_ADDED", waba_info={"waba_id": "7001"}) is None
    assert read("account_alerts", alert_info={}) is None


@pytest.mark.parametrize("seconds", [None, "", "soon", 10**30, -(10**30)])
def test_a_delivery_without_a_time_is_of_now(seconds: object) -> None:
    assert abs((moment_of(seconds) - datetime.now(UTC)).total_seconds()) < 60
