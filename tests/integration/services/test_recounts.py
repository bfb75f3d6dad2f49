"""The nightly recount: nothing to mend after anything the product does, and a planted wrong number found and mended."""

import random
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests import factories
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.models import Broadcast, Channel, MessageState, Recount
from wotnot.services import messages, recounts, report_facets, tallies
from wotnot.services.receipts import apply_receipts
from wotnot.services.whatsapp.parse import Receipt

STEPS = ("sent", "delivered", "read")
# Below -1 a contact's tally is no count, but the number of changes.
COUNTS = {"contact_tallies": "tag_id >= -1"}
TABLES = ("message_tallies", "report_tallies", "cost_tallies", "contact_tallies", "answer_tallies")


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def broadcast(cast: Cast, channel: Channel) -> Broadcast:
    """30 people whose receipts came shuffled and doubled, with costs; single messages, an answer, tags and an opt-out."""
    chance = random.Random(5)
    found = factories.make_broadcast(cast.workspace, channel, state="finished")
    people = factories.make_contacts(cast.workspace, 30)
    sent = [factories.make_message(channel, one, found, state="sending", claimed_by="s") for one in people]
    priced = {"pricing_category": "marketing", "pricing_type": "regular"}
    facts = [
        Receipt(channel.phone_number_id, f"wamid.{one.id}", status, clock.now(), callback=f"wotnot:{one.id}", **priced)
        for one in sent
        for status in STEPS[: chance.randint(1, 3)]
    ] * 2
    chance.shuffle(facts)
    for start in range(0, len(facts), 13):
        apply_receipts(facts[start : start + 13])
        if chance.random() < 0.3:
            tallies.compact()
    factories.make_message(channel, people[0], state=MessageState.FAILED, reached=1, error_code=131026)
    factories.make_inbound(channel, people[1])
    answer = {"phone": people[1].phone, "type": "text", "content": {"body": "Hello"}, "user_id": cast.bob.id}
    messages.create_message(cast.workspace.id, channel_id=channel.id, contact_id=people[1].id, **answer)
    factories.tag_contact(people[2], factories.make_tag(cast.workspace))
    factories.make_contact(cast.workspace, consent="opted_out")
    return found


def sums(session: Any, table: str) -> dict[tuple[object, ...], int]:
    """What the counts of a table say, whatever rows they are in."""
    keys = {
        "message_tallies": tallies.MESSAGE_KEY,
        "report_tallies": tallies.REPORT_KEY,
        "cost_tallies": tallies.COST_KEY,
        "contact_tallies": "workspace_id, tag_id",
        "answer_tallies": tallies.ANSWER_KEY,
    }[table]
    wanted = f"FROM {table} WHERE {COUNTS.get(table, 'true')} GROUP BY {keys} HAVING sum(delta) <> 0"
    rows = session.execute(text(f"SELECT {keys}, sum(delta) {wanted}"))
    return {tuple(row[:-1]): int(row[-1]) for row in rows}


def test_after_receipts_in_any_order_there_is_nothing_to_mend(cast: Cast, broadcast: Broadcast, session: Any) -> None:
    before = {table: sums(session, table) for table in TABLES}
    assert all(before.values())
    assert recounts.mend_counts(cast.workspace.id) == {}
    assert {table: sums(session, table) for table in TABLES} == before


@pytest.mark.parametrize("table", TABLES)
def test_a_wrong_number_is_found_and_mended(table: str, cast: Cast, broadcast: Broadcast, session: Any) -> None:
    right = sums(session, table)
    first = f"SELECT min(id) FROM {table} WHERE {COUNTS.get(table, 'true')}"  # noqa: S608 — a table of ours
    session.execute(text(f"UPDATE {table} SET delta = delta + 2 WHERE id = ({first})"))  # noqa: S608 — as above
    session.commit()
    assert sums(session, table) != right
    assert recounts.mend_counts(cast.workspace.id) == {table: 1}
    assert sums(session, table) == right
    assert recounts.mend_counts(cast.workspace.id) == {}
    tallies.compact()
    assert sums(session, table) == right


@pytest.mark.parametrize("table", TABLES)
def test_lost_counts_come_back(table: str, cast: Cast, broadcast: Broadcast, session: Any) -> None:
    right = sums(session, table)
    session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 — a table of ours
    session.commit()
    assert recounts.mend_counts(cast.workspace.id)[table] > 0
    assert sums(session, table) == right


def test_counts_of_what_is_gone_go_too(cast: Cast, broadcast: Broadcast, session: Any) -> None:
    """A broadcast deleted while a trigger was off."""
    session.execute(
        text(
            "INSERT INTO message_tallies (workspace_id, channel_id, broadcast_id, template_id, day, direction, state, "
            "reached, first_attempt, replied, cause, delta) "
            "VALUES (:w, 1, 999999, 1, current_date, 'out', 'read', 5, true, false, '', 7)"
        ),
        {"w": cast.workspace.id},
    )
    assert recounts.mend_counts(cast.workspace.id) == {"message_tallies": 1}
    assert tallies.broadcast_counts([999999])[999999].states["read"] == 0


def test_small_slices_find_the_same(
    cast: Cast, broadcast: Broadcast, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounts, "SLICE_MESSAGES", 1)
    others = [factories.make_broadcast(cast.workspace, state="finished") for _ in range(3)]
    for other in others:
        factories.make_message(factories.make_channel(cast.workspace), factories.make_contact(cast.workspace), other)
    assert len(list(recounts._slices(cast.workspace.id))) > 3
    assert recounts.mend_counts(cast.workspace.id) == {}


def test_the_neighbour_is_not_touched(cast: Cast, broadcast: Broadcast, session: Any) -> None:
    session.execute(
        text("UPDATE message_tallies SET delta = delta + 1 WHERE id = (SELECT min(id) FROM message_tallies)")
    )
    assert recounts.mend_counts(cast.other_workspace.id) == {}
    assert recounts.mend_counts(cast.workspace.id) == {"message_tallies": 1}


def test_the_first_time_it_fills_what_reports_count_by(cast: Cast, broadcast: Broadcast, session: Any) -> None:
    """An upgrade finds a ledger that was never counted that way. That is no mistake, and is not told as one."""
    session.execute(text("DELETE FROM report_tallies"))
    assert recounts.recount_workspace(cast.workspace.id) == {}
    assert sum(report_facets.count_read_after(broadcast.id)) > 0
    assert recounts.find_difference(cast.workspace.id) is None


def test_a_difference_is_told_to_owners(cast: Cast, broadcast: Broadcast, client: Client, session: Any) -> None:
    recounts.recount_workspace(cast.workspace.id)
    client.sign_in(cast.alice)
    assert "recount mended" not in client.get("/app/").text
    session.execute(
        text("UPDATE message_tallies SET delta = delta + 1 WHERE id = (SELECT max(id) FROM message_tallies)")
    )
    assert recounts.recount_workspace(cast.workspace.id) == {"message_tallies": 1}
    assert "Last night’s recount mended 1 count." in client.get("/app/").text
    assert 'wotnot_count_differences_total{kind="message_tallies"} 1.0' in client.get("/metrics").text
    other = client.application.test_client()
    other.sign_in(cast.bob)  # type: ignore[attr-defined]
    assert "recount mended" not in other.get("/app/").text


def test_it_is_due_once_a_night(cast: Cast, broadcast: Broadcast, session: Any) -> None:
    cast.workspace.timezone = cast.other_workspace.timezone = "UTC"
    assert recounts.recount_due()["workspaces"] == 2
    assert recounts.recount_due()["workspaces"] == 0
    session.get(Recount, cast.workspace.id).started_at = clock.now() - timedelta(hours=48)
    session.commit()
    assert recounts.recount_due() == {"workspaces": 1, "differences": 0}


def test_the_command_says_what_it_mended(app: Flask, cast: Cast, broadcast: Broadcast, session: Any) -> None:
    session.execute(
        text("UPDATE message_tallies SET delta = delta + 1 WHERE id = (SELECT max(id) FROM message_tallies)")
    )
    told = app.test_cli_runner().invoke(args=["recount"]).output
    assert "Casa Verde: 1 in message_tallies were wrong and are mended." in told
    assert "Charlie's Garage: All agrees." in told
