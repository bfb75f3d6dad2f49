"""Values of a template from what is known about a person."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from wotnot.services.personalise import fill_values, first_name, value_of


@dataclass
class Someone:
    name: str = "Naledi Mokoena"
    phone: str | None = "27825550142"
    email: str = "naledi@example.com"
    attributes: dict[str, Any] = field(default_factory=lambda: {"city": "Cape Town", "age": 33, "note": None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Naledi Mokoena"),
        ("first_name", "Naledi"),
        ("phone", "+27825550142"),
        ("email", "naledi@example.com"),
        ("city", "Cape Town"),
        ("age", "33"),
        ("note", ""),
        ("unheard_of", ""),
    ],
)
def test_a_field_or_attribute_by_name(name: str, value: str) -> None:
    assert value_of(name, Someone()) == value


def test_fallbacks_and_missing_values_are_told_apart() -> None:
    variables = {
        "1": {"field": "first_name", "fallback": "there"},
        "2": {"text": "20%"},
        "3": {"field": "town"},
        "4": {"field": "city", "fallback": "here"},
    }
    filled = fill_values(variables, Someone(name="  "))
    assert filled.values == {"1": "there", "2": "20%", "4": "Cape Town"}
    assert filled.fallbacks == {"1"}
    assert filled.missing == {"3"}


def test_nobody_has_an_empty_first_name_crash() -> None:
    assert first_name("   ") == ""
    assert value_of("phone", Someone(phone=None)) == ""
