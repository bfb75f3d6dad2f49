"""Who may be messaged, and how we know: the owner of a contact's consent and of its history.

The sender's claim checks the same column, so an opt-out stops what is queued already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, text, update

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Consent, ConsentEvent, Contact
from wotnot.services import events
from wotnot.services.transaction import transaction

CLOCK_DOUBT_SECONDS = 120
"""Our clock and Meta's may differ so much: what somebody entered here this soon after a message does not overrule it."""


def record_consent(
    workspace_id: int,
    contact_ids: Sequence[int],
    consent: Consent,
    *,
    source: str,
    note: str = "",
    user_id: int | None = None,
    message_id: int | None = None,
) -> list[int]:
    """Set the consent of some contacts and keep where it came from (`source`: "reply", "person", "api", "whatsapp" …).

    Answers the ids that changed; the others had it already, or are another workspace's.
    """
    others = Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids), Contact.consent != consent
    with transaction() as session:
        # In the order of their ids, as every writer of several contacts: two of them never wait for one another.
        session.execute(select(Contact.id).where(*others).order_by(Contact.id).with_for_update(key_share=True))
        written = update(Contact).where(*others).values(consent=consent, updated_at=clock.now()).returning(Contact.id)
        changed = list(session.scalars(written))
        if changed:
            event = {"consent": consent, "source": source, "note": note, "user_id": user_id, "message_id": message_id}
            session.execute(
                insert(ConsentEvent),
                [{"workspace_id": workspace_id, "contact_id": contact_id, **event} for contact_id in changed],
            )
            events.publish(workspace_id, "contacts", *(f"contact:{contact_id}" for contact_id in changed[:50]))
        return changed


@dataclass(frozen=True, slots=True)
class Said:
    """What a person wrote about consent: the stored message, its contact, and how to name it in the history."""

    workspace_id: int
    contact_id: int
    message_id: int
    consent: Consent
    note: str


def record_said(said: Sequence[Said]) -> set[int]:
    """Keep what people wrote, at most one message of each, and set their consent; answers the messages that changed it.

    Messages come late and in any order, so one that a later word overtook changes nothing. Of two within a second the
    stop counts. Joins the caller's transaction.
    """
    if not said:
        return set()
    with transaction() as session:
        rows = session.execute(
            text(_SAID),
            {
                "contacts": [one.contact_id for one in said],
                "consents": [one.consent for one in said],
                "messages": [one.message_id for one in said],
                "notes": [one.note for one in said],
                "doubt": CLOCK_DOUBT_SECONDS,
            },
        ).all()
        _tell(rows)
        return {row.message_id for row in rows if row.is_change}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person chose inside WhatsApp `at` Meta's time, and how to name it in the history."""

    workspace_id: int
    contact_id: int
    consent: Consent
    at: datetime
    note: str


def record_choices(chosen: Sequence[Chosen]) -> set[int]:
    """Keep what people chose inside WhatsApp, in the order of its times, and set their consent; answers whose changed.

    It comes twice, late and in any order like what they write, and a choice that a later one overtook changes nothing. Of two
    within a second the stop counts. Joins the caller's transaction.
    """
    if not chosen:
        return set()
    given: dict[str, list[Any]] = {
        "workspaces": [one.workspace_id for one in chosen],
        "contacts": [one.contact_id for one in chosen],
        "consents": [one.consent for one in chosen],
        "times": [one.at for one in chosen],
        "notes": [one.note for one in chosen],
    }
    with transaction() as session:
        # In a statement of its own: the next one must see what whoever held on to the contacts has kept meanwhile.
        theirs = select(Contact.id).where(
            Contact.id.in_(given["contacts"]), Contact.workspace_id.in_(given["workspaces"])
        )
        session.execute(theirs.order_by(Contact.id).with_for_update(key_share=True))
        rows = session.execute(text(_CHOSEN), given | {"doubt": CLOCK_DOUBT_SECONDS}).all()
        _tell(rows)
        return {row.contact_id for row in rows}


def list_consent_events(workspace_id: int, contact_id: int, limit: int = 50) -> list[ConsentEvent]:
    """The changes of a contact's consent, newest first."""
    query = select(ConsentEvent).where(ConsentEvent.workspace_id == workspace_id, ConsentEvent.contact_id == contact_id)
    return list(db.session.scalars(query.order_by(ConsentEvent.id.desc()).limit(limit)))


def may_message(contact: Contact) -> bool:
    """Whether a marketing message may go to this contact."""
    return contact.consent is not Consent.OPTED_OUT


def _tell(rows: Sequence[Any]) -> None:
    """Pages that show these people look again."""
    for workspace_id in {row.workspace_id for row in rows}:
        people = sorted(f"contact:{row.contact_id}" for row in rows if row.workspace_id == workspace_id)
        events.publish(workspace_id, "contacts", *people)


# Whether a later word about consent is known than `g`. What was written or chosen has Meta's time, what was entered has ours.
_OVERTAKEN = """SELECT 1 FROM consent_events e LEFT JOIN messages o ON o.id = e.message_id
        WHERE e.contact_id = g.contact_id AND CASE
            WHEN o.id IS NULL AND e.source <> 'choice' THEN e.created_at > g.at + make_interval(secs => :doubt)
            WHEN g.consent = 'opted_out' THEN coalesce(o.created_at, e.created_at) > g.at
            ELSE coalesce(o.created_at, e.created_at) >= g.at END"""

_SAID = f"""
WITH given AS (
    SELECT g.*, m.created_at AS at, m.workspace_id FROM unnest(
        CAST(:contacts AS bigint[]), CAST(:consents AS text[]), CAST(:messages AS bigint[]), CAST(:notes AS text[])
    ) AS g (contact_id, consent, message_id, note) JOIN messages m ON m.id = g.message_id
), locked AS (
    SELECT id, consent FROM contacts WHERE id = ANY(CAST(:contacts AS bigint[])) ORDER BY id FOR NO KEY UPDATE
), valid AS (
    SELECT g.*, l.consent <> g.consent AS is_change FROM given g JOIN locked l ON l.id = g.contact_id
    WHERE NOT EXISTS (
        {_OVERTAKEN})
), changed AS (
    UPDATE contacts c SET consent = v.consent, updated_at = now() FROM valid v WHERE c.id = v.contact_id AND v.is_change
), kept AS (
    INSERT INTO consent_events (workspace_id, contact_id, consent, source, note, message_id)
    SELECT workspace_id, contact_id, consent, 'reply', note, message_id FROM valid
)
SELECT workspace_id, contact_id, message_id, is_change FROM valid
"""  # noqa: S608 — no value in it

# The same choice told twice is kept once. All are kept, and the last of a person is what counts.
_CHOSEN = f"""
WITH given AS (
    SELECT DISTINCT ON (contact_id, at, consent) * FROM unnest(
        CAST(:workspaces AS bigint[]), CAST(:contacts AS bigint[]), CAST(:consents AS text[]),
        CAST(:times AS timestamptz[]), CAST(:notes AS text[])
    ) AS g (workspace_id, contact_id, consent, at, note) ORDER BY contact_id, at, consent
), valid AS (
    SELECT g.*, c.consent AS had FROM given g JOIN contacts c ON c.id = g.contact_id AND c.workspace_id = g.workspace_id
    WHERE NOT EXISTS (
        {_OVERTAKEN}
    ) AND NOT EXISTS (
        SELECT 1 FROM consent_events e
        WHERE e.contact_id = g.contact_id AND e.source = 'choice' AND e.created_at = g.at AND e.consent = g.consent)
), latest AS (
    SELECT DISTINCT ON (contact_id) workspace_id, contact_id, consent, had FROM valid
    ORDER BY contact_id, at DESC, consent = 'opted_out' DESC
), changed AS (
    UPDATE contacts c SET consent = l.consent, updated_at = now()
    FROM latest l WHERE c.id = l.contact_id AND l.consent <> l.had
), kept AS (
    INSERT INTO consent_events (workspace_id, contact_id, consent, source, note, created_at)
    SELECT workspace_id, contact_id, consent, 'choice', note, at FROM valid ORDER BY at, consent = 'opted_out'
)
SELECT workspace_id, contact_id FROM latest WHERE consent <> had
"""  # noqa: S608 — no value in it
