"""The assistant answers: it asks the model, lets it look things up, and keeps what came of it with the turn.

`assistant_talks.py` has the conversations, `assistant_tools.py` what the model may ask for. A turn is only `done` when the
answer is whole; every other end is kept as what it is, with a sentence for the person.
"""

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial

from wotnot.clock import now
from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.models import AiTurn, AiTurnState
from wotnot.services import ai, ai_settings, assistant_facts, assistant_talks, workspaces
from wotnot.services.ai import AiFault, FaultKind, ToolCall, ToolResult, Turn, Written, chat
from wotnot.services.ai_settings import Writer
from wotnot.services.assistant_tools import MOST_DRAFTS, Asker, Outcome, list_tools, run_tool
from wotnot.services.transaction import release_connection
from wotnot.services.zones import in_zone

logger = logging.getLogger(__name__)

BUDGET_SECONDS = 50.0
"""For a whole answer with everything that is looked up on the way, so that it never holds a web thread for a minute."""

MOST_ROUNDS = 6
"""Calls of the model for one answer; in the last one it has to answer in words."""

SAVE_EVERY_SECONDS = 1.0
"""How often what is there is kept while it is written: no more than that is lost to somebody who looks elsewhere."""

_MOST_CALLS_A_ROUND = 6
_ANSWER_TOKENS = 2_000
_IN_CIRCLES = "The model kept looking things up and gave no answer. Ask in other words, or try again."
_NOTHING_SAID = "The model answered nothing. Ask in other words, or try again."
_BROKE_OFF = "The answer broke off in the middle, so nothing of it is used. Try again."
# A server or model that knows no tools refuses them; OpenRouter does it with a 404.
_KNOWS_NO_TOOLS = {FaultKind.REQUEST, FaultKind.MODEL}


@dataclass(frozen=True, slots=True)
class Said:
    """How far an answer is: the text that is there, and what was looked at for it."""

    text: str
    lookups: tuple[str, ...]


Answering = Generator[Said, None, None]


def ask(workspace_id: int, user_id: int, question: str, conversation_id: int | None = None) -> AiTurn:
    """Put a question, for `write_answer` to answer. Nothing is kept of one that no model could answer.

    Raises Invalid, NotFound, Conflict: no key, cap reached, or another answer of the conversation is being written.
    """
    if conversation_id is not None:
        assistant_talks.get_conversation(workspace_id, user_id, conversation_id)
    ai_settings.get_writer(workspace_id)
    return assistant_talks.open_turn(workspace_id, user_id, question, conversation_id)


def ask_again(workspace_id: int, user_id: int, turn_id: int) -> AiTurn:
    """Have the last turn answered again, which has no whole answer. Raises as `ask` does."""
    assistant_talks.get_turn(workspace_id, user_id, turn_id)
    ai_settings.get_writer(workspace_id)
    return assistant_talks.reopen_turn(workspace_id, user_id, turn_id)


def write_answer(workspace_id: int, user_id: int, turn_id: int, *, budget_seconds: float = BUDGET_SECONDS) -> Answering:
    """Answer an open turn, saying how far it is at every piece and every two seconds. Raises NotFound.

    Trouble is kept with the turn and raises nothing. Closing the generator stops the answer; what is there is kept.
    """
    turn = assistant_talks.get_turn(workspace_id, user_id, turn_id)
    workspace = workspaces.get_workspace(workspace_id)
    local = in_zone(now(), workspace.timezone)
    job = _Job(
        asker=Asker(workspace_id, user_id, workspace.timezone),
        turn_id=turn_id,
        business=workspace.name,
        today=f"{local:%A, %-d %B %Y, %H:%M}",
        turns=[*chat.remember(assistant_talks.list_exchanges(workspace_id, turn)), chat.ask(turn.question)],
        until=time.monotonic() + budget_seconds,
    )
    return _write(job)


@dataclass(slots=True)
class _Job:
    """An answer in the making."""

    asker: Asker
    turn_id: int
    business: str
    today: str
    turns: list[Turn]
    until: float
    text: str = ""
    lookups: list[str] = field(default_factory=list)
    draft_count: int = 0
    save_at: float = 0.0

    @property
    def seconds_left(self) -> float:
        return self.until - time.monotonic()

    @property
    def said(self) -> Said:
        return Said(self.text, tuple(self.lookups))


def _write(job: _Job) -> Answering:
    """Record how it ends, whatever that is."""
    end = partial(assistant_talks.finish_turn, job.turn_id)
    try:
        yield from _answer(job)
    except GeneratorExit:
        end(AiTurnState.STOPPED, answer=_storable(job.text), lookups=job.lookups)
        raise
    except _Stopped:
        end(AiTurnState.STOPPED, answer=_storable(job.text), lookups=job.lookups)
    except (Conflict, Invalid, Unavailable) as error:
        end(AiTurnState.FAILED, reason=error.detail, lookups=job.lookups)
    except BaseException:
        end(AiTurnState.FAILED, reason=_BROKE_OFF, lookups=job.lookups)
        raise
    else:
        end(AiTurnState.DONE, answer=_storable(job.text), lookups=job.lookups)


def _answer(job: _Job) -> Answering:
    """Rounds of asking and looking up, until there is an answer in words. Raises Conflict, Invalid, Unavailable."""
    question = job.turns
    has_tools = True
    for number in range(MOST_ROUNDS):
        try:
            written = yield from _ask(job, has_tools=has_tools, may_call=number < MOST_ROUNDS - 1)
        except _ToolsRefused:
            job.turns, has_tools = question, False
            written = yield from _ask(job, has_tools=False, may_call=False)
        if not written.calls:
            if not job.text.strip():
                raise Unavailable(_NOTHING_SAID)
            return
        results = []
        for call in written.calls[:_MOST_CALLS_A_ROUND]:
            results.append(_look_up(job, call))
            yield job.said
        calls = written.calls[:_MOST_CALLS_A_ROUND]
        job.turns = [*job.turns, Turn("model", written.text, calls), Turn("user", "", results=results)]
    raise Unavailable(_IN_CIRCLES)


def _look_up(job: _Job, call: ToolCall) -> ToolResult:
    """Answer one call. What it drafts is kept at once, so that it is there however the answer ends."""
    if call.name.startswith("draft_") and job.draft_count >= MOST_DRAFTS:
        outcome = Outcome({"error": f"There are {MOST_DRAFTS} drafts already. Tell the person about them."})
    else:
        outcome = run_tool(job.asker, call)
    answer = dict(outcome.answer)
    if outcome.draft is not None:
        job.draft_count += 1
        place = assistant_talks.add_draft(job.turn_id, outcome.draft)
        answer.setdefault("link", f"/app/templates/new?draft={job.turn_id}-{place}")
    if outcome.words and outcome.words not in job.lookups:
        job.lookups.append(outcome.words)
    return ToolResult(call, chat.as_fact(answer))


# ---------------------------------------------------------------- one call


class _Stopped(Exception):  # noqa: N818 — named for what it is
    """Somebody stopped the answer, here or in another tab, or deleted its conversation."""


class _ToolsRefused(Exception):  # noqa: N818 — named for what it is
    """The model, or its server, takes no tools."""


def _ask(job: _Job, *, has_tools: bool, may_call: bool) -> Generator[Said, None, Written]:
    """One call of the model, counted. Raises Conflict, Invalid, Unavailable, _ToolsRefused, _Stopped."""
    writer = ai_settings.get_writer(job.asker.workspace_id)
    facts = None if has_tools else assistant_facts.outline(job.asker.workspace_id, job.asker.timezone)
    release_connection()
    request = ai.Request(
        system=chat.system_words(job.business, job.today, facts),
        turns=job.turns,
        model=writer.model,
        api_key=writer.api_key,
        base_url=writer.base_url,
        max_tokens=_ANSWER_TOKENS,
        tools=list_tools() if has_tools else (),
        may_call=may_call,
    )
    job.text = ""
    try:
        written = yield from _pass_on(job, ai.stream(writer.provider, request, seconds=max(1.0, job.seconds_left)))
    except (GeneratorExit, _Stopped):
        _note(job, writer, ai.estimate(request, job.text), "stopped")
        raise
    except AiFault as fault:
        _note(job, writer, None, str(fault.kind))
        logger.warning("the assistant got no answer", extra={"turn_id": job.turn_id, "fault": str(fault.kind)})
        if has_tools and fault.kind in _KNOWS_NO_TOOLS:
            raise _ToolsRefused from fault
        raise ai_settings.domain_error(fault) from fault
    _note(job, writer, written, "written")
    return written


def _pass_on(job: _Job, pieces: ai.Stream) -> Generator[Said, None, Written]:
    """The pieces as they come; leaving it abandons the call."""
    try:
        while True:
            job.text += next(pieces)
            _save(job)
            yield job.said
    except StopIteration as end:
        written: Written = end.value
        return written
    finally:
        pieces.close()


def _save(job: _Job) -> None:
    """Keep what is there, now and then. Raises _Stopped."""
    if time.monotonic() < job.save_at:
        return
    job.save_at = time.monotonic() + SAVE_EVERY_SECONDS
    if not assistant_talks.save_progress(job.turn_id, _storable(job.text), job.lookups):
        raise _Stopped


def _note(job: _Job, writer: Writer, written: Written | None, outcome: str) -> None:
    asker = job.asker
    ai_settings.record_call(asker.workspace_id, asker.user_id, "assistant", writer, written=written, outcome=outcome)


def _storable(text: str) -> str:
    """PostgreSQL has no NUL and no half signs."""
    return text.replace("\x00", "").encode(errors="ignore").decode().strip()
