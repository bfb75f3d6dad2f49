"""Rules that answer by themselves: what they answer, what they leave alone, and that they answer once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.cast import Cast
from tests.deliveries import PERSON, deliver, delivery, drain, message
from tests.factories import make_channel, make_contact, make_inbound, save
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import Automation, AutomationRun, Channel, Contact, Conversation, Message
from wotnot.services import automation, threads, webhook_inbox
from wotnot.services.rule_answers import MOST_AN_HOUR


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace, phone_number_id="800000000000001", display_phone_number="+27 21 555 0001")


@pytest.fixture
def contact(cast: Cast, channel: Channel) -> Contact:
    """Somebody who wrote before."""
    contact = make_contact(cast.workspace, phone=PERSON, name="Naledi Mokoena")
    make_inbound(channel, contact, "An old question", created_at=clock.now() - timedelta(days=3))
    return contact


def greet(cast: Cast, body: str = "Welcome to {{business}}, {{first_name}}.") -> Automation:
    return automation.create_automation(cast.workspace.id, kind="greeting", body=body)


def keyword(cast: Cast, words: str, body: str, match: str = "contains", **fields: str) -> Automation:
    return automation.create_automation(
        cast.workspace.id, kind="keyword", words=words, body=body, match=match, **fields
    )


def answers(session: Any) -> list[str]:
    rows = session.query(Message).filter_by(direction="out").order_by(Message.id).populate_existing()
    return [row.content["body"] for row in rows]


def test_a_first_message_is_greeted_once_and_only_the_first(cast: Cast, channel: Channel, session: Any) -> None:
    greet(cast)
    first, second = message("text", "Hi", ago=30), message("text", "Anybody there?", ago=20)
    for _ in range(5):
        deliver(second, first, contacts=[{"profile": {"name": "Naledi M"}, "wa_id": PERSON}])
    deliver(message("text", "Hello?"))
    assert answers(session) == ["Welcome to Casa Verde, Naledi."]
    run = session.query(AutomationRun).one()
    assert session.get(Message, run.inbound_message_id).wamid == first["id"]


def test_the_thread_says_that_nobody_typed_it(cast: Cast, contact: Contact, session: Any) -> None:
    rule = keyword(cast, "hours", "We are open from nine to five.")
    deliver(message("text", "What are your hours?"))
    conversation = session.query(Conversation).one()
    entries = threads.read_thread(conversation).entries
    shown = [(entry.words, entry.is_automatic) for entry in entries]
    assert shown[-2:] == [("What are your hours?", False), ("We are open from nine to five.", True)]
    assert conversation.unread_count == 1
    assert entries[-1].message
    assert conversation.last_message_id == entries[-1].message.id
    automation.delete_automation(cast.workspace.id, rule.id)
    assert threads.read_thread(conversation).entries[-1].is_automatic


def test_the_first_rule_that_fits_answers_alone(cast: Cast, contact: Contact, session: Any) -> None:
    keyword(cast, "price", "From 10 euros.")
    upper = keyword(cast, "price of roses", "Roses are 12 euros.")
    automation.move_automation(cast.workspace.id, upper.id, up=True)
    deliver(message("text", "What is the price of roses?"))
    assert answers(session) == ["Roses are 12 euros."]


def test_a_rule_that_is_off_or_in_its_pause_is_passed_over(cast: Cast, contact: Contact, session: Any) -> None:
    off = keyword(cast, "hi", "Never said.")
    automation.switch_automation(cast.workspace.id, off.id, is_on=False)
    keyword(cast, "hi", "Once an hour.", cooldown_minutes="60")
    keyword(cast, "hi there", "Every time.")
    for words in ("Hi", "Hi", "Hi there"):
        deliver(message("text", words))
    assert answers(session) == ["Once an hour.", "Every time."]


def test_one_batch_is_no_way_around_a_pause(cast: Cast, contact: Contact, session: Any) -> None:
    keyword(cast, "hi", "Once an hour.", cooldown_minutes="60")
    deliver(*(message("text", "Hi") for _ in range(5)))
    assert answers(session) == ["Once an hour."]


def test_nobody_gets_more_than_a_few_an_hour(cast: Cast, contact: Contact, session: Any) -> None:
    """A machine on the other side answers each answer of ours: it ends."""
    keyword(cast, ".", "Thanks.", match="pattern")
    for _ in range(MOST_AN_HOUR + 3):
        deliver(message("text", "I am out of office."))
    deliver(*(message("text", "I am out of office.") for _ in range(3)))
    assert len(answers(session)) == MOST_AN_HOUR


def test_outside_business_hours_the_team_is_away(cast: Cast, contact: Contact, session: Any) -> None:
    automation.create_automation(cast.workspace.id, kind="away", body="Back tomorrow.")
    today = clock.now().weekday()
    automation.save_hours(cast.workspace.id, {today: ("00:00", "00:00")})
    deliver(message("text", "Hi"))
    automation.save_hours(cast.workspace.id, {(today + 3) % 7: ("09:00", "17:00")})
    deliver(message("image", {"id": "1"}))
    assert answers(session) == ["Back tomorrow."]


def test_in_the_night_after_an_opening_day_the_team_is_there(cast: Cast, contact: Contact, session: Any) -> None:
    """Hours that began yesterday and end a minute before they begin again: whatever the time is now, they have not ended."""
    automation.create_automation(cast.workspace.id, kind="away", body="Back tomorrow.")
    moment = clock.now().astimezone(ZoneInfo(cast.workspace.timezone)) + timedelta(minutes=10)
    began, ends = f"{moment:%H:%M}", f"{moment - timedelta(minutes=1):%H:%M}"
    automation.save_hours(cast.workspace.id, {(moment.weekday() - 1) % 7: (began, ends)})
    deliver(message("text", "Hi"))
    assert answers(session) == []
    automation.save_hours(cast.workspace.id, {(moment.weekday() - 2) % 7: (began, ends)})
    deliver(message("text", "Hi again"))
    assert answers(session) == ["Back tomorrow."]


@pytest.mark.parametrize(
    "said",
    [
        message("reaction", {"message_id": "wamid.x", "emoji": "hi"}),
        message("edit", {"original_message_id": "wamid.x", "message": {"type": "text", "text": {"body": "hi"}}}),
        message("revoke", {"original_message_id": "wamid.x"}),
        message("system", {"body": "hi", "type": "customer_identity_changed"}),
        message("unsupported", {"type": "poll"}),
        message("text", "hi", ago=11 * 60),
        message("text", "hi", **{"from": "27215550001"}),
        message("text", "stop"),
    ],
    ids=["reaction", "edit", "revoke", "system", "unsupported", "late", "own number", "stop"],
)
def test_what_no_rule_may_answer(cast: Cast, channel: Channel, session: Any, said: dict[str, Any]) -> None:
    greet(cast, "By a rule")
    keyword(cast, "hi", "By a rule")
    automation.create_automation(cast.workspace.id, kind="away", body="By a rule")
    automation.save_hours(cast.workspace.id, {(clock.now().weekday() + 3) % 7: ("09:00", "17:00")})
    deliver(said)
    assert "By a rule" not in answers(session)


def test_a_number_that_cannot_send_answers_nothing(cast: Cast, channel: Channel, session: Any) -> None:
    greet(cast)
    channel.state = "stopped"
    session.commit()
    deliver(message("text", "Hi"))
    assert session.query(Message).one().direction == "in"


def test_other_workspaces_rules_answer_nothing_here(cast: Cast, contact: Contact, session: Any) -> None:
    automation.create_automation(cast.other_workspace.id, kind="keyword", match="contains", words="hi", body="No")
    deliver(message("text", "Hi"))
    assert answers(session) == []


def test_a_batch_costs_the_same_for_one_and_for_many(
    cast: Cast, channel: Channel, session: Any, count_queries: Callable[..., Any]
) -> None:
    greet(cast)
    keyword(cast, "hi", "Hello.")
    counts = []
    for people in (1, 40):
        said = [message("text", "hi", **{"from": f"2783{people:03d}{n:04d}"}) for n in range(people)]
        webhook_inbox.store_delivery(delivery(*said))
        with count_queries() as statements:
            assert drain()["done"] == 1
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert len(answers(session)) == 41


# ---------------------------------------------------------------- keeping rules


def test_rules_keep_their_order(cast: Cast) -> None:
    first, second, third = (keyword(cast, word, "Yes.") for word in ("one", "two", "three"))
    automation.move_automation(cast.workspace.id, third.id, up=True)
    automation.move_automation(cast.workspace.id, first.id, up=True)
    automation.move_automation(cast.workspace.id, first.id, up=False)
    automation.move_automation(cast.workspace.id, second.id, up=False)
    assert [rule.id for rule in automation.list_automations(cast.workspace.id)] == [third.id, first.id, second.id]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("kind", {"kind": "birthday", "body": "Yes"}),
        ("body", {"kind": "greeting", "body": " "}),
        ("body", {"kind": "greeting", "body": "x" * 1_001}),
        ("body", {"kind": "greeting", "body": "Hi {{nickname}}"}),
        ("cooldown_minutes", {"kind": "greeting", "body": "Hi", "cooldown_minutes": "-1"}),
        ("cooldown_minutes", {"kind": "greeting", "body": "Hi", "cooldown_minutes": "9999999999"}),
        ("match", {"kind": "keyword", "body": "Hi", "words": "hi", "match": "sounds like"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": " \n ", "match": "exact"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": "🛑", "match": "exact"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": "Stop!", "match": "exact"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": "(a", "match": "pattern"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": "a*", "match": "pattern"}),
        ("words", {"kind": "keyword", "body": "Hi", "words": "\n".join(map(str, range(31))), "match": "exact"}),
    ],
)
def test_what_cannot_work_is_refused(cast: Cast, field: str, fields: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        automation.create_automation(cast.workspace.id, **fields)
    assert field in refused.value.errors


def test_there_is_an_end_to_rules(cast: Cast, session: Any) -> None:
    for place in range(automation.MAX_RULES):
        save(Automation(workspace_id=cast.workspace.id, kind="greeting", body="Hi", position=place))
    with pytest.raises(Conflict):
        greet(cast)


def test_hours_are_checked_and_can_be_taken_away(cast: Cast) -> None:
    for hours in (("9", "17:00"), ("", "17:00"), ("09:00", "09:00"), ("09:00:30", "17:00"), ("09:00", "17:00+02:00")):
        with pytest.raises(Invalid) as refused:
            automation.save_hours(cast.workspace.id, {1: hours})
        assert refused.value.errors["day_1"][0].startswith("Tuesday:")
    automation.save_hours(cast.workspace.id, {1: ("09:00", "17:00"), 2: ("22:00", "24:00"), 6: ("18:00", "02:00")})
    assert set(automation.get_hours(cast.workspace.id)) == {1, 2, 6}
    automation.save_hours(cast.workspace.id, {})
    assert automation.get_hours(cast.workspace.id) == {}


def test_a_trial_says_who_would_answer(cast: Cast) -> None:
    rule = keyword(cast, "hours", "Nine to five, {{first_name}}.")

    def tried(words: str) -> Any:
        return automation.try_message(cast.workspace.id, words, is_first=False, is_away=False)

    assert (tried("your hours?").automation.id, tried("your hours?").body) == (rule.id, "Nine to five, there.")
    assert (tried("stop").consent, tried("stop").automation) == ("opted_out", None)
    assert tried("hello") == automation.Trial()
    with pytest.raises(Invalid):
        tried("  ")


def test_a_stranger_finds_no_rule(cast: Cast) -> None:
    rule, stranger = greet(cast), cast.other_workspace.id
    for call in (
        lambda: automation.get_automation(stranger, rule.id),
        lambda: automation.update_automation(stranger, rule.id, body="Mine"),
        lambda: automation.switch_automation(stranger, rule.id, is_on=False),
        lambda: automation.move_automation(stranger, rule.id, up=True),
        lambda: automation.delete_automation(stranger, rule.id),
    ):
        with pytest.raises(NotFound):
            call()
