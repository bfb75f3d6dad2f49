"""Tell when a share of a budget is used, once a month each, and stop broadcasts at the end of it. Owns `budget_alerts`.

Meta's receipts come after the messages, so a broadcast that runs goes a little over before it is stopped.
"""

from flask import current_app
from sqlalchemy import select, text

from wotnot.config import Config
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Member, Role, User
from wotnot.services import broadcast_holds, broadcasts, budgets, events, queue
from wotnot.services.budgets import ALERTS, BudgetState
from wotnot.services.transaction import transaction


def check_budgets() -> dict[str, int]:
    """Look at every budget; answers how many alerts were told, and how many broadcasts paused or began to wait for tomorrow.

    Safe to run twice at once.
    """
    told, paused, held = 0, 0, _check_days()
    for state in budgets.list_states():
        told += _tell(state)
        if state.stops and state.is_used_up:
            paused += _stop(state)
    return {"told": told, "paused": paused, "held": held}


def _check_days() -> int:
    """Let broadcasts wait where today's budget is used up, and those go on where it is not any more, or is gone."""
    states = budgets.list_daily_states()
    used_up = [state for state in states if state.is_used_up]
    others = Broadcast.workspace_id.not_in([state.workspace_id for state in used_up])
    broadcast_holds.release_all(others, broadcast_holds.BUDGET)
    return sum(
        broadcast_holds.hold_all(
            Broadcast.workspace_id == state.workspace_id, broadcast_holds.BUDGET, state.tomorrow, state.words
        )
        for state in used_up
    )


def _tell(state: BudgetState) -> int:
    """Note the shares that are reached, and mail the highest of those that are new. Answers how many were new."""
    reached = [share for share in ALERTS if share <= state.alert]
    asked = {"workspace": state.workspace_id, "month": state.month, "shares": reached}
    with transaction() as session:
        # A budget that was raised may be reached once more.
        session.execute(text(_FORGET), asked)
        new = list(session.scalars(text(_NOTE), asked))
        if new:
            events.publish(state.workspace_id, "workspace")
            for address in _managers(state.workspace_id):
                queue.enqueue("send_mail", address, _subject(state, max(new)), _body(state, max(new)))
    return len(new)


def _stop(state: BudgetState) -> int:
    ids = db.session.scalars(
        select(Broadcast.id).where(
            Broadcast.workspace_id == state.workspace_id, Broadcast.state == BroadcastState.SENDING
        )
    ).all()
    return sum(broadcasts.stop_broadcast(broadcast_id, budgets.stop_words(state)) for broadcast_id in ids)


def _managers(workspace_id: int) -> list[str]:
    rows = (
        select(User.email)
        .join(Member, Member.user_id == User.id)
        .where(Member.workspace_id == workspace_id, Member.role.in_((Role.OWNER, Role.ADMIN)))
        .order_by(User.id)
    )
    return list(db.session.scalars(rows))


def _subject(state: BudgetState, share: int) -> str:
    if share >= 100:
        return f"{state.workspace_name}: this month’s WhatsApp budget is used up"
    return f"{state.workspace_name}: {share}% of this month’s WhatsApp budget is used"


def _body(state: BudgetState, share: int) -> str:
    config: Config = current_app.extensions["wotnot.config"]
    lines = [f"{state.workspace_name} has used {state.words} this month, before tax and partner fees."]
    if share >= 100:
        lines.append(
            "Broadcasts that are being sent were paused, as your budget says. Answers in the inbox still go out."
            if state.stops
            else "Nothing is stopped: your budget only tells you."
        )
    if state.apart_words:
        lines.append(state.apart_words)
    lines.append(f"See what it went to: {config.public_url}/app/cost")
    return "\n\n".join(lines) + "\n"


_FORGET = """
DELETE FROM budget_alerts
WHERE workspace_id = :workspace AND month = :month AND NOT (percent = ANY(CAST(:shares AS smallint[])))
"""

_NOTE = """
INSERT INTO budget_alerts (workspace_id, month, percent)
SELECT :workspace, :month, unnest(CAST(:shares AS smallint[]))
ON CONFLICT DO NOTHING RETURNING percent
"""
