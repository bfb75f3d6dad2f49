"""Compiles a clean definition to one SQL condition over Contact.

Each condition is true or false for everybody, never unknown, so that it can also be turned round to leave people out. What is
asked of messages and tags is an EXISTS with an index under it, also inside a group of alternatives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Text, and_, any_, column, func, literal, not_, or_, select
from sqlalchemy.dialects.postgresql import JSONB, array

from wotnot.models import Broadcast, Contact, ContactTag, Direction, Message, MessageState, ShopOrder, Tag
from wotnot.services import segment_texts as texts
from wotnot.services.person_messages import is_in_thread
from wotnot.services.phone_numbers import country_pattern
from wotnot.services.segment_fields import ATTRIBUTE, DATE_TYPE, NUMBER_TYPE, TEXT_TYPE, YES_NO_TYPE
from wotnot.services.segment_rules import Condition, read_purchase
from wotnot.services.tallies import REACHED_ACCEPTED, REACHED_DELIVERED, REACHED_READ
from wotnot.services.whatsapp.error_codes import PASSING_CODES

Sql = ColumnElement[bool]

_S = MessageState
ARRIVING = (_S.ACCEPTED, _S.SENT, _S.DELIVERED)
ARRIVED = (*ARRIVING, _S.READ)
OPEN = (_S.QUEUED, _S.SENDING, _S.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Context:
    """Whose contacts are asked, and which day it is there: relative dates count whole days on the workspace's calendar."""

    workspace_id: int
    timezone: str
    today: date

    def start_of(self, day: date) -> datetime:
        """The moment at which a day begins there."""
        return datetime.combine(day, time.min, ZoneInfo(self.timezone))

    def days_ago(self, days: int) -> datetime:
        """The moment at which the day that was `days` ago began."""
        return self.start_of(self.today - timedelta(days=days))


def compile_definition(definition: Mapping[str, Any], context: Context) -> Sql:
    """The condition for a clean definition. It does not say whose contacts are asked: the caller does, as for every query."""
    parts = [
        compile_definition(one, context) if "conditions" in one else _compile(one, context)
        for one in definition["conditions"]
    ]
    return and_(*parts) if definition["match"] == "all" else or_(*parts)


def _compile(condition: Condition, context: Context) -> Sql:
    key = condition["field"]
    if key.startswith(ATTRIBUTE):
        value = texts.trimmed(Contact.attributes.op("->>")(key.removeprefix(ATTRIBUTE)))
        return _TYPED[condition.get("type", TEXT_TYPE)](value, condition, context)
    return CONDITIONS[key](condition, context)


# ---------------------------------------------------------------- texts, numbers, dates


def _text(trimmed: Any, condition: Condition, _context: Context) -> Sql:
    wanted: Any = func.lower(literal(condition.get("value", ""), Text))
    return _compare_texts(func.lower(trimmed), condition["op"], wanted)


def _compare_texts(text: Any, operator: str, wanted: Any) -> Sql:
    answers: dict[str, Callable[[], Any]] = {
        "is": lambda: text == wanted,
        "is_not": lambda: text != wanted,
        "contains": lambda: func.strpos(text, wanted) > 0,
        "starts_with": lambda: func.starts_with(text, wanted),
        "empty": lambda: text == "",
        "not_empty": lambda: text != "",
    }
    answer: Sql = answers[operator]()
    return answer


def _number(trimmed: Any, condition: Condition, _context: Context) -> Sql:
    number, value = texts.number_of(trimmed), condition["value"]
    low, *high = [Decimal(str(one)) for one in (value if isinstance(value, list) else [value])]
    answers: dict[str, Callable[[], Any]] = {
        "equals": lambda: number == low,
        "less": lambda: number < low,
        "more": lambda: number > low,
        "between": lambda: number.between(low, high[0]),
    }
    return func.coalesce(answers[condition["op"]](), False)


def _date(trimmed: Any, condition: Condition, context: Context) -> Sql:
    day, operator, value, today = texts.day_of(trimmed), condition["op"], condition["value"], context.today
    if operator == "anniversary":
        return func.coalesce(func.substr(day, 6, 5).in_(_days_of_the_year(today, value)), False)
    answers: dict[str, Callable[[], Any]] = {
        "on": lambda: day == value,
        "before": lambda: day < value,
        "after": lambda: day > value,
        "last_days": lambda: day.between(f"{today - timedelta(days=value)}", f"{today}"),
        "next_days": lambda: day.between(f"{today}", f"{today + timedelta(days=value)}"),
    }
    return func.coalesce(answers[operator](), False)


def _days_of_the_year(today: date, days: int) -> list[str]:
    """The days `MM-DD` from today on; 29 February comes round on the 28th where a year has none."""
    found = {f"{today + timedelta(days=ahead):%m-%d}" for ahead in range(days + 1)}
    coming = [today + timedelta(days=ahead) for ahead in range(days + 1)]
    if any((day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3 for day in coming):
        found.add("02-29")
    return sorted(found)


def _yes_no(trimmed: Any, condition: Condition, _context: Context) -> Sql:
    words = texts.YES if condition["op"] == "yes" else texts.NO
    answer: Sql = func.lower(trimmed).in_(words)
    return answer


_TYPED: dict[str, Callable[[Any, Condition, Context], Sql]] = {
    TEXT_TYPE: _text,
    NUMBER_TYPE: _number,
    DATE_TYPE: _date,
    YES_NO_TYPE: _yes_no,
}


def _column(column: Any) -> Callable[[Condition, Context], Sql]:
    return lambda condition, context: _text(texts.trimmed(column), condition, context)


# ---------------------------------------------------------------- the person


def _phone(condition: Condition, _context: Context) -> Sql:
    return _compare_texts(func.coalesce(Contact.phone, ""), condition["op"], literal(condition.get("value", ""), Text))


def _consent(condition: Condition, _context: Context) -> Sql:
    is_so: Sql = Contact.consent == condition["value"]
    return is_so if condition["op"] == "is" else not_(is_so)


def _language(condition: Condition, _context: Context) -> Sql:
    """A language without a country stands for all its countries."""
    code: Any = func.coalesce(Contact.language, "")
    if condition["op"] in {"empty", "not_empty"}:
        return _compare_texts(code, condition["op"], "")
    wanted = condition["value"]
    is_so: Sql = code == wanted if "_" in wanted else func.split_part(code, "_", 1) == wanted
    return is_so if condition["op"] == "is" else not_(is_so)


def _country(condition: Condition, _context: Context) -> Sql:
    """Where the number is from. Countries that share a code, such as the USA and Canada, are told apart by the library's plans."""
    phone: Any = func.coalesce(Contact.phone, "")
    pattern = country_pattern(condition["value"])
    is_so: Sql = func.starts_with(phone, pattern.prefix)
    if pattern.includes:
        is_so = and_(is_so, phone.op("~")(literal(pattern.includes)))
    for earlier in pattern.excludes:
        is_so = and_(is_so, phone.op("!~")(literal(earlier)))
    return is_so if condition["op"] == "is" else not_(is_so)


def _created(condition: Condition, context: Context) -> Sql:
    operator, value = condition["op"], condition["value"]
    if operator == "last_days":
        return Contact.created_at >= context.days_ago(value)
    day = date.fromisoformat(value)
    start, end = context.start_of(day), context.start_of(day + timedelta(days=1))
    if operator == "before":
        return Contact.created_at < start
    if operator == "after":
        return Contact.created_at >= end
    return and_(Contact.created_at >= start, Contact.created_at < end)


def _tags(condition: Condition, context: Context) -> Sql:
    """An unknown tag is on nobody."""
    if condition["op"] == "all":
        return and_(*(_has_one_of([name], context) for name in condition["value"]))
    has_one = _has_one_of(condition["value"], context)
    return not_(has_one) if condition["op"] == "none" else has_one


def _has_one_of(names: list[str], context: Context) -> Sql:
    wanted = [func.lower(literal(name, Text)) for name in names]
    ids = select(Tag.id).where(Tag.workspace_id == context.workspace_id, func.lower(Tag.name) == any_(array(wanted)))
    return (
        select(1)
        .where(ContactTag.contact_id == Contact.id, ContactTag.tag_id == any_(func.array(ids.scalar_subquery())))
        .exists()
    )


# ---------------------------------------------------------------- messages and broadcasts


def _messages(direction: Direction, moment: Any) -> Callable[[Condition, Context], Sql]:
    """When somebody last wrote, or was last sent something that Meta took."""

    def compile_one(condition: Condition, context: Context) -> Sql:
        message = select(1).where(
            Message.workspace_id == context.workspace_id,
            Message.contact_id == Contact.id,
            Message.direction == direction,
        )
        if direction is Direction.OUT:
            message = message.where(is_in_thread())
        if condition["op"] in {"within", "not_within"}:
            message = message.where(moment >= context.days_ago(condition["value"]))
        else:
            message = message.where(moment.is_not(None))
        return message.exists() if condition["op"] in {"within", "ever"} else not_(message.exists())

    return compile_one


def _broadcast(condition: Condition, context: Context) -> Sql:
    """What became of a broadcast for somebody, over all attempts. Another workspace's broadcast is about nobody at all."""
    broadcast_id = condition["value"]
    is_ours = select(1).where(Broadcast.id == broadcast_id, Broadcast.workspace_id == context.workspace_id).exists()

    def has(*conditions: Any) -> Sql:
        mine = (Message.broadcast_id == broadcast_id, Message.contact_id == Contact.id)
        return select(1).where(*mine, *conditions).exists()

    return and_(is_ours, _FATES[condition["op"]](has))


def _in(*states: MessageState) -> Sql:
    return Message.state.in_(states)


_FATES: dict[str, Callable[[Callable[..., Sql]], Sql]] = {
    "sent": lambda has: has(Message.reached >= REACHED_ACCEPTED),
    "delivered": lambda has: has(Message.reached >= REACHED_DELIVERED),
    "read": lambda has: has(Message.reached >= REACHED_READ),
    # Who answers has read it, whether or not their phone says so.
    "not_read": lambda has: and_(has(_in(*ARRIVING)), not_(has(or_(Message.reached >= REACHED_READ, Message.replied)))),
    "replied": lambda has: has(Message.replied),
    "not_replied": lambda has: and_(has(_in(*ARRIVED)), not_(has(Message.replied))),
    "read_not_replied": lambda has: and_(has(Message.reached >= REACHED_READ), not_(has(Message.replied))),
    "failed": lambda has: and_(has(_in(_S.FAILED)), not_(has(_in(*ARRIVED, *OPEN)))),
    "failed_for_now": lambda has: and_(
        has(_in(_S.FAILED), Message.error_code.in_(PASSING_CODES)), not_(has(_in(*ARRIVED, *OPEN)))
    ),
    "not_in": lambda has: not_(has()),
}


# ---------------------------------------------------------------- orders

_NO_PURCHASE = ("pending", "failed", "cancelled", "refunded", "deleted")
"""Statuses in which nothing was bought, or it was given back."""


def _orders(context: Context, *columns: Any, statuses: Sequence[str] = ()) -> Any:
    """Somebody's purchases, in whatever shop of the workspace; with `statuses` their orders that have one of these now."""
    return select(*columns).where(
        ShopOrder.contact_id == Contact.id,
        ShopOrder.workspace_id == context.workspace_id,
        ShopOrder.status.in_(statuses) if statuses else ShopOrder.status.not_in(_NO_PURCHASE),
    )


def _ordered(condition: Condition, context: Context) -> Sql:
    orders = _orders(context, literal(1))
    if condition["op"] in {"within", "not_within"}:
        orders = orders.where(ShopOrder.placed_at >= context.days_ago(condition["value"]))
    has: Sql = orders.exists()
    return has if condition["op"] in {"within", "ever"} else not_(has)


def _bought(condition: Condition, context: Context) -> Sql:
    """By a part of a product's name, or by its number in the shop."""
    item = func.jsonb_array_elements(ShopOrder.facts["items"]).table_valued(column("value", JSONB), name="item")
    orders = _orders(context, literal(1))
    number = item.c.value["product_id"].as_string()
    if condition["op"] in {"is", "is_not"}:
        wanted: Any = number == str(int(condition["value"]))
    elif condition["op"] == "in_order":
        shop_id, product_id, statuses = read_purchase(condition["value"])
        orders, wanted = _orders(context, literal(1), statuses=statuses), number == str(product_id)
        if shop_id is not None:
            orders = orders.where(ShopOrder.shop_id == shop_id)
    else:
        name = func.lower(item.c.value["name"].as_string())
        wanted = func.strpos(name, func.lower(literal(condition["value"], Text))) > 0
    has: Sql = orders.where(select(literal(1)).select_from(item).where(wanted).exists()).exists()
    return has if condition["op"] in {"contains", "is", "in_order"} else not_(has)


def _order_count(condition: Condition, context: Context) -> Sql:
    return _within(_orders(context, func.count()).scalar_subquery(), condition)


def _spent(condition: Condition, context: Context) -> Sql:
    """In the shops' own currencies, whichever they are: most workspaces sell in one."""
    micros = _orders(context, func.coalesce(func.sum(ShopOrder.total_micros), 0)).scalar_subquery()
    return _within(micros, condition, 1_000_000)


def _within(amount: Any, condition: Condition, factor: int = 1) -> Sql:
    """Compare a number that everybody has."""
    value = condition["value"]
    low, *high = [Decimal(str(one)) * factor for one in (value if isinstance(value, list) else [value])]
    answers: dict[str, Callable[[], Any]] = {
        "equals": lambda: amount == low,
        "less": lambda: amount < low,
        "more": lambda: amount > low,
        "between": lambda: amount.between(low, high[0]),
    }
    answer: Sql = answers[condition["op"]]()
    return answer


CONDITIONS: dict[str, Callable[[Condition, Context], Sql]] = {
    "tags": _tags,
    "name": _column(Contact.name),
    "email": _column(Contact.email),
    "phone": _phone,
    "country": _country,
    "language": _language,
    "consent": _consent,
    "created": _created,
    "last_in": _messages(Direction.IN, Message.created_at),
    "last_out": _messages(Direction.OUT, Message.accepted_at),
    "broadcast": _broadcast,
    "ordered": _ordered,
    "bought": _bought,
    "order_count": _order_count,
    "spent": _spent,
}
"""By the key of `segment_fields.FIELDS`: a condition, and whom it is asked for, as SQL."""
