"""What an answer of Meta's means for a claimed message. Pure: a table of kinds, no store, no network.

The line that matters: whatever may have reached Meta is never sent again by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wotnot.services.outbox import Claim, Outcome, Release
from wotnot.services.whatsapp.dispatch import Answer, Result
from wotnot.services.whatsapp.errors import ErrorKind, GraphFault

PAIR_LIMIT_CODE = 131056
PAIR_BASE_SECONDS = 4
"""Meta's advice for the pair limit: wait 4^n seconds, for this person only."""

MOST_TRIES = 6
"""A message that Meta could not take this often, with growing pauses, fails."""

LONGEST_PAUSE_SECONDS = 300

_STOPPING = frozenset({ErrorKind.AUTH, ErrorKind.POLICY, ErrorKind.TEMPLATE})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Either an `outcome` to record or a `release` back into the queue, and what else follows.

    `too_fast` slows the channel down; `stop` pauses the broadcast with this fault; `opted_out` is the contact's choice.
    """

    outcome: Outcome | None = None
    release: Release | None = None
    too_fast: bool = False
    stop: GraphFault | None = None
    opted_out: bool = False


def judge(claim: Claim, answer: Answer | None, values: dict[str, str] | None, at: datetime) -> Verdict:
    """The verdict on `claim` at the moment `at`; `answer` None means it was taken back before it was posted."""
    if answer is None:
        return Verdict(release=Release(claim.id, at))
    if answer.result is Result.ACCEPTED:
        return Verdict(Outcome(claim.id, claim.broadcast_id, "accepted", at, wamid=answer.wamid, values=values))
    if answer.result is Result.UNCERTAIN:
        return Verdict(
            Outcome(claim.id, claim.broadcast_id, "unknown", at, error_title=answer.detail or None, values=values)
        )
    if answer.result is Result.NOT_SENT or answer.fault is None:
        return Verdict(release=Release(claim.id, at + timedelta(seconds=2)), too_fast=True)
    return _judge_refusal(claim, answer.fault, values, at)


def _judge_refusal(claim: Claim, fault: GraphFault, values: dict[str, str] | None, at: datetime) -> Verdict:
    if fault.code == PAIR_LIMIT_CODE:
        return Verdict(release=_again(claim, at, PAIR_BASE_SECONDS))
    if fault.kind is ErrorKind.THROTTLED:
        return Verdict(release=Release(claim.id, at + timedelta(seconds=1)), too_fast=True)
    if fault.kind is ErrorKind.TRANSIENT and claim.throttle_count < MOST_TRIES:
        return Verdict(release=_again(claim, at, 2))
    if fault.kind in _STOPPING and claim.broadcast_id is not None:
        return Verdict(release=Release(claim.id, at), stop=fault)
    return Verdict(
        _failed(claim, fault, values, at),
        stop=fault if fault.kind is ErrorKind.AUTH else None,
        opted_out=fault.kind is ErrorKind.OPTED_OUT,
    )


def _again(claim: Claim, at: datetime, base: int) -> Release:
    pause = min(base ** min(claim.throttle_count + 1, 8), LONGEST_PAUSE_SECONDS)
    return Release(claim.id, at + timedelta(seconds=pause), throttled=True)


def _failed(claim: Claim, fault: GraphFault, values: dict[str, str] | None, at: datetime) -> Outcome:
    return Outcome(
        claim.id,
        claim.broadcast_id,
        "failed",
        at,
        error_code=fault.code,
        error_title=fault.title,
        values=values,
    )
