"""Answers that a team keeps ready. Owns `canned_replies`."""

import re

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import CannedReply
from wotnot.services.personalise import Person, value_of
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.components import VARIABLE

MAX_SHORTCUT, MAX_BODY, MAX_REPLIES = 40, 4_096, 500
_SHORTCUT = re.compile(r"[a-z0-9][a-z0-9_-]*")


def list_replies(workspace_id: int) -> list[CannedReply]:
    """All of them by shortcut. A workspace has some dozens and at most MAX_REPLIES, so this is not paged."""
    query = select(CannedReply).where(CannedReply.workspace_id == workspace_id)
    return list(db.session.scalars(query.order_by(CannedReply.shortcut).limit(MAX_REPLIES)))


def get_reply(workspace_id: int, reply_id: int) -> CannedReply:
    """One of them. Raises NotFound."""
    reply = db.session.scalar(
        select(CannedReply).where(CannedReply.workspace_id == workspace_id, CannedReply.id == reply_id)
    )
    if reply is None:
        raise NotFound("Saved reply")
    return reply


def save_reply(workspace_id: int, *, shortcut: str, body: str, reply_id: int | None = None) -> CannedReply:
    """Keep a new one, or change the one with `reply_id`. The slash before a shortcut may be typed or not.

    Raises Invalid by field, NotFound, Conflict when the shortcut is taken or there are MAX_REPLIES already.
    """
    values = _checked(shortcut, body)
    try:
        with transaction() as session:
            if reply_id is None:
                _refuse_too_many(workspace_id)
                reply = CannedReply(workspace_id=workspace_id)
                session.add(reply)
            else:
                reply = get_reply(workspace_id, reply_id)
            reply.shortcut, reply.body = values
            session.flush()
    except IntegrityError:
        raise Conflict(
            f"There is a reply /{values[0]} already. Choose another shortcut.", code="shortcut_taken"
        ) from None
    return reply


def delete_reply(workspace_id: int, reply_id: int) -> None:
    """Forget one. Raises NotFound."""
    with transaction() as session:
        reply = get_reply(workspace_id, reply_id)
        session.execute(delete(CannedReply).where(CannedReply.id == reply.id))


def fill(body: str, person: Person) -> str:
    """The text for one person; a field that is empty stays as {{field}}, so that whoever sends it sees the gap."""
    return VARIABLE.sub(lambda match: value_of(match[1], person) or match[0], body)


def gaps_in(text: str) -> list[str]:
    """The fields that nothing was put in for, each once."""
    return list(dict.fromkeys(match[1] for match in VARIABLE.finditer(text)))


def _checked(shortcut: str, body: str) -> tuple[str, str]:
    errors: dict[str, str] = {}
    name, words = shortcut.strip().removeprefix("/").lower(), body.strip()
    if not _SHORTCUT.fullmatch(name) or len(name) > MAX_SHORTCUT:
        errors["shortcut"] = f"Use 1 to {MAX_SHORTCUT} letters, digits, - and _, such as opening-hours."
    if not words or len(words) > MAX_BODY:
        errors["body"] = f"Write 1 to {MAX_BODY:,} characters."
    if errors:
        raise Invalid(errors)
    return name, words


def _refuse_too_many(workspace_id: int) -> None:
    if len(list_replies(workspace_id)) >= MAX_REPLIES:
        raise Conflict(f"There are {MAX_REPLIES} saved replies already. Delete one first.", code="too_many_replies")
