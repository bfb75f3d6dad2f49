"""The conversations of the demo shop: what its customers wrote, what the team answered, and how far it got."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Consent, Contact, Conversation, EventKind, Message, MessageState
from wotnot.services import automation, canned_replies, conversations, inbound
from wotnot.services.person_messages import in_thread
from wotnot.services.tallies import REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_READ
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.errors import plain_words
from wotnot.services.whatsapp.parse import Inbound

Json = dict[str, Any]
_NOT_ON_WHATSAPP = 131026

SAVED_REPLIES = {
    "hours": "Hi {{first_name}}, we are open Tuesday to Sunday from 9:00 to 17:30, at 12 Kloof Street.",
    "delivery": "We deliver within {{city}} on Tuesdays and Fridays. It is R 60, and free from R 500.",
    "yellow-leaves": "Yellow leaves mostly mean too much water. Let the soil dry for a week, {{first_name}}, and send us a picture then.",
    "thanks": "Thank you, {{first_name}} 🌿 Come and see us again soon.",
}

# One rule that answers, and one that is ready to be switched on.
HOURS_RULE = {
    "kind": "keyword",
    "match": "contains",
    "words": "opening hours\nare you open\nwhen do you open",
    "body": "Hi {{first_name}}, we are open Tuesday to Sunday from 9:00 to 17:30, at 12 Kloof Street.",
    "cooldown_minutes": "60",
}
AWAY_RULE = {
    "kind": "away",
    "body": "Hi {{first_name}}, {{business}} is closed just now. We answer as soon as we open.",
    "cooldown_minutes": "720",
}
OPEN_DAYS = dict.fromkeys(range(1, 7), ("09:00", "17:30"))


@dataclass(frozen=True, slots=True)
class Line:
    """One message: `minutes` ago, by the customer or by us, with Meta's object for its `kind`."""

    minutes: float
    is_ours: bool
    kind: str
    content: Json
    state: MessageState = MessageState.READ
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A thread. `holder` is whose it is ("dana", "sam" or nobody's), `unread` how many messages nobody has seen."""

    lines: tuple[Line, ...]
    unread: int = 0
    holder: str = ""
    note: tuple[float, str] | None = None
    labels: tuple[str, ...] = ()
    is_closed: bool = False
    phone: str = field(default="")


@dataclass(frozen=True, slots=True)
class Shop:
    """Whose talks they are: the workspace, its number (ours and Meta's id), the time zone of its days."""

    workspace_id: int
    channel_id: int
    phone_number_id: str
    zone: ZoneInfo


def they(minutes: float, words: str = "", kind: str = "text", **content: Any) -> Line:
    """A line of the customer."""
    return Line(minutes, is_ours=False, kind=kind, content=content or {"body": words})


def we(
    minutes: float, words: str = "", kind: str = "text", state: MessageState = MessageState.READ, **content: Any
) -> Line:
    """A line of ours."""
    return Line(minutes, is_ours=True, kind=kind, content=content or {"body": words}, state=state)


def onto(minutes: float, kind: str, **content: Any) -> Line:
    """What the customer did to the line before: a reaction, or another wording."""
    return Line(minutes, is_ours=False, kind=kind, content=content, changes=True)


_HOUR, _DAY = 60, 24 * 60
_SIZES: Json = {
    "type": "button",
    "body": {"text": "Which pot shall we put it in?"},
    "action": {
        "buttons": [
            {"type": "reply", "reply": {"id": str(n), "title": name}}
            for n, name in enumerate(("Clay", "White", "Blue"), 1)
        ]
    },
}
_ORDER: Json = {
    "catalog_id": "194836987003835",
    "text": "Can I pick these up on Saturday?",
    "product_items": [
        {"product_retailer_id": "Calathea orbifolia", "quantity": 1, "item_price": 289, "currency": "ZAR"},
        {"product_retailer_id": "Clay pot, 14 cm", "quantity": 2, "item_price": 75, "currency": "ZAR"},
    ],
}
_AD: Json = {
    "headline": "Green rooms, happy people",
    "body": "Plants for every window",
    "source_url": "https://casaverde.example/ad",
}

TALKS = (
    Talk(
        (
            they(2 * _DAY + 50, "Hi! Do you have a monstera for a dark corner?"),
            we(2 * _DAY + 41, "Hi Naledi, a dark corner is hard for a monstera. A ZZ plant would love it: https://casaverde.example/zz"),
            onto(2 * _DAY + 40, "reaction", emoji="🙏"),
            they(9, "I still dream of the big monstera in your window 😍"),
            they(7, "Is it for sale? And could you keep it until Saturday?"),
        ),
        unread=2,
        phone="27825550142",
    ),
    Talk(
        (
            they(20 * _HOUR + 3, "Can your driver come here tomorrow morning?"),
            they(20 * _HOUR, kind="location", latitude=-26.1929, longitude=28.0305, name="Braamfontein Centre", address="23 Jorissen Street, Johannesburg"),
        ),
        unread=2,
        labels=("Delivery",),
        phone="27835550118",
    ),
    Talk(
        (
            they(26, "My order CV-1402 came with a broken pot."),
            we(22, "I am so sorry. Shall we send you a new pot, or give you the money back?"),
            they(19, "The money back please, I bought another one meanwhile."),
        ),
        holder="sam",
        note=(17, "Refund of R 75 agreed, I do it on Friday with the others."),
        labels=("Refund",),
    ),
    Talk(
        (
            they(3 * _HOUR, "Hello, I would like the calathea from the newsletter"),
            we(3 * _HOUR - 5, kind="interactive", **_SIZES),
            they(3 * _HOUR - 9, kind="interactive", type="button_reply", button_reply={"id": "2", "title": "White"}),
            we(3 * _HOUR - 12, "Lovely choice. It waits for you at the till.", state=MessageState.DELIVERED),
        ),
        holder="dana",
    ),
    Talk((they(44, kind="order", **_ORDER),), unread=1),
    Talk((they(66, body="Saw your ad, do you also do offices?", referral=_AD),), unread=1),
    Talk(
        (
            they(5 * _HOUR + 8, "Are you open on Suday?"),
            onto(5 * _HOUR + 7, "edit", message={"type": "text", "text": {"body": "Are you open on Sunday?"}}),
            we(5 * _HOUR, "Yes, from 9:00 to 17:30. See you then!"),
            they(5 * _HOUR - 4, "Great, thank you!"),
        ),
        holder="dana",
    ),
    Talk(
        (
            they(7 * _HOUR, "Please send the care sheet to my husband too, his number is on the card"),
            they(7 * _HOUR - 1, kind="contacts", contacts=[{"name": {"formatted_name": "Imraan Petersen"}, "phones": [{"phone": "+27 83 555 0177"}]}]),
            we(7 * _HOUR - 20, "With pleasure. Water it once a week, and no sun at noon.", state=MessageState.FAILED),
        ),
        holder="dana",
    ),
    Talk(
        (
            they(30 * _HOUR, "Mine has yellow leaves, what can I do?"),
            we(29 * _HOUR, "That is mostly too much water. Let the soil dry for a week and tell us how it goes.", state=MessageState.DELIVERED),
        ),
        holder="sam",
    ),
    Talk(
        (
            they(4 * _DAY, "How much is delivery to Stellenbosch?"),
            we(4 * _DAY - 12, "R 60, and free from R 500. We come on Tuesdays and Fridays."),
            they(4 * _DAY - 15, "Perfect, thanks"),
        ),
        holder="sam",
        is_closed=True,
    ),
    Talk(
        (
            they(6 * _HOUR + 40, "*Two* tickets for the repotting workshop please, is there a seat left?"),
            we(6 * _HOUR + 20, "There are three. I have put your name on two of them 🌱"),
            they(6 * _HOUR, "You are the best"),
            we(6 * _HOUR - 2, kind="reaction", emoji="❤️"),
        ),
        holder="dana",
        is_closed=True,
    ),
)  # fmt: skip


def list_writers(workspace_id: int) -> dict[str, datetime]:
    """Who wrote within the last 24 hours, by phone: when they did."""
    rows = db.session.execute(
        select(Contact.phone, Conversation.window_expires_at)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(Conversation.workspace_id == workspace_id, Conversation.window_expires_at > clock.now())
    )
    return {row.phone: row.window_expires_at - timedelta(hours=24) for row in rows if row.phone}


def add_talks(shop: Shop) -> dict[int, Talk]:
    """Write the messages of all talks, and the saved replies; answers which conversation is which."""
    now = clock.now()
    people = _people(shop.workspace_id)
    heard: list[Inbound] = []
    for number, (talk, contact) in enumerate(zip(TALKS, people, strict=True)):
        heard += _heard(talk, contact, shop, now, number)
    inbound.apply_inbound(heard)
    with transaction():
        for number, (talk, contact) in enumerate(zip(TALKS, people, strict=True)):
            for message in _said(talk, contact, shop, now, number):
                db.session.add(message)
                db.session.flush()
                if message.type != "reaction":
                    conversations.note_outbound(message)
        for shortcut, body in SAVED_REPLIES.items():
            canned_replies.save_reply(shop.workspace_id, shortcut=shortcut, body=body)
        _add_rules(shop.workspace_id)
    inbound.expire_conversations()
    threads = _threads(shop.workspace_id, people)
    return {threads[contact.id]: talk for talk, contact in zip(TALKS, people, strict=True)}


def add_team_work(workspace_id: int, talks: dict[int, Talk], hands: dict[str, tuple[int, int]]) -> None:
    """Who has which thread, what they noted, what is closed. `hands` are (member id, user id) by name. Joins the caller's
    transaction.
    """
    with transaction() as session:
        for conversation_id, talk in talks.items():
            _work(workspace_id, conversation_id, talk, hands)
        session.execute(text(_SEEN), {"ids": list(talks), "unread": [talk.unread for talk in talks.values()]})
        session.execute(text(_OLD), {"workspace": workspace_id})


def _add_rules(workspace_id: int) -> None:
    automation.create_automation(workspace_id, **HOURS_RULE)
    away = automation.create_automation(workspace_id, **AWAY_RULE)
    automation.switch_automation(workspace_id, away.id, is_on=False)
    automation.save_hours(workspace_id, OPEN_DAYS)


def _work(workspace_id: int, conversation_id: int, talk: Talk, hands: dict[str, tuple[int, int]]) -> None:
    member_id, user_id = hands.get(talk.holder, (None, None))
    if member_id:
        conversations.assign(workspace_id, conversation_id, member_id=member_id, user_id=user_id)
    if talk.note:
        minutes, words = talk.note
        note = conversations.add_note(workspace_id, conversation_id, user_id=user_id, words=words)
        note.created_at = clock.now() - timedelta(minutes=minutes)
    if talk.labels:
        conversations.set_labels(workspace_id, conversation_id, talk.labels)
    if talk.is_closed:
        conversations.close(workspace_id, conversation_id, user_id=user_id)
    # They happened when the talk did, not while the demo was made.
    db.session.flush()
    for kind, line in ((EventKind.ASSIGNED, talk.lines[0]), (EventKind.CLOSED, talk.lines[-1])):
        at = clock.now() - timedelta(minutes=line.minutes)
        db.session.execute(text(_MOVE_EVENTS), {"id": conversation_id, "at": at, "kind": kind.value})


def _people(workspace_id: int) -> list[Contact]:
    """One contact for each talk: those who are on the sandbox's phone where the talk wants one, else who agreed."""
    named = [talk.phone for talk in TALKS if talk.phone]
    mine = select(Contact).where(Contact.workspace_id == workspace_id)
    known = {contact.phone: contact for contact in db.session.scalars(mine.where(Contact.phone.in_(named)))}
    others = iter(
        db.session.scalars(
            mine.where(Contact.phone.not_in(named), Contact.consent == Consent.OPTED_IN, Contact.email != "")
            .order_by(Contact.id.desc())
            .limit(len(TALKS))
        ).all()
    )
    return [known[talk.phone] if talk.phone else next(others) for talk in TALKS]


def _heard(talk: Talk, contact: Contact, shop: Shop, now: datetime, number: int) -> Iterator[Inbound]:
    for place, line in enumerate(talk.lines):
        if line.is_ours:
            continue
        content = dict(line.content)
        if line.changes:
            content["message_id" if line.kind == "reaction" else "original_message_id"] = _wamid(number, place - 1)
        at = now - timedelta(minutes=line.minutes)
        yield Inbound(shop.phone_number_id, _wamid(number, place), at, line.kind, content, phone=contact.phone)


def _said(talk: Talk, contact: Contact, shop: Shop, now: datetime, number: int) -> Iterator[Message]:
    for place, line in enumerate(talk.lines):
        if not line.is_ours:
            continue
        at = now - timedelta(minutes=line.minutes)
        content = dict(line.content)
        if line.kind == "reaction":
            content["message_id"] = _wamid(number, place - 1)
        yield Message(
            workspace_id=contact.workspace_id,
            channel_id=shop.channel_id,
            contact_id=contact.id,
            phone=contact.phone,
            type=line.kind,
            content=content,
            wamid=_wamid(number, place),
            day=at.astimezone(shop.zone).date(),
            created_at=at,
            due_at=at,
            **_fate(line.state, at),
        )


def _fate(state: MessageState, at: datetime) -> Json:
    sent = {"state": state, "claimed_at": at, "accepted_at": at, "changed_at": at}
    if state is MessageState.FAILED:
        title = plain_words(_NOT_ON_WHATSAPP).title
        return sent | {
            "reached": REACHED_ACCEPTED,
            "failed_at": at,
            "error_code": _NOT_ON_WHATSAPP,
            "error_title": title,
        }
    sent |= {"reached": REACHED_DELIVERED, "sent_at": at, "delivered_at": at + timedelta(seconds=2)}
    if state is MessageState.READ:
        sent |= {"reached": REACHED_READ, "read_at": at + timedelta(seconds=40)}
    return sent


def _wamid(number: int, place: int) -> str:
    return f"wamid.demo.talk{number}.{place}"


def _threads(workspace_id: int, people: Sequence[Contact]) -> dict[int, int]:
    query = select(Conversation.contact_id, Conversation.id).where(
        Conversation.workspace_id == workspace_id, Conversation.contact_id.in_([one.id for one in people])
    )
    return {contact_id: conversation_id for contact_id, conversation_id in db.session.execute(query)}  # noqa: C416 — rows are no pairs to mypy


_MOVE_EVENTS = """
UPDATE conversation_events SET created_at = CAST(:at AS timestamptz) + interval '1 second'
WHERE conversation_id = :id AND kind = :kind
"""

_SEEN = f"""
UPDATE conversations c SET unread_count = g.unread, read_through = (
    SELECT m.id FROM messages m
    WHERE m.contact_id = c.contact_id AND m.channel_id = c.channel_id AND {in_thread("m")} AND m.direction = 'in'
    ORDER BY m.created_at DESC, m.id DESC OFFSET g.unread LIMIT 1)
FROM unnest(CAST(:ids AS bigint[]), CAST(:unread AS int[])) AS g (id, unread) WHERE c.id = g.id
"""  # noqa: S608 — made of constants

# Whoever answered a broadcast days ago was answered and put away.
_OLD = """
UPDATE conversations SET unread_count = 0, read_through = last_message_id, state = 'closed'
WHERE workspace_id = :workspace AND last_message_at < now() - interval '2 days' AND assignee_id IS NULL
"""
