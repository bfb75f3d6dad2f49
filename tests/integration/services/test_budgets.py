"""Budgets: told at each share once a month, and broadcasts stopped at the end of it where that is wanted."""

from datetime import date, timedelta
from typing import Any

import pytest
from rq import Queue
from sqlalchemy import delete, select

from tests.cast import Cast
from tests.factories import make_broadcast, make_channel, make_cost, make_member, make_user
from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, BudgetAlert, MessageCost, Role
from wotnot.services import broadcasts, budget_checks, budgets, rate_cards, reports, send_streams
from wotnot.services.broadcast_readiness import list_blockers
from wotnot.services.zones import in_zone


def set_budget(cast: Cast, amount: str, *, stops: bool = False) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="USD", budget=amount, stops=stops)


def spend(cast: Cast, micros: int, day: date | None = None, currency: str = "USD") -> None:
    make_cost(make_channel(cast.workspace), micros, day=day or reports.today_in(cast.workspace), currency=currency)


def mails(redis: Any) -> list[tuple[str, str]]:
    """To whom and about what, in the order they were queued."""
    jobs = [job for job in Queue("default", connection=redis).jobs if job.description == "send_mail"]
    return [(job.args[0], job.args[1]) for job in jobs]


def told(cast: Cast) -> list[int]:
    rows = select(BudgetAlert.percent).where(BudgetAlert.workspace_id == cast.workspace.id)
    return list(db.session.scalars(rows.order_by(BudgetAlert.percent)))


def test_each_share_is_told_once(cast: Cast, redis: Any) -> None:
    set_budget(cast, "1.00")
    for micros, shares in ((490_000, []), (10_000, [50]), (0, [50]), (320_000, [50, 80]), (300_000, [50, 80, 100])):
        if micros:
            spend(cast, micros)
        for _ in range(2):
            budget_checks.check_budgets()
        assert told(cast) == shares
    assert mails(redis) == [
        ("alice@example.com", "Casa Verde: 50% of this month’s WhatsApp budget is used"),
        ("alice@example.com", "Casa Verde: 80% of this month’s WhatsApp budget is used"),
        ("alice@example.com", "Casa Verde: this month’s WhatsApp budget is used up"),
    ]


def test_a_jump_over_several_shares_is_one_mail_to_each_manager(cast: Cast, redis: Any) -> None:
    make_member(cast.workspace, make_user(email="admin@example.com"), Role.ADMIN)
    set_budget(cast, "1.00")
    spend(cast, 2_000_000)
    assert budget_checks.check_budgets() == {"told": 3, "paused": 0, "held": 0}
    assert [to for to, _ in mails(redis)] == ["alice@example.com", "admin@example.com"]


def test_what_last_month_or_another_currency_cost_does_not_count(cast: Cast) -> None:
    set_budget(cast, "1.00")
    spend(cast, 5_000_000, reports.today_in(cast.workspace).replace(day=1) - timedelta(days=1))
    spend(cast, 5_000_000, currency="EUR")
    state = budgets.find_state(cast.workspace.id)
    assert state is not None
    assert (state.spent, state.percent, state.alert) == (0, 0, 0)


def mail_body(redis: Any) -> str:
    (mail,) = [job for job in Queue("default", connection=redis).jobs if job.description == "send_mail"]
    return str(mail.args[2]).replace("\xa0", "")


def test_what_does_not_count_is_said_by_currency(cast: Cast, redis: Any) -> None:
    last_month = reports.today_in(cast.workspace).replace(day=1) - timedelta(days=1)
    set_budget(cast, "1.00")
    for micros, currency in ((5_000_000, "EUR"), (250_000, "EUR"), (3_000_000, "BRL"), (600_000, "USD")):
        spend(cast, micros, currency=currency)
    spend(cast, 7_000_000, last_month, "GBP")
    make_cost(make_channel(cast.other_workspace), 9_000_000, day=reports.today_in(cast.workspace), currency="INR")
    state = budgets.find_state(cast.workspace.id)
    assert state is not None
    assert (state.spent, state.others, state.billed) == (600_000, {"BRL": 3_000_000, "EUR": 5_250_000}, [])
    words = "Costs in BRL and EUR do not count toward a budget in USD: R$3.00 and €5.25 this month."
    assert state.apart_words.replace("\xa0", "") == words
    assert budgets.find_apart(cast.workspace.id, "USD") == state.apart_words
    budget_checks.check_budgets()
    assert words in mail_body(redis)


def test_that_meta_bills_a_number_in_another_currency_is_said(cast: Cast, redis: Any) -> None:
    for home, currency in ((cast.workspace, "USD"), (cast.workspace, ""), (cast.other_workspace, "EUR")):
        make_channel(home, billing_currency=currency)
    make_channel(cast.workspace, billing_currency="GBP", state="removed")
    assert budgets.find_apart(cast.workspace.id, "USD") == ""
    set_budget(cast, "1.00")
    spend(cast, 600_000)
    make_channel(cast.workspace, billing_currency="EUR")
    words = "Meta bills a number of yours in EUR; what is sent there is counted at Meta’s rates in USD."
    state = budgets.find_state(cast.workspace.id)
    assert state is not None
    assert state.apart_words == budgets.find_apart(cast.workspace.id, "USD") == words
    assert budgets.find_apart(cast.other_workspace.id, "EUR") == ""
    budget_checks.check_budgets()
    assert words in mail_body(redis)
    make_channel(cast.workspace, billing_currency="BRL")
    assert budgets.find_apart(cast.workspace.id, "USD").startswith("Meta bills numbers of yours in BRL and EUR;")


def test_where_all_is_in_one_currency_the_mail_says_nothing_of_others(cast: Cast, redis: Any) -> None:
    make_channel(cast.workspace, billing_currency="USD")
    set_budget(cast, "1.00")
    spend(cast, 600_000)
    budget_checks.check_budgets()
    body = mail_body(redis)
    assert "do not count" not in body
    assert "Meta bills" not in body


def test_a_budget_that_was_raised_can_be_reached_again(cast: Cast, redis: Any) -> None:
    set_budget(cast, "1.00")
    spend(cast, 1_000_000)
    budget_checks.check_budgets()
    set_budget(cast, "10.00")
    budget_checks.check_budgets()
    assert told(cast) == []
    spend(cast, 4_000_000)
    budget_checks.check_budgets()
    assert told(cast) == [50]
    assert len(mails(redis)) == 2


@pytest.fixture
def sending(cast: Cast) -> Broadcast:
    return make_broadcast(cast.workspace, state="sending")


def test_a_used_up_budget_pauses_what_is_sent_and_lets_nothing_start(cast: Cast, sending: Broadcast) -> None:
    set_budget(cast, "1.00", stops=True)
    spend(cast, 1_000_000)
    assert budget_checks.check_budgets()["paused"] == 1
    assert budget_checks.check_budgets()["paused"] == 0
    db.session.refresh(sending)
    assert sending.state is BroadcastState.PAUSED
    assert sending.reason == (
        "This month’s budget of US$\u00a01.00 is used up, and broadcasts stop at it. Raise it under Cost, Budget."
    )
    with pytest.raises(Conflict, match="budget"):
        broadcasts.resume_broadcast(cast.workspace.id, sending.id)
    with pytest.raises(Invalid, match="budget"):
        broadcasts.start_broadcast(cast.workspace.id, make_broadcast(cast.workspace).id)
    set_budget(cast, "2.00", stops=True)
    assert broadcasts.resume_broadcast(cast.workspace.id, sending.id).state is BroadcastState.SENDING


def test_next_month_has_a_budget_of_its_own(cast: Cast) -> None:
    set_budget(cast, "1.00", stops=True)
    spend(cast, 1_000_000)
    later = make_broadcast(cast.workspace)
    assert [blocker.field for blocker in list_blockers(later)] == ["budget"]
    next_month = clock.now() + timedelta(days=32)
    assert broadcasts.schedule_broadcast(cast.workspace.id, later.id, next_month).state is BroadcastState.SCHEDULED


def test_a_budget_that_only_tells_stops_nothing(cast: Cast, sending: Broadcast) -> None:
    set_budget(cast, "1.00")
    spend(cast, 1_000_000)
    assert budget_checks.check_budgets()["paused"] == 0
    assert [blocker.field for blocker in list_blockers(sending)] == []


def test_without_a_budget_there_is_nothing_to_check(cast: Cast) -> None:
    spend(cast, 1_000_000)
    assert budget_checks.check_budgets() == {"told": 0, "paused": 0, "held": 0}
    set_budget(cast, "1.00", stops=True)
    set_budget(cast, "", stops=True)
    assert rate_cards.get_setup(cast.workspace.id) == rate_cards.CostSetup("USD", None, stops=False)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"currency": "XXX", "budget": ""}, {"currency"}),
        ({"currency": "USD", "budget": "much"}, {"budget"}),
        ({"currency": "USD", "budget": "0"}, {"budget"}),
        ({"currency": "", "budget": "-5"}, {"currency", "budget"}),
    ],
)
def test_a_wrong_budget_is_refused_by_field(cast: Cast, fields: dict[str, str], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as refused:
        rate_cards.save_setup(cast.workspace.id, stops=False, **fields)
    assert set(refused.value.errors) == wrong


def test_deleting_what_was_counted_takes_it_off_the_budget(cast: Cast) -> None:
    set_budget(cast, "1.00")
    spend(cast, 700_000)
    db.session.execute(delete(MessageCost).where(MessageCost.workspace_id == cast.workspace.id))
    state = budgets.find_state(cast.workspace.id)
    assert state is not None
    assert state.spent == 0


# ---------------------------------------------------------------- the day's budget


def set_daily(cast: Cast, amount: str) -> None:
    rate_cards.save_setup(cast.workspace.id, currency="USD", budget="", stops=False, daily_budget=amount)


def waiting(broadcast: Broadcast) -> tuple[bool, str]:
    db.session.expire_all()
    return broadcast.waits_until is not None, broadcast.waits_for


def test_what_would_pass_the_day_waits_until_tomorrow_and_says_so(cast: Cast) -> None:
    cast.workspace.timezone = "Africa/Johannesburg"
    broadcast = make_broadcast(cast.workspace, state=BroadcastState.SENDING)
    set_daily(cast, "1.00")
    spend(cast, 999_999)
    assert budget_checks.check_budgets()["held"] == 0
    assert waiting(broadcast) == (False, "")
    spend(cast, 1)
    assert budget_checks.check_budgets()["held"] == 1
    assert budget_checks.check_budgets()["held"] == 0
    assert waiting(broadcast) == (True, "budget")
    assert broadcast.state is BroadcastState.SENDING
    assert broadcast.reason.replace("\xa0", " ").startswith("Held: today’s budget. US$ 1.00 of US$ 1.00")
    assert broadcast.waits_until is not None
    tomorrow = in_zone(broadcast.waits_until, "Africa/Johannesburg")
    assert (tomorrow.date(), f"{tomorrow:%H:%M}") == (
        reports.today_in(cast.workspace) + timedelta(days=1),
        "00:00",
    )
    assert send_streams.read_snapshot().broadcasts == []


def test_yesterday_does_not_count_and_a_raised_budget_goes_on_at_once(cast: Cast) -> None:
    broadcast = make_broadcast(cast.workspace, state=BroadcastState.SENDING)
    set_daily(cast, "1.00")
    spend(cast, 5_000_000, reports.today_in(cast.workspace) - timedelta(days=1))
    assert budget_checks.check_budgets()["held"] == 0
    spend(cast, 1_000_000)
    budget_checks.check_budgets()
    assert waiting(broadcast) == (True, "budget")
    for amount in ("2.00", ""):
        set_daily(cast, "1.00")
        budget_checks.check_budgets()
        assert waiting(broadcast) == (True, "budget")
        set_daily(cast, amount)
        budget_checks.check_budgets()
        assert waiting(broadcast) == (False, "")
        assert broadcast.reason == ""


def test_a_day_cannot_have_more_than_its_month(cast: Cast) -> None:
    with pytest.raises(Invalid) as refusal:
        rate_cards.save_setup(cast.workspace.id, currency="USD", budget="5", stops=False, daily_budget="6")
    assert set(refusal.value.errors) == {"daily_budget"}
    with pytest.raises(Invalid):
        set_daily(cast, "0")
