"""What delivered messages cost: counted once whatever the receipts do, and never away from the sum of their rows."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_contact, make_message, make_template
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Channel, Contact, CostTally, Message, MessageCost
from wotnot.services import billing, forecast, rate_cards, tallies
from wotnot.services.messages import callback_of
from wotnot.services.pricing.cards import builtin_cards
from wotnot.services.receipts import apply_receipts
from wotnot.services.whatsapp.parse import Receipt

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEPS = ("sent", "delivered", "read")
OCTOBER = builtin_cards()[0]


def receipt(
    channel: Channel,
    message: Message,
    status: str,
    *,
    category: str = "marketing",
    kind: str = "regular",
    at: Any = None,
) -> Receipt:
    """As Meta's: a read receipt brings no pricing when a delivered one did."""
    told = status in {"sent", "delivered"}
    return Receipt(
        channel.phone_number_id,
        f"wamid.{message.id}",
        status,
        at or START + timedelta(seconds=STEPS.index(status)),
        callback_of(message.id),
        pricing_category=category if told else None,
        pricing_type=kind if told else None,
    )


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace)


def send(channel: Channel, phone: str, **fields: Any) -> Message:
    contact = make_contact_at(channel, phone)
    return make_message(channel, contact, state="accepted", **fields)


def make_contact_at(channel: Channel, phone: str) -> Contact:
    found = db.session.scalar(
        select(Contact).where(Contact.workspace_id == channel.workspace_id, Contact.phone == phone)
    )
    return found or make_contact(_workspace(channel), phone=phone)


def _workspace(channel: Channel) -> Any:
    from wotnot.models import Workspace

    return db.session.get(Workspace, channel.workspace_id)


def costs(channel: Channel) -> list[MessageCost]:
    return list(
        db.session.scalars(
            select(MessageCost).where(MessageCost.workspace_id == channel.workspace_id).order_by(MessageCost.message_id)
        )
    )


def total(channel: Channel) -> tuple[int, int]:
    """Messages and millionths, by the counts."""
    row = db.session.execute(
        select(func.coalesce(func.sum(CostTally.delta), 0), func.coalesce(func.sum(CostTally.micros), 0)).where(
            CostTally.workspace_id == channel.workspace_id
        )
    ).one()
    return int(row[0]), int(row[1])


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)))
def test_every_order_counts_once(channel: Channel, order: tuple[str, ...]) -> None:
    message = send(channel, "4915112345678")
    for status in (*order, *reversed(order)):
        apply_receipts([receipt(channel, message, status)])
    (cost,) = costs(channel)
    assert (cost.message_id, cost.country, cost.market, cost.micros) == (message.id, "DE", "DE", 136_500)
    assert (cost.category, cost.type, cost.day) == ("marketing", "regular", date(2026, 11, 23))
    assert total(channel) == (1, 136_500)
    assert billing.recount(channel.workspace_id) == []


def test_what_was_only_sent_costs_nothing(channel: Channel) -> None:
    message = send(channel, "4915112345678")
    apply_receipts([receipt(channel, message, "sent")])
    assert costs(channel) == []
    assert billing.recount(channel.workspace_id) == []


def test_read_without_delivered_is_charged(channel: Channel) -> None:
    message = send(channel, "4915112345678")
    apply_receipts([receipt(channel, message, "sent"), receipt(channel, message, "read")])
    assert [cost.micros for cost in costs(channel)] == [136_500]


@pytest.mark.parametrize("kind", ["free_customer_service", "free_entry_point"])
def test_what_meta_calls_free_costs_nothing_and_is_counted(channel: Channel, kind: str) -> None:
    message = send(channel, "4915112345678", type="text")
    apply_receipts([receipt(channel, message, "delivered", category="service", kind=kind)])
    assert [(cost.micros, cost.type) for cost in costs(channel)] == [(0, kind)]
    assert total(channel) == (1, 0)


def test_each_message_has_the_rate_of_its_own_day(channel: Channel) -> None:
    for day, micros in ((date(2026, 9, 30), 50_100), (date(2026, 10, 1), 57_600)):
        message = send(channel, "966501234567")
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        apply_receipts([receipt(channel, message, "delivered", at=at)])
        assert costs(channel)[-1].micros == micros


def test_the_day_begins_at_midnight_where_the_workspace_is(channel: Channel, session: Any) -> None:
    _workspace(channel).timezone = "Africa/Johannesburg"
    session.commit()
    message = send(channel, "966501234567")
    apply_receipts([receipt(channel, message, "delivered", at=datetime(2026, 9, 30, 22, 30, tzinfo=UTC))])
    assert (costs(channel)[0].day, costs(channel)[0].micros) == (date(2026, 10, 1), 57_600)


def test_a_category_that_the_card_does_not_know_waits_for_a_price(channel: Channel) -> None:
    message = send(channel, "4915112345678")
    apply_receipts([receipt(channel, message, "delivered", category="general_purpose_ai")])
    assert [cost.micros for cost in costs(channel)] == [None]
    assert total(channel) == (1, 0)
    assert billing.price_missing(channel.workspace_id) == 0


def write_card(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


EURO = "Market,Marketing,Utility\nGermany,0.1131,0.0456\nOther,0.05,0.01\n"


def test_without_a_card_in_the_currency_nothing_has_a_price_until_one_comes(
    channel: Channel, tmp_path: Path, run_jobs: Any
) -> None:
    workspace_id = channel.workspace_id
    rate_cards.save_setup(workspace_id, currency="EUR", budget="", stops=False)
    messages = [send(channel, phone) for phone in ("4915112345678", "82101234567")]
    apply_receipts([receipt(channel, message, "delivered") for message in messages])
    assert [cost.micros for cost in costs(channel)] == [None, None]
    card = write_card(tmp_path / "eur.csv", EURO)
    rate_cards.add_card(workspace_id, card, "eur.csv", currency="EUR", valid_from="2026-11-01")
    run_jobs("default")
    db.session.expire_all()
    assert [(cost.market, cost.micros) for cost in costs(channel)] == [("DE", 113_100), ("other", 50_000)]
    assert total(channel) == (2, 163_100)
    assert billing.recount(workspace_id) == []


TIERED = """Market,From,Marketing,Utility
Germany,0,0.10,0.05
Germany,3,,0.04
Germany,5,,0.02
Other,0,0.10,0.05
"""


def test_volume_tiers_are_marginal_and_begin_anew_each_month(channel: Channel, tmp_path: Path) -> None:
    card = write_card(tmp_path / "card.csv", TIERED)
    rate_cards.add_card(channel.workspace_id, card, "card.csv", currency="USD", valid_from="2026-10-02")
    messages = [send(channel, "4915112345678") for _ in range(7)]
    for group in (messages[:2], messages[2:6]):
        apply_receipts([receipt(channel, message, "delivered", category="utility") for message in group])
    assert [cost.micros for cost in costs(channel)] == [50_000] * 3 + [40_000] * 2 + [20_000]
    next_month = datetime(2026, 12, 1, 12, tzinfo=UTC)
    apply_receipts([receipt(channel, messages[6], "delivered", category="utility", at=next_month)])
    assert costs(channel)[-1].micros == 50_000


def test_folding_the_counts_changes_no_sum(channel: Channel) -> None:
    messages = [send(channel, "4915112345678") for _ in range(6)]
    for message in messages:
        apply_receipts([receipt(channel, message, "delivered")])
    before = total(channel)
    assert tallies.compact()["cost_tallies"] == 6
    assert total(channel) == before
    assert db.session.scalar(select(func.count()).select_from(CostTally)) == 1
    assert billing.recount(channel.workspace_id) == []


def test_a_count_that_is_off_is_found(channel: Channel) -> None:
    message = send(channel, "4915112345678")
    apply_receipts([receipt(channel, message, "delivered")])
    db.session.query(CostTally).update({"micros": CostTally.micros + 1})
    assert billing.recount(channel.workspace_id) == ["1 counts differ from the sum of their messages."]


def test_a_ledger_from_before_is_billed_once(channel: Channel) -> None:
    fields = {"reached": 4, "delivered_at": START, "pricing_category": "marketing", "pricing_type": "regular"}
    send(channel, "4915112345678", **fields)
    assert billing.recount(channel.workspace_id) == ["1 delivered messages have no cost."]
    assert [billing.bill_workspace(channel.workspace_id) for _ in range(2)] == [1, 0]
    assert total(channel) == (1, 136_500)


def test_a_large_batch_of_receipts_takes_no_more_statements_than_a_small_one(
    channel: Channel, count_queries: Any
) -> None:
    messages = [send(channel, f"49151{n:07d}") for n in range(40)]
    receipts = [receipt(channel, message, "delivered") for message in messages]
    counted = []
    for batch in (receipts[:2], receipts[2:]):
        with count_queries() as statements:
            apply_receipts(batch)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 4
    assert total(channel)[0] == len(messages)


def test_a_message_that_is_deleted_takes_its_cost_along(channel: Channel) -> None:
    messages = [send(channel, "4915112345678") for _ in range(2)]
    for message in messages:
        apply_receipts([receipt(channel, message, "delivered")])
    db.session.delete(messages[0])
    db.session.commit()
    assert [cost.message_id for cost in costs(channel)] == [messages[1].id]
    assert total(channel) == (1, 136_500)


# ---------------------------------------------------------------- forecast and actual


PHONES = ("4915112345678", "27825550101", "919812345678", "14165550123", "18095550123", "77011234567", "79161234567",
          "966501234567", "821012345678", "351912345678", "5511987654321", "880171234567")  # fmt: skip


@st.composite
def audiences(draw: Any) -> tuple[str, list[tuple[int, int]]]:
    """A category, and how many people in which places."""
    category = draw(st.sampled_from(["marketing", "utility", "authentication"]))
    places = draw(
        st.lists(
            st.tuples(st.integers(0, len(PHONES) - 1), st.integers(1, 4)),
            min_size=1,
            max_size=5,
            unique_by=lambda p: p[0],
        )
    )
    return category, places


@pytest.fixture
def fresh_workspace(cast: Cast) -> Iterator[Any]:
    """A workspace a call, because a property is tried many times within one test."""
    from tests.factories import make_workspace

    return make_workspace


@given(audience=audiences(), seed=st.integers(0, 1_000_000), tiered=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_forecast_is_what_the_receipts_add_up_to(
    audience: tuple[str, list[tuple[int, int]]], seed: int, tiered: bool, fresh_workspace: Any, tmp_path: Path
) -> None:
    category, places = audience
    workspace = fresh_workspace()
    channel = make_channel(workspace)
    if tiered:
        card = write_card(tmp_path / "card.csv", TIERED)
        rate_cards.add_card(workspace.id, card, "card.csv", currency="USD", valid_from="2026-10-02")
    people = [
        make_contact(workspace, phone=f"{PHONES[place][:-2]}{n:02d}") for place, count in places for n in range(count)
    ]
    template = make_template(workspace, category=category)
    broadcast = make_broadcast(workspace, channel, template)
    expected = forecast.forecast_broadcast(broadcast)
    assert expected is not None
    receipts = _shuffled_receipts(channel, [make_message(channel, one, broadcast) for one in people], category, seed)
    for batch in receipts:
        apply_receipts(batch)
    assert total(channel) == (len(people), expected.total)
    assert {cost.market for cost in costs(channel)} == set(expected.by_market)
    assert billing.recount(workspace.id) == []


def _shuffled_receipts(channel: Channel, messages: list[Message], category: str, seed: int) -> list[list[Receipt]]:
    """Every receipt once or twice, in any order, in batches of any size."""
    dice = random.Random(seed)
    all_of_them = [
        receipt(channel, message, status, category=category, at=clock.now())
        for message in messages
        for status in STEPS
        for _ in range(dice.randint(1, 2))
    ]
    dice.shuffle(all_of_them)
    size = dice.randint(1, len(all_of_them))
    return [all_of_them[start : start + size] for start in range(0, len(all_of_them), size)]
