"""The broadcast's state machine as a table: which move may start from which states, and how to say no. Pure."""

from dataclasses import dataclass

from wotnot.models import BroadcastState

S = BroadcastState


@dataclass(frozen=True, slots=True)
class Move:
    """A move named `verb` ("pause") from any of `sources` to `target`."""

    verb: str
    sources: frozenset[BroadcastState]
    target: BroadcastState


def _move(verb: str, target: BroadcastState, *sources: BroadcastState) -> Move:
    return Move(verb, frozenset(sources), target)


# `failed` is only reached before the first ledger row exists, so it may be mended and started like a draft.
EDIT = _move("change", S.DRAFT, S.DRAFT, S.FAILED)
# A paused one that never began was held because it was late: it can still be changed or started.
REOPEN = _move("change", S.DRAFT, S.SCHEDULED, S.FAILED, S.DRAFT, S.PAUSED)
SCHEDULE = _move("schedule", S.SCHEDULED, S.DRAFT, S.SCHEDULED, S.FAILED)
START = _move("start", S.EXPANDING, S.DRAFT, S.SCHEDULED, S.FAILED, S.PAUSED)
FAIL = _move("stop", S.FAILED, S.SCHEDULED)
HOLD = _move("hold", S.PAUSED, S.SCHEDULED)
PAUSE = _move("pause", S.PAUSED, S.SENDING)
STOP = _move("stop", S.PAUSED, S.SENDING)
RESUME = _move("resume", S.SENDING, S.PAUSED)
CANCEL = _move("cancel", S.CANCELLED, S.DRAFT, S.SCHEDULED, S.EXPANDING, S.SENDING, S.PAUSED, S.FAILED)
RETRY = _move("retry", S.SENDING, S.FINISHED, S.SENDING, S.PAUSED)
FINISH = _move("finish", S.FINISHED, S.SENDING)
DELETE = _move("delete", S.CANCELLED, S.DRAFT, S.FAILED)

EDITABLE = EDIT.sources

STATE_WORDS: dict[BroadcastState, str] = {
    S.DRAFT: "it is still a draft",
    S.SCHEDULED: "it is scheduled and has not started",
    S.EXPANDING: "its list of people is being prepared",
    S.SENDING: "it is being sent",
    S.PAUSED: "it is paused",
    S.FINISHED: "it has finished",
    S.CANCELLED: "it was cancelled",
    S.FAILED: "it could not start",
}


def refusal_words(move: Move, state: BroadcastState) -> str:
    """Why `move` is not possible in `state`, as a sentence for a person."""
    return f"You cannot {move.verb} this broadcast: {STATE_WORDS[state]}."
