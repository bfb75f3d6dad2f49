"""Segments said a second time, in plain Python over plain facts, and made-up definitions to hold the SQL against it."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers

from wotnot.services.segment_fields import FIELDS, TYPES, Operator, Takes, find_field
from wotnot.services.segment_texts import NO, YES
from wotnot.services.whatsapp.error_codes import PASSING_CODES

ARRIVED = {"accepted", "sent", "delivered", "read"}
OPEN = {"queued", "sending", "unknown"}
ATTRIBUTES = ("City", "points", "born", "member")
ODD_TEXTS = (
    "", "  ", "Paarl", "paarl ", "Cape Town", "12", "12.5", "12,5", "1,250", "1,250.75", "-3", "+7", "1e5", "12 apples", "0x1F",
    "NaN", "Infinity", "٣", "2026-11-27", "2026-02-30", "2024-02-29", "2023-02-29", "1900-02-29", "0000-01-01", "2026-11-27T10:00",
    "27.11.2026", "31.4.2026", "1.12.1990", "11/27/2026", "yes", "No", "TRUE", "0", "1", "ja", "%", "_", "a_b", "O'Brien", "\\",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """A ledger row."""

    direction: str
    created_at: datetime
    broadcast_id: int | None = None
    state: str = "received"
    reached: int = 0
    replied: bool = False
    accepted_at: datetime | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order of a shop: `items` are the numbers and names of its products."""

    placed_at: datetime
    status: str
    total: Decimal
    items: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class Known:
    """All that is known of a person."""

    name: str
    email: str
    phone: str | None
    language: str | None
    consent: str
    created_at: datetime
    attributes: dict[str, str]
    tags: set[str] = field(default_factory=set)
    messages: list[Fact] = field(default_factory=list)
    orders: list[Purchase] = field(default_factory=list)

    @property
    def bought(self) -> list[Purchase]:
        """Those orders that were not called off."""
        called_off = {"pending", "failed", "cancelled", "refunded", "deleted"}
        return [one for one in self.orders if one.status not in called_off]


@dataclass(frozen=True, slots=True)
class Twin:
    """Where and when it is asked; `ours` are the workspace's broadcasts."""

    zone: ZoneInfo
    today: date
    ours: set[int]

    def matches(self, definition: Mapping[str, Any], person: Known) -> bool:
        """Whether a clean definition describes somebody."""
        answers = [
            self.matches(one, person) if "conditions" in one else self._meets(one, person)
            for one in definition["conditions"]
        ]
        return all(answers) if definition["match"] == "all" else any(answers)

    def _meets(self, one: Mapping[str, Any], person: Known) -> bool:
        key, op, value = one["field"], one["op"], one.get("value")
        if key.startswith("attribute:"):
            text = person.attributes.get(key.removeprefix("attribute:"), "").strip()
            return _reads(one["type"], text, op, value, self.today)
        answers: dict[str, Callable[[], bool]] = {
            "name": lambda: _compare(person.name.strip().lower(), op, (value or "").lower()),
            "email": lambda: _compare(person.email.strip().lower(), op, (value or "").lower()),
            "phone": lambda: _compare(person.phone or "", op, value),
            "tags": lambda: _tagged(person.tags, op, value or []),
            "consent": lambda: (person.consent == value) == (op == "is"),
            "language": lambda: _speaks(person.language, op, value),
            "country": lambda: (_country(person.phone) == value) == (op == "is"),
            "created": lambda: _dated(person.created_at.astimezone(self.zone).date(), op, value, self.today),
            "last_in": lambda: self._talked([m.created_at for m in person.messages if m.direction == "in"], op, value),
            "last_out": lambda: self._talked([m.accepted_at for m in person.messages if m.accepted_at], op, value),
            "broadcast": lambda: (
                value in self.ours and _fate([m for m in person.messages if m.broadcast_id == value], op)
            ),
        }
        answers |= {
            "ordered": lambda: self._talked([one.placed_at for one in person.bought], op, value),
            "bought": lambda: _has_bought(person, op, value),
            "order_count": lambda: _counts(Decimal(len(person.bought)), op, value),
            "spent": lambda: _counts(sum((one.total for one in person.bought), Decimal(0)), op, value),
        }
        return answers[key]()

    def _talked(self, moments: list[datetime], op: str, value: Any) -> bool:
        if op in {"ever", "never"}:
            return bool(moments) == (op == "ever")
        since = self.today - timedelta(days=value)
        return any(one.astimezone(self.zone).date() >= since for one in moments) == (op == "within")


def _has_bought(person: Known, op: str, value: Any) -> bool:
    if op == "in_order":
        number, _, statuses = value.partition(" ")
        wanted = statuses.split(", ") if statuses else None
        orders = person.bought if wanted is None else [one for one in person.orders if one.status in wanted]
        return any(int(number) == each for one in orders for each, _ in one.items)
    items = [item for one in person.bought for item in one.items]
    if op in {"is", "is_not"}:
        return any(number == int(value) for number, _ in items) == (op == "is")
    return any(value.lower() in name.lower() for _, name in items) == (op == "contains")


def _counts(number: Decimal, op: str, value: Any) -> bool:
    low, high = (Decimal(str(one)) for one in (value if isinstance(value, list) else (value, value)))
    return {"equals": number == low, "less": number < low, "more": number > low, "between": low <= number <= high}[op]


def _tagged(tags: set[str], op: str, names: list[str]) -> bool:
    has, wanted = {tag.lower() for tag in tags}, {tag.lower() for tag in names}
    return {"any": bool(has & wanted), "all": wanted <= has, "none": not has & wanted}[op]


def _compare(text: str, op: str, wanted: Any) -> bool:
    return {
        "is": text == wanted,
        "is_not": text != wanted,
        "contains": (wanted or "") in text,
        "starts_with": text.startswith(wanted or ""),
        "empty": not text,
        "not_empty": bool(text),
    }[op]


def _reads(kind: str, text: str, op: str, value: Any, today: date) -> bool:
    if kind == "text":
        return _compare(text.lower(), op, (value or "").lower())
    if kind == "yes_no":
        return text.lower() in (YES if op == "yes" else NO)
    if kind == "number":
        number = _number(text)
        if number is None:
            return False
        low, high = (Decimal(str(one)) for one in (value if isinstance(value, list) else (value, value)))
        return {"equals": number == low, "less": number < low, "more": number > low, "between": low <= number <= high}[
            op
        ]
    day = _day(text)
    return day is not None and _dated(day, op, value, today)


def _number(text: str) -> Decimal | None:
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text):
        return Decimal(text)
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", text):
        return Decimal(text.replace(",", ""))
    return Decimal(text.replace(",", ".")) if re.fullmatch(r"[+-]?[0-9]+,[0-9]{1,2}", text) else None


def _day(text: str) -> date | None:
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})([T ].*)?", text)
    dotted = re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", text)
    parts = iso.groups()[:3] if iso else dotted.groups()[::-1] if dotted else None
    if parts is None or int(parts[0]) < 1000:
        return None
    try:
        return date(*map(int, parts))
    except ValueError:
        return None


def _dated(day: date, op: str, value: Any, today: date) -> bool:
    if op == "anniversary":
        coming = [today + timedelta(days=ahead) for ahead in range(value + 1)]
        if (day.month, day.day) == (2, 29):
            return any(one.month == 2 and (one + timedelta(days=1)).month == 3 for one in coming)
        return any((one.month, one.day) == (day.month, day.day) for one in coming)
    if op == "last_days":
        return today - timedelta(days=value) <= day <= today
    if op == "next_days":
        return today <= day <= today + timedelta(days=value)
    wanted = date.fromisoformat(value)
    return {"on": day == wanted, "before": day < wanted, "after": day > wanted}[op]


def _speaks(language: str | None, op: str, value: str | None) -> bool:
    if op in {"empty", "not_empty"}:
        return bool(language) == (op == "not_empty")
    is_so = language is not None and (language == value or language.partition("_")[0] == value)
    return is_so == (op == "is")


def _country(phone: str | None) -> str | None:
    return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{phone}")) if phone else None


def _fate(rows: list[Fact], op: str) -> bool:
    states, has_reply = {one.state for one in rows}, any(one.replied for one in rows)
    furthest = max((one.reached for one in rows), default=0)
    is_lost = not states & (ARRIVED | OPEN)
    passing = any(one.state == "failed" and one.error_code in PASSING_CODES for one in rows)
    return {
        "sent": furthest >= 2,
        "delivered": furthest >= 4,
        "read": furthest >= 5,
        "not_read": bool(states & {"accepted", "sent", "delivered"}) and furthest < 5 and not has_reply,
        "replied": has_reply,
        "not_replied": bool(states & ARRIVED) and not has_reply,
        "read_not_replied": furthest >= 5 and not has_reply,
        "failed": "failed" in states and is_lost,
        "failed_for_now": passing and is_lost,
        "not_in": not rows,
    }[op]


# ---------------------------------------------------------------- made-up definitions


_ORDER_VALUES: dict[str, dict[Takes, list[Any]]] = {
    "bought": {
        Takes.TEXT: ["plant", "OLIVE", "%", "pots"],
        Takes.NUMBER: [101, 102, 9],
        Takes.PURCHASE: ["101", "102 completed", "101 cancelled, processing", "9 completed"],
    },
    "order_count": {Takes.NUMBER: [0, 1, 2], Takes.NUMBERS: [[1, 2], [2, 9]]},
    "spent": {Takes.NUMBER: [0, 100, 485.5, 900], Takes.NUMBERS: [[100, 485.5], [0, 1]]},
}


class Maker:
    """Makes definitions; each takes the next pair of field and operator, so that all of them come up."""

    def __init__(self, dice: random.Random, broadcast_ids: list[int], today: date) -> None:
        self._dice, self._broadcast_ids, self._today = dice, broadcast_ids, today
        self._pairs = self._all_pairs()

    def definition(self) -> dict[str, Any]:
        """Up to three conditions, sometimes one of them a group."""
        conditions: list[dict[str, Any]] = [self._condition()]
        for _ in range(self._dice.choice((0, 0, 1, 2))):
            if self._dice.random() < 0.4:
                conditions.append(self._group([self._condition() for _ in range(self._dice.randint(1, 3))]))
            else:
                conditions.append(self._condition())
        self._dice.shuffle(conditions)
        return self._group(conditions)

    def _group(self, conditions: list[dict[str, Any]]) -> dict[str, Any]:
        return {"match": self._dice.choice(("all", "any")), "conditions": conditions}

    def _all_pairs(self) -> Iterator[tuple[str, str, Operator]]:
        while True:
            for key, known in FIELDS.items():
                yield from ((key, "", operator) for operator in known.operators)
            for kind, (_, operators) in TYPES.items():
                yield from ((f"attribute:{name}", kind, operator) for name in ATTRIBUTES for operator in operators)

    def _condition(self) -> dict[str, Any]:
        key, kind, operator = next(self._pairs)
        condition: dict[str, Any] = {"field": key, "op": operator.key} | ({"type": kind} if kind else {})
        if operator.takes is not Takes.NOTHING:
            condition["value"] = self._value(key, kind, operator)
        return condition

    def _value(self, key: str, kind: str, operator: Operator) -> Any:
        dice = self._dice
        if key in _ORDER_VALUES and operator.takes in _ORDER_VALUES[key]:
            return dice.choice(_ORDER_VALUES[key][operator.takes])
        values = {
            Takes.TEXT: lambda: dice.choice([text for text in ODD_TEXTS if text.strip()]),
            Takes.PHONE: lambda: dice.choice(["27", "1", "+1 20", "555", "277", "9"]),
            Takes.NUMBER: lambda: dice.choice([12, 12.5, -3, 0, 1250, 7]),
            Takes.NUMBERS: lambda: sorted(dice.sample([-5, 0, 7, 12, 12.5, 1250, 5000], 2)),
            Takes.DATE: lambda: str(self._today - timedelta(days=dice.choice([0, 1, 3, 30, 300, 12000]))),
            Takes.DAYS: lambda: dice.choice([0, 1, 3, 10, 40, 366]),
            Takes.TAGS: lambda: dice.sample(["VIP", "news", "Ünïcode", "nobody has this"], dice.randint(1, 2)),
            Takes.BROADCAST: lambda: dice.choice(self._broadcast_ids),
        }
        if operator.takes is Takes.CHOICE:
            found = find_field(key, kind or "text")
            usual = {
                "consent": None,
                "language": ["en", "de", "pt_BR", "pt"],
                "country": ["ZA", "US", "CA", "GB", "JE", "DE"],
            }
            return dice.choice(usual[key] or [value for value, _ in found.choices.list()])  # type: ignore[union-attr]
        return values[operator.takes]()
