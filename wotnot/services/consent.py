"""Who may be messaged, and how we know: the owner of a contact's consent and of its history.

The sender's claim checks the same column, so an opt-out stops what is queued already.
"""

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Consent, ConsentEvent, Contact
from wotnot.services import events
from wotnot.services.transaction import transaction


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
    """Set the consent of some contacts and keep where it came from (`source`: "reply", "person", "api", "meta" …).

    Answers the ids that changed; the others had it already, or are another workspace's.
    """
    with transaction() as session:
        changed = list(
            session.scalars(
                update(Contact)
                .where(Contact.workspace_id == workspace_id, Contact.id.in_(contact_ids), Contact.consent != consent)
                .values(consent=consent, updated_at=clock.now())
                .returning(Contact.id)
            )
        )
        if changed:
            event = {"consent": consent, "source": source, "note": note, "user_id": user_id, "message_id": message_id}
            session.execute(
                insert(ConsentEvent),
                [{"workspace_id": workspace_id, "contact_id": contact_id, **event} for contact_id in changed],
            )
            events.publish(workspace_id, "contacts", *(f"contact:{contact_id}" for contact_id in changed[:50]))
        return changed


def list_consent_events(workspace_id: int, contact_id: int, limit: int = 50) -> list[ConsentEvent]:
    """The changes of a contact's consent, newest first."""
    query = select(ConsentEvent).where(ConsentEvent.workspace_id == workspace_id, ConsentEvent.contact_id == contact_id)
    return list(db.session.scalars(query.order_by(ConsentEvent.id.desc()).limit(limit)))


def may_message(contact: Contact) -> bool:
    """Whether a marketing message may go to this contact."""
    return contact.consent is not Consent.OPTED_OUT
