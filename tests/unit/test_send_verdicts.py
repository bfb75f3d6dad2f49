"""What each answer of Meta's means for a claimed message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wotnot.services.outbox import Claim
from wotnot.services.send_verdicts import MOST_TRIES, judge
from wotnot.services.whatsapp.dispatch import Answer, Result
from wotnot.services.whatsapp.errors import parse_fault

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def claim(**changes: Any) -> Claim:
    fields = {
        "id": 7, "workspace_id": 1, "channel_id": 2, "broadcast_id": 3, "contact_id": 4, "phone": "27825550101",
        "wa_user_id": None, "type": "template", "content": None, "throttle_count": 0,
    }  # fmt: skip
    return Claim(**{**fields, **changes})


def refused(code: int, http_status: int = 400) -> Answer:
    fault = parse_fault(http_status, {"error": {"code": code, "message": "no", "error_data": {"details": "no"}}})
    return Answer(Result.REFUSED, fault=fault)


def test_accepted_keeps_the_wamid_and_the_values() -> None:
    verdict = judge(claim(), Answer(Result.ACCEPTED, wamid="wamid.1"), {"1": "Ann"}, NOW)
    assert verdict.outcome is not None
    assert (verdict.outcome.state, verdict.outcome.wamid, verdict.outcome.values) == (
        "accepted",
        "wamid.1",
        {"1": "Ann"},
    )


def test_uncertain_is_never_queued_again() -> None:
    verdict = judge(claim(), Answer(Result.UNCERTAIN, detail="ReadTimeout"), None, NOW)
    assert verdict.release is None
    assert verdict.outcome is not None
    assert verdict.outcome.state == "unknown"


def test_what_never_left_waits_and_slows_the_channel() -> None:
    verdict = judge(claim(), Answer(Result.NOT_SENT, detail="refused"), None, NOW)
    assert verdict.outcome is None
    assert verdict.too_fast
    assert verdict.release is not None
    assert verdict.release.due_at > NOW


def test_taken_back_before_posting_is_due_at_once() -> None:
    verdict = judge(claim(), None, None, NOW)
    assert verdict.release is not None
    assert verdict.release.due_at == NOW
    assert not verdict.release.throttled


def test_throughput_slows_the_channel_without_counting_a_try() -> None:
    verdict = judge(claim(), refused(130429), None, NOW)
    assert verdict.too_fast
    assert verdict.release is not None
    assert not verdict.release.throttled


@pytest.mark.parametrize(("tries", "seconds"), [(0, 4), (1, 16), (2, 64), (5, 300)])
def test_pair_limit_backs_off_for_this_person_only(tries: int, seconds: int) -> None:
    verdict = judge(claim(throttle_count=tries), refused(131056), None, NOW)
    assert not verdict.too_fast
    assert verdict.release is not None
    assert verdict.release.due_at == NOW + timedelta(seconds=seconds)


def test_a_passing_fault_is_tried_again_until_it_is_not() -> None:
    assert judge(claim(), refused(131016, 500), None, NOW).release is not None
    last = judge(claim(throttle_count=MOST_TRIES), refused(131016, 500), None, NOW)
    assert last.release is None
    assert last.outcome is not None
    assert (last.outcome.state, last.outcome.error_code) == ("failed", 131016)


@pytest.mark.parametrize("code", [131026, 131047, 132000, 132012, 131049, 130472, 100])
def test_a_fault_of_one_recipient_fails_that_message_only(code: int) -> None:
    verdict = judge(claim(), refused(code), None, NOW)
    assert verdict.stop is None
    assert verdict.outcome is not None
    assert (verdict.outcome.state, verdict.outcome.error_code) == ("failed", code)
    assert verdict.outcome.error_title


@pytest.mark.parametrize("code", [190, 131042, 131031, 132015, 132001, 368])
def test_a_fault_of_everybody_stops_the_broadcast_and_loses_nobody(code: int) -> None:
    verdict = judge(claim(), refused(code), None, NOW)
    assert verdict.stop is not None
    assert verdict.outcome is None
    assert verdict.release is not None


def test_a_single_message_fails_where_a_broadcast_would_pause() -> None:
    verdict = judge(claim(broadcast_id=None), refused(132001, 404), None, NOW)
    assert verdict.outcome is not None
    assert verdict.outcome.state == "failed"


def test_opting_out_at_meta_is_noted() -> None:
    assert judge(claim(), refused(131050), None, NOW).opted_out
