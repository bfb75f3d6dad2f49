"""The plan for Meta's errors is what the sender does: every code has words, an action and advice, and none is done otherwise."""

import json
import re

import pytest

from launcher.paths import ROOT
from wotnot import clock
from wotnot.services.outbox import Claim
from wotnot.services.send_verdicts import judge
from wotnot.services.whatsapp.dispatch import Answer, Result
from wotnot.services.whatsapp.error_codes import PERMISSION_CODES, TABLE
from wotnot.services.whatsapp.error_plan import ACTION_WORDS, Action, action_of, list_plan
from wotnot.services.whatsapp.errors import parse_fault

EVERY_CODE = (*TABLE, PERMISSION_CODES.start, PERMISSION_CODES.stop - 1, 987654)
REACHABLE_ONLY_BY_REGISTERING = {133008, 133009, 133015, 133016}


def claim() -> Claim:
    return Claim(1, 1, 1, 1, 1, "27821112222", None, "template", None, 0)


@pytest.mark.parametrize("code", EVERY_CODE)
def test_the_sender_does_what_the_plan_says(code: int) -> None:
    fault = parse_fault(400, json.dumps({"error": {"message": "x", "code": code}}).encode())
    verdict = judge(claim(), Answer(Result.REFUSED, fault=fault), None, clock.now())
    action = action_of(code)
    assert (verdict.stop is not None) is (action is Action.STOP)
    assert (verdict.release is not None) is (action in {Action.SOON, Action.STOP})
    assert (verdict.outcome is not None) is (action in {Action.LATER, Action.NEVER, Action.SUPPRESS})
    assert verdict.opted_out is (code == 131050)


def test_every_line_has_words_an_action_and_advice() -> None:
    plan = list_plan()
    assert len(plan) == len(TABLE) + 2
    assert len({line.code for line in plan}) == len(plan)
    for line in plan:
        assert line.title, line
        assert line.advice.endswith("."), line
        assert line.action in ACTION_WORDS


def test_what_nobody_knows_fails_one_message_only() -> None:
    assert action_of(987654) is Action.NEVER
    assert action_of(None) is Action.NEVER
    assert [line.code for line in list_plan("any other")] == ["any other"]


def test_the_sandbox_refuses_with_nothing_that_the_plan_does_not_know() -> None:
    source = (ROOT / "sandbox" / "errors.py").read_text()
    codes = {int(code) for code in re.findall(r"^    (\d+): \(", source, re.MULTILINE)}
    assert len(codes) > 20
    assert codes <= set(TABLE) | set(PERMISSION_CODES)
