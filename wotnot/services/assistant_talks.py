"""Conversations with the assistant: kept, renamed, deleted. Owns `ai_conversations` and `ai_turns`.

A conversation belongs to one person in one workspace; for anybody else it does not exist. A turn is a question and what
became of its answer, and a conversation has one answer being written at a time.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from wotnot.clock import now
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import AiConversation, AiTurn, AiTurnState
from wotnot.services.keyset import Keyset
from wotnot.services.pages import Page
from wotnot.services.transaction import transaction

LONGEST_QUESTION = 4_000
LONGEST_TITLE = 80
STALE_AFTER = timedelta(seconds=75)
"""No answer takes that long: what is still being written then belongs to a process that is gone."""

CONVERSATIONS_PAGE, TURNS_PAGE = 30, 30
_MOST_REMEMBERED = 40
_BROKE_OFF = "The answer broke off in the middle, so nothing of it is used."
_S = AiTurnState


def list_conversations(workspace_id: int, user_id: int, cursor: str | None = None) -> Page[AiConversation]:
    """The person's conversations, newest first. Raises Invalid for a foreign cursor."""
    keyset = Keyset.decode(cursor, CONVERSATIONS_PAGE)
    query = _mine(workspace_id, user_id).where(keyset.condition(AiConversation.id))
    rows = db.session.scalars(query.order_by(keyset.order(AiConversation.id)).limit(keyset.limit + 1)).all()
    return keyset.page(rows, lambda row: row.id)


def get_conversation(workspace_id: int, user_id: int, conversation_id: int) -> AiConversation:
    """One of the person's conversations. Raises NotFound."""
    found = db.session.scalar(_mine(workspace_id, user_id).where(AiConversation.id == conversation_id))
    if found is None:
        raise NotFound("Conversation")
    return found


def rename_conversation(workspace_id: int, user_id: int, conversation_id: int, title: str) -> AiConversation:
    """Give it another title. Raises Invalid, NotFound."""
    with transaction():
        found = get_conversation(workspace_id, user_id, conversation_id)
        title = " ".join(title.split())
        if not title or len(title) > LONGEST_TITLE or "\x00" in title:
            raise Invalid({"title": f"Give the conversation a title of at most {LONGEST_TITLE} characters."})
        found.title = title
    return found


def delete_conversation(workspace_id: int, user_id: int, conversation_id: int) -> None:
    """Delete it with all of its turns. Broadcasts that were drafted in it stay. Raises NotFound."""
    with transaction() as session:
        found = get_conversation(workspace_id, user_id, conversation_id)
        session.execute(delete(AiConversation).where(AiConversation.id == found.id))


def list_turns(workspace_id: int, user_id: int, conversation_id: int, cursor: str | None = None) -> Page[AiTurn]:
    """A page of its turns, newest first. Raises NotFound, Invalid for a foreign cursor."""
    conversation = get_conversation(workspace_id, user_id, conversation_id)
    keyset = Keyset.decode(cursor, TURNS_PAGE)
    query = select(AiTurn).where(
        AiTurn.workspace_id == workspace_id,
        AiTurn.conversation_id == conversation.id,
        keyset.condition(AiTurn.id),
    )
    rows = db.session.scalars(query.order_by(keyset.order(AiTurn.id)).limit(keyset.limit + 1)).all()
    return keyset.page(rows, lambda row: row.id)


def get_turn(workspace_id: int, user_id: int, turn_id: int) -> AiTurn:
    """A turn of one of the person's conversations. Raises NotFound."""
    found = db.session.scalar(
        select(AiTurn)
        .join(AiConversation, AiConversation.id == AiTurn.conversation_id)
        .where(
            AiTurn.id == turn_id,
            AiTurn.workspace_id == workspace_id,
            AiConversation.workspace_id == workspace_id,
            AiConversation.user_id == user_id,
        )
    )
    if found is None:
        raise NotFound("Answer")
    return found


def is_stale(turn: AiTurn) -> bool:
    """Whether it still says that it is being written though nobody writes it any more."""
    return turn.state is _S.WRITING and turn.started_at < now() - STALE_AFTER


def open_turn(workspace_id: int, user_id: int, question: str, conversation_id: int | None = None) -> AiTurn:
    """Put a question; without a conversation it begins one. Its answer is `writing` from here on.

    Raises Invalid (field question), NotFound, Conflict while another answer of the conversation is being written.
    """
    question = _checked(question)
    with transaction() as session:
        if conversation_id is None:
            conversation = AiConversation(workspace_id=workspace_id, user_id=user_id, title=_title_of(question))
            session.add(conversation)
            session.flush()
        else:
            conversation = _locked(session, workspace_id, user_id, conversation_id)
            _refuse_busy(session, conversation.id)
        turn = AiTurn(workspace_id=workspace_id, conversation_id=conversation.id, question=question)
        session.add(turn)
        session.flush()
    return turn


def reopen_turn(workspace_id: int, user_id: int, turn_id: int) -> AiTurn:
    """Have the last turn, which has no whole answer, answered again. Raises Conflict, NotFound."""
    with transaction() as session:
        turn = get_turn(workspace_id, user_id, turn_id)
        _locked(session, workspace_id, user_id, turn.conversation_id)
        _refuse_busy(session, turn.conversation_id)
        session.refresh(turn)
        last = session.scalar(select(func.max(AiTurn.id)).where(AiTurn.conversation_id == turn.conversation_id))
        if turn.state is _S.DONE or turn.id != last:
            raise Conflict("This was answered, or the conversation went on. Ask again below.", code="ai_answered")
        turn.state, turn.answer, turn.reason, turn.lookups = _S.WRITING, "", "", []
        turn.started_at = now()
    return turn


def stop_turn(workspace_id: int, user_id: int, turn_id: int) -> None:
    """End the writing of an answer; whoever writes it notices, and adds what there is. Raises NotFound."""
    with transaction() as session:
        get_turn(workspace_id, user_id, turn_id)
        session.execute(update(AiTurn).where(AiTurn.id == turn_id, AiTurn.state == _S.WRITING).values(state=_S.STOPPED))


def finish_turn(
    turn_id: int, state: AiTurnState, *, answer: str = "", reason: str = "", lookups: Sequence[str]
) -> None:
    """Record how an answer ended. One that a person stopped stays stopped, and one that is over stays as it is."""
    is_open = AiTurn.state.in_((_S.WRITING, _S.STOPPED) if state is _S.STOPPED else (_S.WRITING,))
    with transaction() as session:
        session.execute(
            update(AiTurn)
            .where(AiTurn.id == turn_id, is_open)
            .values(state=state, answer=answer, reason=reason, lookups=list(lookups))
        )


def save_progress(turn_id: int, answer: str, lookups: Sequence[str]) -> bool:
    """Keep how far an answer is, for other tabs and for a stop; answers whether it is still wanted."""
    with transaction() as session:
        saved: Any = session.execute(
            update(AiTurn)
            .where(AiTurn.id == turn_id, AiTurn.state == _S.WRITING)
            .values(answer=answer, lookups=list(lookups))
        )
    return bool(saved.rowcount)


def add_draft(turn_id: int, draft: Mapping[str, Any]) -> int:
    """Keep a draft with its turn; answers its place there. Raises Conflict when the turn was deleted meanwhile."""
    with transaction() as session:
        count = session.scalar(
            update(AiTurn)
            .where(AiTurn.id == turn_id)
            .values(drafts=AiTurn.drafts.concat(bindparam("draft", [dict(draft)], JSONB)))
            .returning(func.jsonb_array_length(AiTurn.drafts))
        )
    if count is None:
        raise Conflict("The conversation was deleted while its answer was written.")
    return int(count) - 1


def get_draft(workspace_id: int, user_id: int, key: str) -> dict[str, Any]:
    """The template draft that a link names by "<turn>-<place>". Raises NotFound."""
    turn_id, _, place = key.partition("-")
    if not (turn_id.isdecimal() and place.isdecimal() and len(key) < 20):
        raise NotFound("Draft")
    drafts = get_turn(workspace_id, user_id, int(turn_id)).drafts
    if int(place) >= len(drafts) or drafts[int(place)]["kind"] != "template":
        raise NotFound("Draft")
    return drafts[int(place)]


def list_exchanges(workspace_id: int, turn: AiTurn) -> list[tuple[str, str]]:
    """(question, answer) of the turns before `turn` that were answered whole, newest first."""
    rows = db.session.execute(
        select(AiTurn.question, AiTurn.answer)
        .where(
            AiTurn.workspace_id == workspace_id,
            AiTurn.conversation_id == turn.conversation_id,
            AiTurn.id < turn.id,
            AiTurn.state == _S.DONE,
        )
        .order_by(AiTurn.id.desc())
        .limit(_MOST_REMEMBERED)
    )
    return [(question, answer) for question, answer in rows]


def _mine(workspace_id: int, user_id: int) -> Select[AiConversation]:
    return select(AiConversation).where(AiConversation.workspace_id == workspace_id, AiConversation.user_id == user_id)


def _locked(session: Session, workspace_id: int, user_id: int, conversation_id: int) -> AiConversation:
    query = _mine(workspace_id, user_id).where(AiConversation.id == conversation_id)
    found = session.scalar(query.with_for_update())
    if found is None:
        raise NotFound("Conversation")
    return found


def _refuse_busy(session: Session, conversation_id: int) -> None:
    """Raises Conflict while an answer is being written; one that nobody writes any more is closed first."""
    writing = (AiTurn.conversation_id == conversation_id, AiTurn.state == _S.WRITING)
    session.execute(
        update(AiTurn)
        .where(*writing, AiTurn.started_at < now() - STALE_AFTER)
        .values(state=_S.FAILED, reason=_BROKE_OFF)
    )
    if session.scalar(select(AiTurn.id).where(*writing).limit(1)) is not None:
        raise Conflict(
            "An answer is being written in this conversation, here or in another tab. Wait for it, or stop it first.",
            code="ai_writing",
        )


def _checked(question: str) -> str:
    question = question.replace("\r\n", "\n").strip()
    if not question or "\x00" in question:
        raise Invalid({"question": "Write a question first."})
    if len(question) > LONGEST_QUESTION:
        raise Invalid(
            {"question": f"A question has at most {LONGEST_QUESTION:,} characters; this one has {len(question):,}."}
        )
    return question


def _title_of(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"
