"""Answers that nobody typed: written into the ledger in the transaction that stores what they answer.

Owns `automation_runs`. Its unique `inbound_message_id` is why a message is answered once at most, however often its webhook
comes and whoever dies meanwhile: message, answer and mark are one commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, text

from wotnot.extensions import db
from wotnot.models import AutomationRun, Channel, ChannelState, Message, Workspace
from wotnot.services import conversations, messages
from wotnot.services.transaction import transaction

WINDOW_HOURS = 24
BUSINESS = "{{business}}"
"""In an answer: who we are to the customer, which is the name of the number that they wrote to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer to a stored inbound message, by the rule `automation_id` or, without one, to a word about consent.

    BUSINESS in its `body` is filled when it is written.
    """

    inbound_message_id: int
    body: str
    automation_id: int | None = None


def queue_answers(answers: Sequence[Answer]) -> int:
    """Queue answers for the sender, in three statements for any number; answers how many.

    Left out are messages that have one already, whose number cannot send, or whose 24-hour window has closed meanwhile.
    Joins the caller's transaction.
    """
    if not answers:
        return 0
    given = {
        "inbound": [answer.inbound_message_id for answer in answers],
        "rules": [answer.automation_id for answer in answers],
        "bodies": [answer.body for answer in answers],
        "business": BUSINESS,
        "hours": WINDOW_HOURS,
    }
    with transaction() as session:
        ids = list(session.scalars(text(_ANSWER), given))
        if ids:
            conversations.note_outbounds(list(session.scalars(select(Message).where(Message.id.in_(ids)))))
            messages.wake_sender()
    return len(ids)


def business_name(workspace_id: int) -> str:
    """What BUSINESS stands for on the workspace's first number; the workspace's own name while it has none."""
    number = select(Channel.verified_name).where(
        Channel.workspace_id == workspace_id, Channel.state != ChannelState.REMOVED, Channel.verified_name != ""
    )
    found = db.session.scalar(number.order_by(Channel.id).limit(1))
    return found or db.session.scalar(select(Workspace.name).where(Workspace.id == workspace_id)) or ""


def automatic_among(message_ids: Sequence[int]) -> set[int]:
    """Those of these messages that were answered by themselves."""
    if not message_ids:
        return set()
    query = select(AutomationRun.message_id).where(AutomationRun.message_id.in_(message_ids))
    return set(db.session.scalars(query))


# The id comes first, because the mark and the message name each other. An answer stands behind what it answers, also when
# Meta's clock is ahead of ours.
_ANSWER = """
WITH given AS MATERIALIZED (
    SELECT g.*, nextval(pg_get_serial_sequence('messages', 'id')) AS message_id
    FROM unnest(CAST(:inbound AS bigint[]), CAST(:rules AS bigint[]), CAST(:bodies AS text[])) WITH ORDINALITY
    AS g (inbound_id, automation_id, body, place)
), marked AS (
    INSERT INTO automation_runs (workspace_id, automation_id, contact_id, inbound_message_id, message_id)
    SELECT m.workspace_id, g.automation_id, m.contact_id, m.id, g.message_id
    FROM given g JOIN messages m ON m.id = g.inbound_id JOIN channels ch ON ch.id = m.channel_id
    WHERE ch.state = 'connected' AND m.contact_id IS NOT NULL
      AND m.created_at + make_interval(hours => :hours) > now()
    ORDER BY g.place
    ON CONFLICT (inbound_message_id) DO NOTHING
    RETURNING inbound_message_id, message_id
)
INSERT INTO messages (id, workspace_id, channel_id, contact_id, phone, wa_user_id, type, content, day, created_at)
SELECT k.message_id, m.workspace_id, m.channel_id, m.contact_id, c.phone, c.wa_user_id, 'text',
       jsonb_build_object('preview_url', true, 'body',
                          replace(g.body, :business, coalesce(nullif(ch.verified_name, ''), w.name))),
       CAST(now() AT TIME ZONE w.timezone AS date),
       greatest(now(), m.created_at + interval '1 millisecond')
FROM marked k JOIN given g USING (message_id) JOIN messages m ON m.id = k.inbound_message_id
JOIN contacts c ON c.id = m.contact_id JOIN channels ch ON ch.id = m.channel_id JOIN workspaces w ON w.id = m.workspace_id
ORDER BY g.place
RETURNING id
"""
