"""What a segment's definition may look like. Pure: checks and tidies, asks no database.

A definition is `{"match": "all"|"any", "conditions": […]}`. A condition is `{"field", "op"}` with a `value` where the operator
takes one (see `segment_fields.py`) and for a custom field the `type` it is read as; or it is again a definition, one level deep.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from wotnot.errors import Invalid
from wotnot.services.segment_fields import ATTRIBUTE, TEXT_TYPE, TYPES, Field, Operator, Takes, find_field

MAX_CONDITIONS = 30
MAX_TEXT = 200
MAX_TAGS = 50
MAX_FIELD = 60 + len(ATTRIBUTE)
MAX_DAYS = 3650
MAX_ANNIVERSARY_DAYS = 366
_LARGEST = 10**15
# The last thousand years of the calendar are left out: the day after must be one, too.
_DAY = re.compile(r"[1-8][0-9]{3}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,9})?")
_MATCHES = ("all", "any")
_PURCHASE = re.compile(r"(?:([0-9]{1,15})/)?([0-9]{1,15})(?:[\s:]+(.+))?")
_STATUS = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MAX_STATUSES = 20

Definition = dict[str, Any]
Condition = Mapping[str, Any]


def clean_definition(definition: object, root: str = "") -> Definition:
    """The definition, tidy, with all that says nothing left out.

    Raises Invalid naming each place by its path below `root`: `conditions.2.value`, `conditions.0.conditions.1.op`.
    """
    cleaner = _Cleaner()
    clean = cleaner.group(definition, root, may_hold_groups=True)
    if not cleaner.errors and cleaner.count > MAX_CONDITIONS:
        cleaner.errors[_join(root, "conditions")] = f"A segment has at most {MAX_CONDITIONS} conditions."
    if cleaner.errors:
        raise Invalid(cleaner.errors)
    return clean


def list_conditions(definition: Mapping[str, Any]) -> Iterator[Condition]:
    """Every condition of a clean definition, those in groups among them."""
    for one in definition.get("conditions", ()):
        if "conditions" in one:
            yield from one["conditions"]
        else:
            yield one


def list_broadcast_ids(definition: Mapping[str, Any]) -> set[int]:
    """The broadcasts that a clean definition speaks of."""
    return {one["value"] for one in list_conditions(definition) if one["field"] == "broadcast"}


def is_fleeting(definition: Mapping[str, Any]) -> bool:
    """Whether the people may change although no contact does: it speaks of messages."""
    fields = (find_field(one["field"], one.get("type", TEXT_TYPE)) for one in list_conditions(definition))
    return any(field is not None and field.is_fleeting for field in fields)


class _Cleaner:
    """Walks a definition and notes by path what is wrong with it."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.count = 0

    def group(self, given: object, path: str, *, may_hold_groups: bool) -> Definition:
        if not isinstance(given, Mapping) or set(given) - {"match", "conditions"}:
            self._refuse(path or "definition", 'Give {"match": "all" or "any", "conditions": […]}.')
            return {}
        if given.get("match", "all") not in _MATCHES:
            self._refuse(_join(path, "match"), "Choose all or any.")
        conditions = given.get("conditions")
        if not isinstance(conditions, list) or not conditions:
            words = "Add at least one condition." if may_hold_groups else "Add a condition to the group, or remove it."
            self._refuse(_join(path, "conditions"), words)
            return {}
        clean = [
            self._one(one, _join(path, f"conditions.{at}"), may_hold_groups=may_hold_groups)
            for at, one in enumerate(conditions[: MAX_CONDITIONS + 1])
        ]
        return {"match": given.get("match", "all"), "conditions": clean}

    def _one(self, given: object, path: str, *, may_hold_groups: bool) -> Definition:
        if isinstance(given, Mapping) and "conditions" in given:
            if may_hold_groups:
                return self.group(given, path, may_hold_groups=False)
            self._refuse(path, "A group cannot hold another group.")
            return {}
        self.count += 1
        return self._condition(given, path)

    def _condition(self, given: object, path: str) -> Definition:
        if not isinstance(given, Mapping) or set(given) - {"field", "type", "op", "value"}:
            self._refuse(path, 'Give {"field", "op", "value"}, and the "type" of a custom field.')
            return {}
        field = self._field(given, path)
        if field is None:
            return {}
        operator = field.find(given.get("op"))
        if operator is None:
            self._refuse(_join(path, "op"), f"Choose one of {', '.join(one.key for one in field.operators)}.")
            return {}
        clean = {"field": given["field"].strip(), "op": operator.key}
        if clean["field"].startswith(ATTRIBUTE):
            clean["type"] = given.get("type", TEXT_TYPE)
        if operator.takes is Takes.NOTHING:
            return clean
        try:
            return clean | {"value": read_value(field, operator, given.get("value"))}
        except ValueError as error:
            self._refuse(_join(path, "value"), str(error))
            return {}

    def _field(self, given: Mapping[str, Any], path: str) -> Field | None:
        key, kind = given.get("field"), given.get("type", TEXT_TYPE)
        if not isinstance(key, str) or "\x00" in key or len(key) > MAX_FIELD:
            self._refuse(_join(path, "field"), "Choose a field.")
            return None
        if not isinstance(kind, str) or kind not in TYPES:
            self._refuse(_join(path, "type"), f"Choose one of {', '.join(TYPES)}.")
            return None
        field = find_field(key.strip(), kind)
        if field is None:
            self._refuse(_join(path, "field"), "Choose a field." if not key else f"There is no field “{key[:40]}”.")
        return field

    def _refuse(self, path: str, words: str) -> None:
        self.errors.setdefault(path, words)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# ---------------------------------------------------------------- values


def read_value(field: Field, operator: Operator, value: object) -> Any:
    """`value` as it is kept. Raises ValueError with a sentence for a person."""
    if operator.takes is Takes.CHOICE:
        return _choice(field, value)
    if operator.takes is Takes.DAYS:
        return _days(value, MAX_ANNIVERSARY_DAYS if operator.key == "anniversary" else MAX_DAYS)
    return _READERS[operator.takes](value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("Write the words to compare with.")
    if len(value) > MAX_TEXT or "\x00" in value:
        raise ValueError(f"Write at most {MAX_TEXT} characters.")
    return value.strip()


def _phone(value: object) -> str:
    digits = re.sub(r"[\s()./-]", "", _text(value)).removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
        raise ValueError("Write a number, or its first digits, with the country code: +27 82.")
    return digits


def _number(value: object) -> int | float:
    text = str(value).strip() if isinstance(value, int | float | str) else ""
    if not _NUMBER.fullmatch(text) or abs(Decimal(text)) > _LARGEST:
        raise ValueError("Write a number, such as 100 or 12.5.")
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _numbers(value: object) -> list[int | float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("Write two numbers, the smaller one first.")
    low, high = _number(value[0]), _number(value[1])
    if low > high:
        raise ValueError("The first number is larger than the second. Swap them.")
    return [low, high]


def _date(value: object) -> str:
    words = "Give a date, such as 2026-11-27."
    if not isinstance(value, str) or not _DAY.fullmatch(value.strip()):
        raise ValueError(words)
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise ValueError(words) from None


def _days(value: object, most: int) -> int:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and int(text) <= most):
        raise ValueError(f"Give whole days, from 0 (today) to {most:,}.")
    return int(text)


def _tags(value: object) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and "\x00" not in name for name in names):
        raise ValueError("Give a list of tags.")
    first_spelling: dict[str, str] = {}
    for name in names:
        if name.strip():
            first_spelling.setdefault(name.strip().casefold(), name.strip()[:MAX_TEXT])
    if not first_spelling:
        raise ValueError("Choose at least one tag.")
    if len(first_spelling) > MAX_TAGS:
        raise ValueError(f"Choose at most {MAX_TAGS} tags.")
    return list(first_spelling.values())


def _choice(field: Field, value: object) -> str:
    found = field.choices.read(value) if field.choices and isinstance(value, str) else None
    if found is None:
        raise ValueError(f"Choose a {field.words.split()[0].lower()} from the list.")
    return found


def _broadcast(value: object) -> int:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text)):
        raise ValueError("Choose a broadcast.")
    return int(text)


def _purchase(value: object) -> str:
    """A product's number, after it the statuses that count, and before it a shop: `3/101 completed, processing`."""
    found = _PURCHASE.fullmatch(str(value).strip().lower()) if isinstance(value, str | int) else None
    if found is None:
        raise ValueError("Write the product's number and the statuses that count: 101 completed, processing.")
    shop, product, rest = found.groups()
    statuses = list(dict.fromkeys(one.removeprefix("wc-") for one in re.split(r"[\s,]+", rest or "") if one))
    if len(statuses) > MAX_STATUSES or not all(_STATUS.fullmatch(one) for one in statuses):
        raise ValueError("Write statuses by their short names in WooCommerce: completed, on-hold.")
    return purchase_value(int(product), statuses, int(shop) if shop else None)


def purchase_value(product_id: int, statuses: Sequence[str], shop_id: int | None = None) -> str:
    """The value of "bought … in an order": no statuses mean every order that was not called off."""
    number = f"{shop_id}/{product_id}" if shop_id else str(product_id)
    return f"{number} {', '.join(statuses)}".strip()


def read_purchase(value: str) -> tuple[int | None, int, list[str]]:
    """(shop, product, statuses) of a clean value."""
    number, _, statuses = value.partition(" ")
    shop, _, product = number.rpartition("/")
    return int(shop) if shop else None, int(product), [one for one in statuses.split(", ") if one]


_READERS = {
    Takes.TEXT: _text,
    Takes.PHONE: _phone,
    Takes.NUMBER: _number,
    Takes.NUMBERS: _numbers,
    Takes.DATE: _date,
    Takes.TAGS: _tags,
    Takes.BROADCAST: _broadcast,
    Takes.PURCHASE: _purchase,
}
