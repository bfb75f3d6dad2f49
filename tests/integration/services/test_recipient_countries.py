"""The recipients in one country: exactly those that the report counts for it, whichever way they are found."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select, text

from tests import factories as make
from tests.cast import Cast
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, Channel, Contact, Message, MessageState
from wotnot.services import contacts, recipient_countries, report_facets
from wotnot.services.contact_merge_undo import undo_merge
from wotnot.services.contact_merges import follow_into_list
from wotnot.services.country_names import NAMES
from wotnot.services.pricing.markets import country_of
from wotnot.services.recipient_search import VIEWS
from wotnot.services.recipients import list_recipients
from wotnot.services.tallies import country_key

S = MessageState
WAYS = {"by walking": (-1, -1), "by their numbers": (1_000, 10_000), "first by walking": (-1, 10_000)}
"""Up to how many people a country is rare, and up to how many they are found by their numbers."""
STEPS = {
    S.QUEUED: 0, S.UNKNOWN: 1, S.SKIPPED: 0, S.CANCELLED: 0, S.FAILED: 1, S.ACCEPTED: 2, S.SENT: 3, S.DELIVERED: 4, S.READ: 5,
}  # fmt: skip
COUNTED = {
    "got_accepted": "sent", "got_delivered": "delivered", "got_read": "read", "replied": "replied", "failed": "failed",
}  # fmt: skip
PLACES = ("1212555", "1416555", "1876555", "7701555", "7912555", "2782555", "4915155", "9995555")


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    rare, few = request.param
    monkeypatch.setattr("wotnot.services.recipient_search.NEAR_COUNTRY", 5)
    monkeypatch.setattr("wotnot.services.recipient_search.RARE", rare)
    monkeypatch.setattr("wotnot.services.recipient_search.FEW_PEOPLE", few)


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def broadcast(cast: Cast, channel: Channel) -> Broadcast:
    return make.make_broadcast(cast.workspace, channel, state="finished")


def send(broadcast: Broadcast, state: MessageState = S.READ, **person: Any) -> Message:
    """A message to somebody new."""
    contact = make.save(Contact(workspace_id=broadcast.workspace_id, **person))
    assert broadcast.channel is not None
    return make.make_message(
        broadcast.channel, contact, broadcast, state=state, reached=STEPS[state], wa_user_id=contact.wa_user_id
    )


def find(broadcast: Broadcast, country: str, **wanted: Any) -> list[int]:
    page = list_recipients(broadcast.workspace_id, broadcast.id, country=country, limit=200, **wanted)
    return [one.id for one in page.items]


def walk_pages(broadcast: Broadcast, way: str, cursor: str | None = None, **wanted: Any) -> list[int]:
    """The ids on all pages in one direction, in the order in which the pages come."""
    found: list[int] = []
    while True:
        page = list_recipients(broadcast.workspace_id, broadcast.id, limit=3, cursor=cursor, **wanted)
        found += [one.id for one in (page.items if way == "next_cursor" else reversed(page.items))]
        cursor = getattr(page, way)
        if cursor is None:
            return found


def find_marked(broadcast: Broadcast) -> list[int]:
    """Whose number or user id begins otherwise than a message may have been written to."""
    marked = select(Contact.id).where(
        Contact.workspace_id == broadcast.workspace_id, Contact.number_changed_at.is_not(None)
    )
    return list(db.session.scalars(marked.order_by(Contact.id)))


def country_of_message(one: Message) -> str:
    return country_of((one.phone or one.wa_user_id or "")[:4])


def crowd(broadcast: Broadcast) -> list[Message]:
    """A hundred in many states and places; some go by an id, some have got another number since, some were deleted."""
    chance = random.Random(7)
    rows = []
    for n in range(100):
        state = chance.choice(list(STEPS))
        person: dict[str, Any] = {"phone": f"{chance.choice(PLACES)}{n:04}"}
        if n % 9 == 0:
            person = {"phone": None, "wa_user_id": f"{chance.choice(['DE', 'us', 'ZZ'])}.{n}"}
        rows.append(send(broadcast, state, name=chance.choice(["Ann", "Ben"]), **person))
        rows[-1].replied = rows[-1].reached >= 2 and chance.random() < 0.4
        if state is S.FAILED and chance.random() < 0.5:
            rows[-1].reached, rows[-1].error_code = 3, 131026
    db.session.commit()
    return rows


def move_some(rows: Sequence[Message]) -> None:
    """Others of them have another number now, an id and a number, or are gone."""
    for n, one in enumerate(rows):
        contact = db.session.get_one(Contact, one.contact_id)
        if n % 7 == 3:
            contact.phone = f"{PLACES[n % len(PLACES)]}9{n:03}"
        if n % 11 == 5:
            contacts.delete_contact(contact.workspace_id, contact.id)
    db.session.commit()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("is_moved", [False, True], ids=["as sent", "moved since"])
def test_every_country_has_exactly_its_people(broadcast: Broadcast, is_moved: bool) -> None:
    rows = crowd(broadcast)
    if is_moved:
        move_some(rows)
    db.session.expire_all()
    for line in report_facets.list_countries(broadcast.id, "USD"):
        country = line.country or recipient_countries.NOT_KNOWN
        theirs = [one for one in rows if country_of_message(one) == line.country]
        assert find(broadcast, country) == [one.id for one in theirs]
        for view, count in COUNTED.items():
            assert len(find(broadcast, country, view=view)) == getattr(line.reached, count), (country, view)
        for view in ("waiting", "skipped", "on_the_way", "unknown"):
            assert find(broadcast, country, view=view) == [one.id for one in theirs if one.state in VIEWS[view].states]


@pytest.mark.usefixtures("way")
def test_pages_of_a_country_go_both_ways(broadcast: Broadcast) -> None:
    rows = crowd(broadcast)
    move_some(rows)
    expected = [one.id for one in rows if country_of_message(one) == "US"]
    assert len(expected) > 6
    assert walk_pages(broadcast, "next_cursor", country="US") == expected
    last = list_recipients(broadcast.workspace_id, broadcast.id, country="US", limit=200)
    pages = list_recipients(broadcast.workspace_id, broadcast.id, country="US", limit=len(expected) - 1)
    end = list_recipients(broadcast.workspace_id, broadcast.id, country="US", limit=3, cursor=pages.next_cursor)
    assert last.next_cursor is None
    assert [one.id for one in end.items] == expected[-1:]
    assert walk_pages(broadcast, "previous_cursor", end.previous_cursor, country="US") == expected[-2::-1]


@pytest.mark.usefixtures("way")
def test_a_country_with_a_view_a_cause_and_words(broadcast: Broadcast) -> None:
    rows = crowd(broadcast)
    theirs = [one for one in rows if country_of_message(one) == "ZA"]
    ben = {contact.id for contact in db.session.scalars(select(Contact).where(Contact.name == "Ben"))}
    assert find(broadcast, "ZA", search="ben") == [one.id for one in theirs if one.contact_id in ben]
    failed = [one for one in rows if one.error_code == 131026]
    for country in {country_of_message(one) for one in failed}:
        expected = [one for one in failed if country_of_message(one) == country]
        wanted = {"country": country or recipient_countries.NOT_KNOWN, "view": "failed", "cause": "131026"}
        assert find(broadcast, **wanted) == [one.id for one in expected]
        assert find(broadcast, **wanted, search="ben") == [one.id for one in expected if one.contact_id in ben]
    assert find(broadcast, "ZA", search=f"+{theirs[0].phone}") == [theirs[0].id]
    assert find(broadcast, "DE", search=f"+{theirs[0].phone}") == []


@pytest.mark.usefixtures("way")
def test_somebody_far_down_the_ledger_is_found(broadcast: Broadcast) -> None:
    db.session.execute(
        text("""
            WITH people AS (
                INSERT INTO contacts (workspace_id, phone)
                SELECT b.workspace_id, 27820000000 + n FROM broadcasts b, generate_series(1, :crowd) n WHERE b.id = :id
                RETURNING id, phone
            )
            INSERT INTO messages (workspace_id, channel_id, broadcast_id, contact_id, phone, state, reached)
            SELECT b.workspace_id, b.channel_id, b.id, p.id, p.phone, 'read', 5 FROM people p, broadcasts b WHERE b.id = :id
        """),
        {"id": broadcast.id, "crowd": 300},
    )
    cam, moved = send(broadcast, phone="14165550001"), send(broadcast, phone="79125550001")
    assert find(broadcast, "CA") == [cam.id]
    assert find(broadcast, "RU") == [moved.id]
    db.session.get_one(Contact, moved.contact_id).phone = "14165550002"
    db.session.commit()
    assert find(broadcast, "CA") == [cam.id]
    assert find(broadcast, "RU") == [moved.id]
    assert len(find(broadcast, "ZA")) == 200


@pytest.mark.usefixtures("way")
def test_people_elsewhere_are_nobodys(cast: Cast, broadcast: Broadcast) -> None:
    """The same number in another workspace, and in another broadcast."""
    mine = send(broadcast, phone="14165550001")
    theirs = make.make_broadcast(cast.other_workspace, make.make_channel(cast.other_workspace), state="finished")
    assert theirs.channel is not None
    other = send(theirs, phone="14165550001")
    again = make.make_broadcast(cast.workspace, broadcast.channel, state="finished")
    later = make.make_message(again.channel, mine.contact, again, state="read", reached=5)  # type: ignore[arg-type]
    found = [find(one, "CA") for one in (broadcast, theirs, again)]
    assert found == [[mine.id], [other.id], [later.id]]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("state", [S.QUEUED, S.SKIPPED, S.CANCELLED, S.UNKNOWN, S.FAILED, S.READ])
def test_a_message_stays_where_it_went_whatever_the_number_is_now(broadcast: Broadcast, state: MessageState) -> None:
    moved, stayed = send(broadcast, state, phone="14165550001"), send(broadcast, state, phone="14165550002")
    there = send(broadcast, state, phone="79125550003")
    db.session.get_one(Contact, moved.contact_id).phone = "79125550001"
    db.session.commit()
    for view in ("all", state.value):
        assert find(broadcast, "CA", view=view) == [moved.id, stayed.id]
        assert find(broadcast, "RU", view=view) == [there.id]


@pytest.mark.usefixtures("way")
def test_who_is_known_by_a_number_and_by_a_user_id(broadcast: Broadcast) -> None:
    """What is learned changes nothing; a user id that is replaced does, also where there is a number by now."""
    named, numbered = send(broadcast, wa_user_id="DE.1"), send(broadcast, phone="14165550001")
    renamed = send(broadcast, wa_user_id="de.2")
    people = [db.session.get_one(Contact, one.contact_id) for one in (named, numbered, renamed)]
    people[0].phone, people[1].wa_user_id, people[2].phone = "79125550001", "FR.1", "79125550002"
    db.session.commit()
    assert find_marked(broadcast) == []
    people[2].wa_user_id = "FR.2"
    db.session.commit()
    assert find_marked(broadcast) == [people[2].id]
    assert find(broadcast, "DE") == [named.id, renamed.id]
    assert find(broadcast, "CA") == [numbered.id]
    assert find(broadcast, "FR") == find(broadcast, "RU") == []


@pytest.mark.usefixtures("way")
def test_what_went_to_one_who_became_another(broadcast: Broadcast) -> None:
    gone, kept = send(broadcast, phone="14165550001"), send(broadcast, phone="79125550001")
    merge = make.make_merge(*(db.session.get_one(Contact, one.contact_id) for one in (kept, gone)))
    assert find(broadcast, "CA") == [gone.id]
    assert find(broadcast, "RU") == [kept.id]
    undo_merge(broadcast.workspace_id, merge.id)
    assert find(broadcast, "CA") == [gone.id]
    assert find(broadcast, "RU") == [kept.id]


@pytest.mark.usefixtures("way")
def test_a_number_that_changed_before_two_became_one(broadcast: Broadcast) -> None:
    gone, kept = send(broadcast, phone="14165550001"), send(broadcast, phone="79125550001")
    moved = db.session.get_one(Contact, gone.contact_id)
    moved.phone = "79125550002"
    db.session.commit()
    merge = make.make_merge(db.session.get_one(Contact, kept.contact_id), moved)
    assert find(broadcast, "CA") == [gone.id]
    undo_merge(broadcast.workspace_id, merge.id)
    assert find(broadcast, "CA") == [gone.id]


def test_two_names_of_one_number_are_no_change(cast: Cast, broadcast: Broadcast) -> None:
    numbered = make.save(Contact(workspace_id=cast.workspace.id, phone="14165550001"))
    named = send(broadcast, wa_user_id="DE.1")
    make.make_merge(numbered, db.session.get_one(Contact, named.contact_id))
    assert find_marked(broadcast) == []
    assert find(broadcast, "DE") == [named.id]


@pytest.mark.usefixtures("way")
def test_a_list_that_was_made_meanwhile(broadcast: Broadcast) -> None:
    """One on it became another before the list was complete, and one was deleted."""
    row, lost = send(broadcast, S.QUEUED, phone="14165550001"), send(broadcast, S.SKIPPED, phone="14165550002")
    kept = make.save(Contact(workspace_id=broadcast.workspace_id, phone="79125550001"))
    gone_id, lost_id = row.contact_id, lost.contact_id
    make.make_merge(kept, db.session.get_one(Contact, gone_id))
    contacts.delete_contact(broadcast.workspace_id, lost_id)  # type: ignore[arg-type]
    row.contact_id, lost.contact_id = gone_id, lost_id
    db.session.commit()
    follow_into_list(db.session(), broadcast.workspace_id, broadcast.id)
    db.session.commit()
    assert (row.contact_id, lost.contact_id) == (kept.id, None)
    assert find(broadcast, "CA") == [row.id, lost.id]


def test_only_who_may_be_meant_is_asked(cast: Cast, broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither whose number changed before there was the broadcast, nor a neighbour's, nor who learned a user id."""
    mine, before = send(broadcast, phone="14165550001"), send(broadcast, phone="79125550001")
    moved = send(broadcast, phone="79125550002")
    make.save(Contact(workspace_id=cast.other_workspace.id, phone="14165550001")).phone = "27825550001"
    for one in (before, moved):
        db.session.get_one(Contact, one.contact_id).phone = f"2782{one.id:07}"
    db.session.commit()
    old = {"id": before.contact_id}
    db.session.execute(text("UPDATE contacts SET number_changed_at = now() - interval '2 days' WHERE id = :id"), old)
    asked = recipient_countries.find_few(cast.workspace.id, broadcast.id, "CA", 1)
    assert asked == sorted([mine.contact_id, moved.contact_id])
    assert recipient_countries.find_few(cast.workspace.id, broadcast.id, "CA", 0) is None
    monkeypatch.setattr("wotnot.services.recipient_countries.FEW_PEOPLE", 0)
    assert recipient_countries.find_few(cast.workspace.id, broadcast.id, "CA", 1) is None


def test_a_page_of_a_rare_country_takes_five_statements(
    broadcast: Broadcast, count_queries: Callable[..., Any]
) -> None:
    sent = [send(broadcast, phone=f"1416555{n:04}") for n in range(5)]
    assert find(broadcast, "CA") == [one.id for one in sent]
    with count_queries() as statements:
        find(broadcast, "CA")
    assert len(statements) == 5


def test_the_runs_of_a_country_are_its_numbers() -> None:
    """Each beginning of a number is in a run of its own country, and in no other's."""
    runs = {country: recipient_countries._runs(country) for country in {"", *NAMES}}
    for n in range(10_000):
        number = f"{n:04}5550123"
        homes = [country for country, some in runs.items() if any(first <= number <= last for first, last in some)]
        assert homes == [country_of(number[:4])]


@pytest.mark.usefixtures("cast")
def test_sql_and_python_tell_one_country() -> None:
    """Every beginning that there can be, and one more sign behind it, which changes nothing."""
    codes = (
        [f"{number:04}" for number in range(10_000)]
        + [f"{code}.1" for code in (*NAMES, "ZZ", "ke")]
        + ["", "x", "27", "1"]
    )
    shown = text(f"""
        SELECT row.phone, row.wa_user_id, {country_key("row")} AS key
        FROM unnest(CAST(:phones AS text[]), CAST(:ids AS text[])) AS row (phone, wa_user_id)
    """)  # noqa: S608 — an expression of ours
    phones = [code if code.isdecimal() else None for code in codes]
    rows = db.session.execute(shown, {"phones": phones, "ids": codes}).all()
    keys = {row.phone or row.wa_user_id: row.key for row in rows}
    assert {code: country_of(key) for code, key in keys.items()} == {code: country_of(code) for code in codes}
    assert {country_of(code) for code in codes} <= {*NAMES, ""}


@pytest.mark.parametrize(
    ("asked", "country"), [(None, None), ("", None), (" us ", "US"), ("none", ""), ("NONE", ""), ("XK", "XK")]
)
def test_what_a_filter_may_ask_for(asked: str | None, country: str | None) -> None:
    assert recipient_countries.read_country(asked) == country


@pytest.mark.parametrize("asked", ["XX", "U", "USA", "1", "United States", "\x00", "ÜS"])
def test_what_is_no_country_is_said(broadcast: Broadcast, asked: str) -> None:
    with pytest.raises(Invalid) as caught:
        find(broadcast, asked)
    assert "such as US" in str(caught.value.errors["country"])
