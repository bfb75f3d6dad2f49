"""What an audience will cost: everybody who gets the message, at the rates of the day, and nobody else."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Cast
from tests.factories import (
    make_broadcast,
    make_channel,
    make_contact,
    make_cost,
    make_segment,
    make_tag,
    make_template,
    tag_contact,
)
from wotnot import clock
from wotnot.models import Broadcast, Contact
from wotnot.services import audience_counts, billing, expansion, forecast, rate_cards, reports
from wotnot.services.forecast import Forecast, Line

GERMAN, SOUTH_AFRICAN = "4915112345678", "27825550101"
OCTOBER = date(2026, 10, 1)


def draft(cast: Cast, category: str = "marketing", **fields: Any) -> Broadcast:
    return make_broadcast(cast.workspace, template=make_template(cast.workspace, category=category), **fields)


def forecast_of(broadcast: Broadcast) -> Forecast:
    found = forecast.forecast_broadcast(broadcast)
    assert found is not None
    return found


def test_who_gets_nothing_costs_nothing(cast: Cast) -> None:
    workspace = cast.workspace
    make_contact(workspace, phone=GERMAN)
    make_contact(workspace, phone="4915112345679", consent="opted_out")
    left_out = make_contact(workspace, phone="4915112345670")
    tag_contact(left_out, make_tag(workspace, "staff"))
    make_contact(workspace, phone="4915112345671", name="")
    make_contact(cast.other_workspace, phone="4915112345672")
    broadcast = draft(cast, exclude={"tags": ["staff"]}, variables={"1": {"field": "name"}})
    found = forecast_of(broadcast)
    assert found.lines == [Line("DE", "DE", 1, 136_500)]
    assert (found.count, found.total, found.currency, found.card_date) == (1, 136_500, "USD", OCTOBER)


def test_numbers_that_are_nobodys_yet_count_too(cast: Cast) -> None:
    make_contact(cast.workspace, phone=GERMAN)
    make_contact(cast.workspace, phone="4915112345679", consent="opted_out")
    broadcast = draft(cast, audience={"phones": [GERMAN, "4915112345679", SOUTH_AFRICAN]})
    assert forecast_of(broadcast).lines == [Line("DE", "DE", 1, 136_500), Line("ZA", "ZA", 1, 37_900)]


@pytest.mark.parametrize("variables", [{}, {"1": {"field": "name"}}, {"1": {"field": "name", "fallback": "there"}}])
@pytest.mark.parametrize(
    "chosen", [{"all": True}, {"tags": ["vip"]}, {"phones": [GERMAN, SOUTH_AFRICAN, "15005550006"]}]
)
def test_as_many_are_priced_as_get_the_message(cast: Cast, chosen: dict[str, Any], variables: dict[str, Any]) -> None:
    tag = make_tag(cast.workspace, "vip")
    for number, phone in enumerate((GERMAN, "4915112345679", "27825550102", "27825550103")):
        contact = make_contact(cast.workspace, phone=phone, name="Ann" if number % 2 else "")
        tag_contact(contact, tag) if number else None
    counted = audience_counts.count_audience(cast.workspace.id, chosen, {}, variables)
    assert forecast_of(draft(cast, audience=chosen, variables=variables)).count == counted.to_send


def test_a_segment_is_forecast_as_it_is_now(cast: Cast) -> None:
    for phone, city in ((GERMAN, "Bremen"), ("4915112345679", "Kiel"), (SOUTH_AFRICAN, "Bremen")):
        make_contact(cast.workspace, phone=phone, attributes={"city": city})
    here = {"field": "attribute:city", "op": "is", "value": "Bremen"}
    segment = make_segment(cast.workspace, definition={"match": "all", "conditions": [here]})
    broadcast = draft(cast, audience={"segment_id": segment.id})
    assert forecast_of(broadcast).lines == [Line("DE", "DE", 1, 136_500), Line("ZA", "ZA", 1, 37_900)]
    segment.definition = {"match": "all", "conditions": [here | {"value": "Kiel"}]}
    assert forecast_of(broadcast).lines == [Line("DE", "DE", 1, 136_500)]


def test_people_without_a_number_go_by_their_user_id(cast: Cast) -> None:
    make_contact(cast.workspace, phone=None, wa_user_id="DE.7001")
    assert forecast_of(draft(cast)).lines == [Line("DE", "DE", 1, 136_500)]
    assert forecast_of(draft(cast, "authentication")).lines == [], "Meta sends codes to numbers only"


def test_markets_add_up_their_countries(cast: Cast) -> None:
    for phone in ("254712345678", "254712345679", "255712345678", SOUTH_AFRICAN):
        make_contact(cast.workspace, phone=phone)
    found = forecast_of(draft(cast, "utility"))
    assert {line.country for line in found.lines} == {"KE", "TZ", "ZA"}
    assert found.by_market["rest_of_africa"] == Line("", "rest_of_africa", 3, 12_000)
    assert found.total == 12_000 + 9_500


def test_any_condition_on_any_day(cast: Cast) -> None:
    make_contact(cast.workspace, phone="966501234567", name="Amal")
    make_contact(cast.workspace, phone="966501234568", name="Badr")
    make_contact(cast.other_workspace, phone="966501234569", name="Amal")
    for day, rate in ((date(2026, 9, 30), 50_100), (OCTOBER, 57_600)):
        found = forecast.forecast(cast.workspace.id, Contact.name == "Amal", "marketing", day)
        assert found.lines == [Line("SA", "SA", 1, rate)]
    before_all = forecast.forecast(cast.workspace.id, Contact.name == "Amal", "marketing", date(2026, 6, 30))
    assert (before_all.card_date, before_all.total) == (None, None)


def test_a_scheduled_one_is_priced_by_the_card_of_its_day(cast: Cast, tmp_path: Path) -> None:
    make_contact(cast.workspace, phone=GERMAN)
    next_week = clock.now() + timedelta(days=7)
    card = tmp_path / "card.csv"
    card.write_text("Market,Marketing,Utility\nOther,0.50,0.01\n")
    day = next_week.date() - timedelta(days=1)
    rate_cards.add_card(cast.workspace.id, card, "card.csv", currency="USD", valid_from=day.isoformat())
    assert forecast_of(draft(cast)).total == 136_500
    assert forecast_of(draft(cast, scheduled_at=next_week)).total == 500_000


def test_volume_tiers_go_on_from_what_the_month_has_charged(cast: Cast, tmp_path: Path) -> None:
    card = tmp_path / "card.csv"
    card.write_text("Market,From,Marketing,Utility\nGermany,0,0.1,0.05\nGermany,3,,0.04\nOther,0,0.1,0.05\n")
    rate_cards.add_card(cast.workspace.id, card, "card.csv", currency="USD", valid_from="2026-10-02")
    make_contact(cast.workspace, phone=GERMAN)
    make_contact(cast.workspace, phone="4915112345679")
    channel, today = make_channel(cast.workspace), reports.today_in(cast.workspace)
    for _ in range(2):
        make_cost(channel, 50_000, category="utility", country="DE", market="DE", day=today)
    # The factory's two people are in South Africa.
    german = forecast.forecast(cast.workspace.id, Contact.phone.startswith("49"), "utility", today)
    assert german.total == 50_000 + 40_000


def test_what_was_noted_at_the_start_stays(cast: Cast) -> None:
    contact = make_contact(cast.workspace, phone=GERMAN)
    make_contact(cast.workspace, phone=SOUTH_AFRICAN, consent="opted_out")
    broadcast = draft(cast, state="expanding")
    assert forecast.read_forecast(broadcast) is None
    expansion.expand_broadcast(broadcast.id)
    noted = forecast.read_forecast(broadcast)
    assert noted is not None
    assert (noted.lines, noted.card_date, noted.category) == ([Line("DE", "DE", 1, 136_500)], OCTOBER, "marketing")
    contact.phone = "4915112345670"
    rate_cards.save_setup(cast.workspace.id, currency="EUR", budget="", stops=False)
    assert forecast.read_forecast(broadcast) == noted


def test_without_a_card_there_are_people_and_no_price(cast: Cast) -> None:
    make_contact(cast.workspace, phone=GERMAN)
    rate_cards.save_setup(cast.workspace.id, currency="EUR", budget="", stops=False)
    found = forecast_of(draft(cast))
    assert (found.lines, found.total, found.card_date) == ([Line("DE", "other", 1, None)], None, None)


@pytest.mark.parametrize("fields", [{"audience": {}}, {"template": None}])
def test_an_unfinished_draft_has_no_forecast(cast: Cast, fields: dict[str, Any]) -> None:
    broadcast = draft(cast)
    for name, value in fields.items():
        setattr(broadcast, name, value)
    assert forecast.forecast_broadcast(broadcast) is None


def test_the_command_prices_and_recounts(app: Any, cast: Cast) -> None:
    channel = make_channel(cast.workspace)
    cost = make_cost(channel)
    result = app.test_cli_runner().invoke(args=["costs"])
    assert result.exit_code == 0, result.output
    assert "Casa Verde: 0 messages billed, 0 priced later. All agrees." in result.output
    from wotnot.extensions import db

    db.session.execute(db.text("UPDATE messages SET reached = 3 WHERE id = :id"), {"id": cost.message_id})
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["costs"])
    assert result.exit_code == 1
    assert "1 costs belong to messages that were not delivered." in result.output
    assert billing.recount(cast.other_workspace.id) == []
