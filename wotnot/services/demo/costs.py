"""What the demo shop's messages cost, its budget and what it paid, so that the cost pages have something to show."""

from datetime import timedelta

from sqlalchemy import select

from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast
from wotnot.services import billing, forecast, purchases, rate_cards
from wotnot.services.transaction import transaction

_BUDGET = "250"
# (days ago, kind, amount, note)
_PAID = (
    (70, "invoice", "141.87", "Invoice for September"),
    (38, "invoice", "163.20", "Invoice for October"),
    (12, "top_up", "200.00", "Before Black Friday"),
)


def add_costs(workspace_id: int) -> None:
    """Price the past as its receipts would have, with the forecasts that were made; call it before the owner can see it."""
    billing.bill_workspace(workspace_id)
    _note_forecasts(workspace_id)
    rate_cards.save_setup(workspace_id, currency="USD", budget=_BUDGET, stops=False)
    for days, kind, amount, note in _PAID:
        day = (clock.now() - timedelta(days=days)).date().isoformat()
        fields = {"kind": kind, "paid_on": day, "amount": amount, "currency": "USD", "note": note}
        purchases.add_purchase(workspace_id, fields, form_id=f"demo-{days}")


def _note_forecasts(workspace_id: int) -> None:
    with transaction() as session:
        past = select(Broadcast).where(Broadcast.workspace_id == workspace_id, Broadcast.started_at.is_not(None))
        for broadcast in db.session.scalars(past).all():
            forecast.note_forecast(session, broadcast)
