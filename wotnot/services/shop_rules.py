"""Rules: which orders of a shop are messaged, when, and with what. Owns the `shop_rules` table."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Message, Shop, ShopOrder, ShopRule, Template
from wotnot.services import (
    broadcast_choices,
    channels,
    events,
    message_templates,
    shop_messages,
    shops,
    single_messages,
)
from wotnot.services.audience_rules import clean_variables
from wotnot.services.phone_numbers import is_country
from wotnot.services.shop_access import topic_of
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.components import FilledTemplate
from wotnot.services.whatsapp.payloads import fill_text, list_variables
from wotnot.services.woocommerce.orders import STATUS_WORDS, Order, status_words
from wotnot.services.woocommerce.values import LABELS, Filled, fill

CREATED, NOTE, UNPAID = "created", "note", shop_messages.UNPAID_EVENT
EVENTS: dict[str, str] = {
    CREATED: "An order is placed",
    "status:processing": "An order is paid and processed",
    "status:completed": "An order is completed",
    "status:on-hold": "An order is put on hold",
    "status:cancelled": "An order is cancelled",
    "status:refunded": "An order is refunded",
    "status:failed": "A payment fails",
    NOTE: "A note to the customer is added",
    UNPAID: "An order stays unpaid",
}
"""What every shop has; a shop's own statuses come on top."""

MOST_RULES = 50
LONGEST_DELAY = 30 * 24 * 60
SHORTEST_WAIT = 5
"""Minutes after which an unpaid order is reminded at the earliest: paying takes a while."""

_STATUS = re.compile(r"status:[a-z0-9][a-z0-9_-]{0,39}")
_LISTS = {"countries": 60, "product_ids": 100, "payment_methods": 20}


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule that was checked."""

    event: str
    channel_id: int
    template: Template
    variables: dict[str, dict[str, Any]]
    conditions: dict[str, Any]
    delay_minutes: int


def event_words(event: str) -> str:
    """An event in words."""
    return EVENTS.get(event) or f"An order becomes “{status_words(event.removeprefix('status:'))}”"


def list_rules(workspace_id: int, shop_id: int) -> list[ShopRule]:
    """A shop's rules, the first one first. At most MOST_RULES, so this is not paged."""
    mine = (ShopRule.workspace_id == workspace_id, ShopRule.shop_id == shop_id, ShopRule.deleted_at.is_(None))
    query = select(ShopRule).where(*mine).order_by(ShopRule.id)
    return list(db.session.scalars(query.options(joinedload(ShopRule.template), joinedload(ShopRule.channel))))


def get_rule(workspace_id: int, shop_id: int, rule_id: int) -> ShopRule:
    """One rule. Raises NotFound, also for a deleted one and for another workspace's."""
    rule = db.session.get(ShopRule, rule_id)
    if rule is None or (rule.workspace_id, rule.shop_id) != (workspace_id, shop_id) or rule.deleted_at is not None:
        raise NotFound("Rule")
    return rule


def create_rule(
    workspace_id: int,
    shop_id: int,
    *,
    event: str,
    channel_id: int,
    template_id: int,
    variables: Mapping[str, Any],
    conditions: Mapping[str, Any] | None = None,
    delay_minutes: int = 0,
    is_on: bool = True,
    only_one: bool = False,
) -> ShopRule:
    """Add a rule; it is about what happens from now on. With `only_one` there may be none about the same event and products.

    Raises NotFound, Invalid by field, Conflict beyond MOST_RULES or for the second of `only_one`.
    """
    shops.get_shop(workspace_id, shop_id)
    draft = check_rule(
        workspace_id,
        event=event,
        channel_id=channel_id,
        template_id=template_id,
        variables=variables,
        conditions=conditions or {},
        delay_minutes=delay_minutes,
    )
    with transaction() as session:
        session.get_one(Shop, shop_id, with_for_update=True)  # of two at once, the second finds the first one's rule
        _refuse(list_rules(workspace_id, shop_id), draft, only_one=only_one)
        rule = ShopRule(workspace_id=workspace_id, shop_id=shop_id, is_on=is_on, active_since=clock.now())
        _apply(rule, draft)
        session.add(rule)
        session.flush()
        events.publish(workspace_id, topic_of(shop_id))
    return rule


def _refuse(rules: Sequence[ShopRule], draft: RuleDraft, *, only_one: bool) -> None:
    if len(rules) >= MOST_RULES:
        raise Conflict(
            f"A shop has at most {MOST_RULES} rules. Delete one that you do not need.", code="too_many_rules"
        )
    about = (draft.event, draft.conditions.get("product_ids", []))
    if only_one and about in [(rule.event, rule.conditions.get("product_ids", [])) for rule in rules]:
        raise Conflict(
            "There is a rule about this already, for the same products. Change that one instead.", code="rule_exists"
        )


def update_rule(workspace_id: int, shop_id: int, rule_id: int, **fields: Any) -> ShopRule:
    """Change what is given of a rule, as `create_rule` takes it. A new event counts from now on. Raises as it does."""
    rule = get_rule(workspace_id, shop_id, rule_id)
    is_on = fields.pop("is_on", None)
    kept = {name: getattr(rule, name) for name in _FIELDS}
    draft = check_rule(workspace_id, **(kept | {name: value for name, value in fields.items() if value is not None}))
    with transaction():
        rule = get_rule(workspace_id, shop_id, rule_id)
        if draft.event != rule.event:
            rule.active_since = clock.now()
        _apply(rule, draft)
        _switch(rule, is_on)
        events.publish(workspace_id, topic_of(shop_id))
    return rule


def switch_rule(workspace_id: int, shop_id: int, rule_id: int, *, is_on: bool) -> ShopRule:
    """Switch a rule off, or on again for what happens from now on. Raises NotFound."""
    with transaction():
        rule = get_rule(workspace_id, shop_id, rule_id)
        _switch(rule, is_on)
        events.publish(workspace_id, topic_of(shop_id))
    return rule


def delete_rule(workspace_id: int, shop_id: int, rule_id: int) -> None:
    """Delete a rule; what waits for its time is not sent, what was sent stays in the list. Raises NotFound."""
    with transaction():
        rule = get_rule(workspace_id, shop_id, rule_id)
        rule.deleted_at = clock.now()
        rule.is_on = False
        events.publish(workspace_id, topic_of(shop_id))


_FIELDS = ("event", "channel_id", "template_id", "variables", "conditions", "delay_minutes")


def check_rule(
    workspace_id: int,
    *,
    event: str,
    channel_id: int,
    template_id: int,
    variables: Mapping[str, Any],
    conditions: Mapping[str, Any],
    delay_minutes: int,
) -> RuleDraft:
    """A rule, tidied. Raises Invalid by field, NotFound for a number or template that is not there."""
    errors: dict[str, str] = {}
    channel = channels.get_channel(workspace_id, channel_id)
    template = message_templates.get_template(workspace_id, template_id)
    if event not in EVENTS and not _STATUS.fullmatch(event):
        errors["event"] = "Choose what the message is about."
    if not broadcast_choices.may_send(channel, template):
        errors["template_id"] = message_templates.why_not_sendable(template) or (
            "This template belongs to another account than the number. Choose one of the number's templates."
        )
    if not 0 <= delay_minutes <= LONGEST_DELAY:
        errors["delay_minutes"] = "Wait for 0 minutes to 30 days."
    if event == UNPAID and delay_minutes < SHORTEST_WAIT:
        errors["delay_minutes"] = f"Wait for at least {SHORTEST_WAIT} minutes: paying takes a while."
    clean = _clean_conditions(conditions, errors)
    try:
        sources = _clean_sources(template, variables)
    except Invalid as error:
        errors |= {name: words[0] for name, words in error.errors.items()}
    if errors:
        raise Invalid(errors)
    return RuleDraft(event, channel_id, template, sources, clean, delay_minutes)


# ---------------------------------------------------------------- trying a rule


@dataclass(frozen=True, slots=True)
class RulePreview:
    """A rule's message for one order: what the phone shows, and which values it took."""

    message: FilledTemplate
    filled: Filled


def preview(shop_id: int, template: Template, variables: Mapping[str, Any], row: ShopOrder | None) -> RulePreview:
    """The message as the customer of an order would read it; without an order nothing is filled in."""
    beside = shop_messages.beside_of(shop_id) | {"note": "Your parcel has left our shop."}
    filled = fill(variables, Order.from_json(row.facts), **beside) if row else Filled({})
    return RulePreview(fill_text(template.components, filled.values, filled.fallbacks), filled)


def send_test(
    workspace_id: int,
    shop_id: int,
    *,
    channel_id: int,
    template_id: int,
    variables: Mapping[str, Any],
    row: ShopOrder,
    to: str,
    user_id: int | None = None,
) -> Message:
    """Send a rule's message, filled from a past order, to a number of one's own; it is a message by itself.

    Raises as `single_messages.send_message` does, and Conflict for values that the order does not have.
    """
    template = message_templates.get_template(workspace_id, template_id)
    beside = shop_messages.beside_of(shop_id) | {"note": "Your parcel has left our shop."}
    sources = _clean_sources(template, variables)
    content = shop_messages.content_of(template, sources, Order.from_json(row.facts), **beside)
    return single_messages.send_message(
        workspace_id, channel_id=channel_id, to=to, type="template", content=content, user_id=user_id
    )


# ---------------------------------------------------------------- checking


def _apply(rule: ShopRule, draft: RuleDraft) -> None:
    rule.event = draft.event
    rule.channel_id = draft.channel_id
    rule.template_id = draft.template.id
    rule.variables = draft.variables
    rule.conditions = draft.conditions
    rule.delay_minutes = draft.delay_minutes


def _switch(rule: ShopRule, is_on: bool | None) -> None:  # noqa: FBT001 — None leaves it as it is
    if is_on is None or rule.is_on == is_on:
        return
    rule.is_on = is_on
    if is_on:
        rule.active_since = clock.now()


def _clean_sources(template: Template, variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A source for each variable of the template. Raises Invalid on `variables.<key>`."""
    clean = clean_variables(variables)
    wanted = [one.key for one in list_variables(template.components, template.parameter_format)]
    errors = {f"variables.{key}": "Say what stands for this variable." for key in wanted if key not in clean}
    for key, source in clean.items():
        if key not in wanted:
            errors[f"variables.{key}"] = "The template has no such variable."
        elif "field" in source and source["field"] not in LABELS:
            errors[f"variables.{key}"] = f"Orders have no field “{source['field']}”. Choose one of {', '.join(LABELS)}."
    if errors:
        raise Invalid(errors)
    return clean


def _clean_conditions(conditions: Mapping[str, Any], errors: dict[str, str]) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for name in conditions:
        if name not in {*_LISTS, "total_min", "total_max"}:
            errors[f"conditions.{name}"] = "There is no such condition."
    for name, most in _LISTS.items():
        values = conditions.get(name) or []
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > most:
            errors[f"conditions.{name}"] = f"Give a list of at most {most}."
        elif values:
            clean[name] = [_clean_value(name, value, errors) for value in values]
    for name in ("total_min", "total_max"):
        if conditions.get(name) not in {None, ""}:
            clean[name] = _clean_amount(name, conditions[name], errors)
    return clean


def _clean_value(name: str, value: Any, errors: dict[str, str]) -> Any:
    if name == "product_ids":
        text = str(value).strip()
        if not text.isascii() or not text.isdecimal() or len(text) > 15:
            errors["conditions.product_ids"] = "A product's id is a whole number, such as 101."
            return 0
        return int(text)
    text = str(value).strip()
    if name == "countries":
        if not is_country(text.upper()):
            errors["conditions.countries"] = f"“{text[:20]}” is no country. Write its code, such as ZA or DE."
        return text.upper()
    if not text or len(text) > 60:
        errors["conditions.payment_methods"] = "Write the method's name as WooCommerce has it, such as cod or bacs."
    return text


def _clean_amount(name: str, value: Any, errors: dict[str, str]) -> str:
    try:
        amount = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount < Decimal(10) ** 9:
        errors[f"conditions.{name}"] = "Write an amount, such as 500 or 49.90."
        return ""
    return str(amount)


def known_statuses(workspace_id: int, shop_id: int) -> list[str]:
    """The statuses of a shop's own that its orders had, by name."""
    query = (
        select(ShopOrder.status).where(ShopOrder.workspace_id == workspace_id, ShopOrder.shop_id == shop_id).distinct()
    )
    return sorted(one for one in db.session.scalars(query) if one not in STATUS_WORDS and one != "deleted")
