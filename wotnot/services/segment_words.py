"""A segment's definition as a sentence: "Tags include one of VIP, News and “City” is “Paarl”". Pure."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from wotnot.services.segment_fields import TEXT_TYPE, Field, Operator, Takes, find_field
from wotnot.services.segment_rules import Condition, read_purchase
from wotnot.services.woocommerce.orders import status_words
from wotnot.services.zones import begin_sentence

Names = Mapping[int, str]
_JOINS = {"all": " and ", "any": " or "}
_SHOWN_TAGS = 5


def say_definition(definition: Mapping[str, Any], broadcasts: Names) -> str:
    """A clean definition in words; `broadcasts` are the names of those it speaks of."""
    return begin_sentence(_say_group(definition, broadcasts))


def _say_group(group: Mapping[str, Any], broadcasts: Names) -> str:
    parts = [
        _in_brackets(one, broadcasts) if "conditions" in one else _say_condition(one, broadcasts)
        for one in group.get("conditions", ())
    ]
    return _JOINS[group.get("match", "all")].join(parts)


def _in_brackets(group: Mapping[str, Any], broadcasts: Names) -> str:
    words = _say_group(group, broadcasts)
    return f"({words})" if len(group["conditions"]) > 1 else words


def _say_condition(condition: Condition, broadcasts: Names) -> str:
    field = find_field(condition["field"], condition.get("type", TEXT_TYPE))
    operator = field.find(condition["op"]) if field else None
    if field is None or operator is None:
        return "something that is not known any more"
    value = _say_value(field, operator, condition.get("value"), broadcasts)
    sentence = operator.said or f"{field.words[:1].lower()}{field.words[1:]} {operator.words}"
    return sentence.replace("…", value) if "…" in sentence else f"{sentence} {value}".strip()


def _say_value(field: Field, operator: Operator, value: Any, broadcasts: Names) -> str:
    if operator.takes is Takes.NOTHING:
        return ""
    if operator.takes is Takes.CHOICE and field.choices:
        return field.choices.say(value)
    if operator.takes is Takes.BROADCAST:
        return f"“{broadcasts[value]}”" if value in broadcasts else "a broadcast that is gone"
    return _SAYERS.get(operator.takes, lambda one: f"“{one}”")(value)


def _say_tags(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_TAGS} more" if len(names) > _SHOWN_TAGS else ""
    return ", ".join(names[:_SHOWN_TAGS]) + more


def _say_purchase(value: str) -> str:
    _, product_id, statuses = read_purchase(value)
    words = " or ".join(f"“{status_words(one)}”" for one in statuses)
    return f"{product_id} in an order that is {words}" if words else str(product_id)


_SAYERS: dict[Takes, Callable[[Any], str]] = {
    Takes.TAGS: _say_tags,
    Takes.NUMBERS: lambda pair: f"{pair[0]:,} and {pair[1]:,}",
    Takes.NUMBER: lambda number: f"{number:,}",
    Takes.DAYS: lambda days: f"{days:,}",
    Takes.DATE: lambda day: f"{date.fromisoformat(day):%-d %b %Y}",
    Takes.PHONE: lambda digits: f"+{digits}",
    Takes.PURCHASE: _say_purchase,
}
