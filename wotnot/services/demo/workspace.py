"""The demo workspace: "Casa Verde", a plant shop that has been using WotNot for a while.

Its number is connected and its templates are submitted through the same services as everybody's; contacts and the past
are written set-wise. The log-in comes last, so a run that was interrupted leaves nobody signed up and is begun again.
"""

import random
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, text, update

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import (
    Broadcast,
    BroadcastState,
    Consent,
    ConsentEvent,
    Contact,
    ContactTag,
    Direction,
    Message,
    MessageState,
    Role,
    Template,
    User,
    Workspace,
)
from wotnot.services import (
    accounts,
    broadcasts,
    channels,
    contacts,
    inbound,
    message_templates,
    sandbox_number,
    segments,
    workspaces,
)
from wotnot.services.demo import costs, talks
from wotnot.services.demo.ledger import Recipient, Sending, past_messages
from wotnot.services.demo.people import SEED, Person, make_people
from wotnot.services.demo.talks import Shop, Talk
from wotnot.services.demo.words import ORDER_UPDATE, REPLIES, SPRING_OFFER, SPRING_OFFER_IN_GERMAN, WAITING_LIST
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound

EMAIL, USER_NAME = "dana@example.com", "Dana Jacobs"
COLLEAGUE = "sam@example.com"
PEOPLE_COUNT = 2000
RECIPIENTS = 1200
RATE = 20
ZONE = ZoneInfo("Africa/Johannesburg")

# With every column in every row, so that they all go into a few large statements.
_INSERT_MESSAGES = insert(Message).execution_options(render_nulls=True)
_OLD: dict[str, Any] = {"name": "New arrivals in November", "template": "new_arrivals", "tag": "Newsletter", "days": 9}
_RECENT: dict[str, Any] = {"name": "How is your plant doing?", "template": "feedback_request", "tag": "VIP", "days": 3}
_FIRST: dict[str, Any] = {"name": "Repotting workshop", "template": "new_arrivals", "tag": "Cape Town", "days": 19}
_NEXT_DAYS = 6
_ORDER_DAYS = 30
_WEEKEND = 5
_REPLYING = 0.06
_NEWEST = 4


@dataclass(frozen=True, slots=True)
class _Made:
    """What the steps hand on: the tenant, its number (ours and Meta's id) and its templates by name."""

    workspace_id: int
    channel_id: int
    phone_number_id: str
    templates: dict[str, int]
    dice: random.Random


def is_wanted() -> bool:
    """Whether there is nobody here yet and the sandbox stands in Meta's place."""
    somebody = select(User.id).where(User.email != COLLEAGUE).limit(1)
    return channels.is_sandbox() and db.session.scalar(somebody) is None


def make_demo(password: str) -> None:
    """Make the demo workspace and its owner, EMAIL with `password`. Takes some seconds; call it once `is_wanted()`.

    Raises Unavailable when the sandbox does not answer; then nothing is left that a second call would trip over.
    """
    made = _set_up(_new_workspace())
    people = _add_people(made)
    _add_broadcast(made, _tagged(people, "Cape Town"), **_FIRST)
    _add_broadcast(made, _tagged(people, "Newsletter")[:RECIPIENTS], **_OLD)
    _add_broadcast(made, _tagged(people, "VIP"), **_RECENT)
    _add_order_updates(made, [recipient for recipient, _ in people])
    _fill_in_names(made)
    _add_replies(made)
    _add_segments(made)
    _plan_next(made)
    costs.add_costs(made.workspace_id)
    told = talks.add_talks(Shop(made.workspace_id, made.channel_id, made.phone_number_id, ZONE))
    sandbox_number.tell_who_wrote(made.phone_number_id, talks.list_writers(made.workspace_id))
    _add_team(made.workspace_id, password, told)


def _new_workspace() -> int:
    with transaction() as session:
        # Nobody is here, so a workspace that is can only be what an interrupted run left behind.
        session.execute(delete(Workspace).where(Workspace.is_demo))
        workspace = Workspace(name="Casa Verde", default_country="ZA", timezone=ZONE.key, is_demo=True)
        session.add(workspace)
        session.flush()
        return workspace.id


def _set_up(workspace_id: int) -> _Made:
    channel = sandbox_number.connect_sandbox(workspace_id)
    channel_id, phone_number_id = channel.id, channel.phone_number_id
    message_templates.sync_templates(workspace_id, channel_id)
    rows = db.session.scalars(select(Template).where(Template.workspace_id == workspace_id)).all()
    templates = {template.name: template.id for template in rows}
    known = {(template.name, template.language) for template in rows}
    for draft in (ORDER_UPDATE, SPRING_OFFER, SPRING_OFFER_IN_GERMAN, WAITING_LIST):
        # A sandbox that was kept while the database was emptied has them already.
        if (draft["name"], draft["language"]) not in known:
            message_templates.create_template(workspace_id, channel_id=channel_id, **draft)
    return _Made(workspace_id, channel_id, phone_number_id, templates, random.Random(SEED))


def _add_people(made: _Made) -> list[tuple[Recipient, tuple[str, ...]]]:
    people = make_people(PEOPLE_COUNT)
    now, here = clock.now(), made.workspace_id
    rows = [
        {
            "workspace_id": here,
            "phone": person.phone,
            "name": person.name,
            "email": person.email,
            "language": person.language,
            "attributes": person.attributes,
            "consent": person.consent,
            "created_at": now - timedelta(days=person.age_days),
            "updated_at": now - timedelta(days=person.age_days),
        }
        # The oldest first, because lists show the newest by falling id.
        for person in sorted(people, key=lambda person: -person.age_days)
    ]
    with transaction() as session:
        session.execute(insert(Contact), rows)
        found = session.execute(select(Contact.phone, Contact.id).where(Contact.workspace_id == here))
        ids: dict[str, int] = {str(phone): contact_id for phone, contact_id in found}
        tag_ids = contacts.ensure_tags(here, sorted({tag for person in people for tag in person.tags}))
        session.execute(
            insert(ContactTag),
            [
                {"workspace_id": here, "contact_id": ids[person.phone], "tag_id": tag_ids[tag.lower()]}
                for person in people
                for tag in person.tags
            ],
        )
        session.execute(
            insert(ConsentEvent),
            [_consent_event(here, ids[p.phone], p) for p in people if p.consent is not Consent.UNKNOWN],
        )
    return [(Recipient(ids[person.phone], person.phone, person.consent), person.tags) for person in people]


def _consent_event(workspace_id: int, contact_id: int, person: Person) -> dict[str, Any]:
    said_no = person.consent is Consent.OPTED_OUT
    return {
        "workspace_id": workspace_id,
        "contact_id": contact_id,
        "consent": person.consent,
        "source": "reply" if said_no else "person",
        "note": "They wrote “STOP”" if said_no else "Ticked the box at the till",
        "created_at": clock.now() - timedelta(days=person.age_days * 0.9),
    }


def _add_broadcast(made: _Made, people: Sequence[Recipient], *, name: str, template: str, tag: str, days: int) -> None:
    """A finished broadcast that began `days` ago at ten in the morning."""
    started_at = _morning(-days)
    category = "utility" if template == "feedback_request" else "marketing"
    ordered = sorted(people, key=lambda person: person.id)
    with transaction() as session:
        broadcast = Broadcast(
            workspace_id=made.workspace_id,
            channel_id=made.channel_id,
            template_id=made.templates[template],
            name=name,
            state=BroadcastState.FINISHED,
            audience={"tags": [tag]},
            exclude={},
            variables={"1": {"field": "first_name", "fallback": "there"}, "2": {"text": "Calathea"}},
            created_at=started_at - timedelta(minutes=25),
            updated_at=started_at,
            started_at=started_at,
            finished_at=started_at + timedelta(seconds=len(ordered) / RATE + 2),
        )
        session.add(broadcast)
        session.flush()
        columns = _columns(made, template) | {"broadcast_id": broadcast.id}
        sending = Sending(columns, started_at, RATE, category, ZONE)
        session.execute(_INSERT_MESSAGES, list(past_messages(sending, ordered, made.dice)))


def _add_order_updates(made: _Made, people: Sequence[Recipient]) -> None:
    """Some dozens of single messages a day, fewer at weekends, and none to those who opted out."""
    rows: list[dict[str, Any]] = []
    customers = [person for person in people if person.consent is not Consent.OPTED_OUT]
    for days in range(_ORDER_DAYS, 0, -1):
        began = _morning(-days) - timedelta(hours=1)
        count = made.dice.randint(15, 40) if began.weekday() >= _WEEKEND else made.dice.randint(60, 140)
        chosen = made.dice.sample(customers, count)
        columns = _columns(made, "order_shipped") | {"broadcast_id": None, "content": _order_content(made.dice)}
        sending = Sending(columns, began, 1 / 240, "utility", ZONE, (72, 24, 1, 3))
        rows += (row for row in past_messages(sending, chosen, made.dice) if row["changed_at"] < clock.now())
    with transaction() as session:
        session.execute(_INSERT_MESSAGES, rows)


def _fill_in_names(made: _Made) -> None:
    """What was filled into the broadcasts, as the sender notes it."""
    with transaction() as session:
        session.execute(text(_VALUES), {"workspace": made.workspace_id})


def _add_replies(made: _Made) -> None:
    """Some of those who read a broadcast answered; a few wrote today, so that their window is open."""
    query = select(Message).where(
        Message.workspace_id == made.workspace_id, Message.state == MessageState.READ, Message.broadcast_id.is_not(None)
    )
    read = [message for message in db.session.scalars(query.order_by(Message.id)) if made.dice.random() < _REPLYING]
    now = clock.now()
    long_ago = read[:-_NEWEST]
    answers = [_reply(made, message, min(message.changed_at + timedelta(minutes=3), now)) for message in long_ago]
    newest = [_reply(made, one, now - timedelta(minutes=7 + 41 * place)) for place, one in enumerate(read[-_NEWEST:])]
    inbound.apply_inbound(answers + newest)
    inbound.expire_conversations()


def _reply(made: _Made, message: Message, at: datetime) -> Inbound:
    return Inbound(
        phone_number_id=made.phone_number_id,
        wamid=f"wamid.demo.{made.dice.getrandbits(96):024x}",
        at=at,
        type="text",
        content={"body": made.dice.choice(REPLIES)},
        phone=message.phone,
        context_wamid=message.wamid,
    )


def _add_segments(made: _Made) -> None:
    """Two filters that a shop would keep: regulars who have gone quiet, and whom the last newsletter passed by."""
    newest = select(Broadcast.id).where(Broadcast.workspace_id == made.workspace_id, Broadcast.name == _OLD["name"])
    filters: dict[str, list[dict[str, Any]]] = {
        "VIPs who have gone quiet": [
            {"field": "tags", "op": "any", "value": ["VIP"]},
            {"field": "last_in", "op": "not_within", "value": 30},
        ],
        "Newsletter not read": [{"field": "broadcast", "op": "not_read", "value": db.session.scalar(newest)}],
    }
    for name, conditions in filters.items():
        segments.create_segment(made.workspace_id, name=name, definition={"match": "all", "conditions": conditions})


def _plan_next(made: _Made) -> None:
    broadcast = broadcasts.create_broadcast(
        made.workspace_id,
        name="Early summer favourites",
        channel_id=made.channel_id,
        template_id=made.templates["new_arrivals"],
        audience={"tags": ["Newsletter"]},
        exclude={},
        variables={"1": {"field": "first_name", "fallback": "there"}, "2": {"text": "Monstera"}},
    )
    broadcasts.schedule_broadcast(made.workspace_id, broadcast.id, _morning(_NEXT_DAYS))


def _add_team(workspace_id: int, password: str, told: dict[int, Talk]) -> None:
    """A colleague who never signs in, the owner, and what the two of them did with the conversations."""
    sam = accounts.find_user_by_email(COLLEAGUE) or accounts.create_user(
        email=COLLEAGUE, password=secrets.token_urlsafe(30), name="Sam Adams"
    )
    sam_id = sam.id
    dana_id = accounts.create_user(email=EMAIL, password=password, name=USER_NAME).id
    with transaction() as session:
        dana = workspaces.add_member(workspace_id, user_id=dana_id, role=Role.OWNER).id
        colleague = workspaces.add_member(workspace_id, user_id=sam_id, role=Role.AGENT).id
        # Who tries WotNot on their own machine runs it too, so the operations pages are theirs.
        session.execute(update(User).where(User.id == dana_id).values(is_platform_admin=True))
        session.execute(update(Broadcast).where(Broadcast.workspace_id == workspace_id).values(user_id=dana_id))
        answers = (Message.workspace_id == workspace_id, Message.type != "template", Message.direction == Direction.OUT)
        session.execute(update(Message).where(*answers).values(user_id=dana_id))
        talks.add_team_work(workspace_id, told, {"dana": (dana, dana_id), "sam": (colleague, sam_id)})


# The first variable of all of them is the first name.
_VALUES = """
UPDATE messages m SET content = jsonb_build_object('values', jsonb_build_object(
    '1', coalesce(nullif(split_part(c.name, ' ', 1), ''), 'there'), '2', 'Calathea'))
FROM contacts c
WHERE m.workspace_id = :workspace AND m.broadcast_id IS NOT NULL AND m.reached > 0 AND c.id = m.contact_id
"""


def _columns(made: _Made, template: str) -> dict[str, Any]:
    return {
        "workspace_id": made.workspace_id,
        "channel_id": made.channel_id,
        "template_id": made.templates[template],
        "type": "template",
    }


def _order_content(dice: random.Random) -> dict[str, Any]:
    order, day = str(dice.randint(1000, 1999)), dice.choice(("Tuesday", "Thursday", "Friday"))
    named = [
        {"type": "text", "parameter_name": "first_name", "text": "there"},
        {"type": "text", "parameter_name": "day", "text": day},
    ]
    return {
        "name": "order_shipped",
        "language": {"code": "en", "policy": "deterministic"},
        "components": [
            {"type": "header", "parameters": [{"type": "text", "parameter_name": "order", "text": order}]},
            {"type": "body", "parameters": named},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": order}]},
        ],
    }


def _morning(days: int) -> datetime:
    """Ten o'clock in the shop, so many days from today."""
    return datetime.combine(clock.now().astimezone(ZONE).date() + timedelta(days=days), time(10), ZONE)


def _tagged(people: Iterable[tuple[Recipient, tuple[str, ...]]], tag: str) -> list[Recipient]:
    return [recipient for recipient, tags in people if tag in tags]
