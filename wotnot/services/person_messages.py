"""A person's messages: which of two indexes knows them.

No index holds all messages by person. What is planned enters `ix_messages_thread` only when it went out, because an index of
millions of people is entered far from the neighbours of each row: entered by every claim, it slowed claiming beside a large
ledger. So whoever looks for messages of a person names a part, in the words of its index, or asks for both.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from wotnot.models import Message


def is_in_thread(message: Any = Message) -> ColumnElement[bool]:
    """Whether a message went out or came in, or belongs to no broadcast: the part in `ix_messages_thread`."""
    return or_(message.broadcast_id.is_(None), message.reached > 0)


def is_unsent(message: Any = Message) -> ColumnElement[bool]:
    """Whether it is a broadcast's and never went out: all others, in `ix_messages_unsent`."""
    return and_(message.broadcast_id.is_not(None), message.reached == 0)


PARTS = (is_in_thread(), is_unsent())
"""The conditions of which each message fulfils exactly one."""


def in_thread(alias: str) -> str:
    """`is_in_thread` as text about a table's alias."""
    return f"({alias}.broadcast_id IS NULL OR {alias}.reached > 0)"


def unsent(alias: str) -> str:
    """`is_unsent` as text about a table's alias."""
    return f"({alias}.broadcast_id IS NOT NULL AND {alias}.reached = 0)"


def all_of(person: str) -> str:
    """Text for the rows of all messages of `person`, an expression: each index answers for its part."""
    parts = (f"SELECT * FROM messages m WHERE m.contact_id = {person} AND {part('m')}" for part in (in_thread, unsent))  # noqa: S608 — expressions of ours
    return f"({' UNION ALL '.join(parts)})"
