"""What a segment's definition may look like, and how it is said."""

from typing import Any

import pytest

from wotnot.errors import Invalid
from wotnot.services import segment_sql
from wotnot.services.segment_fields import FIELDS, TYPES, Takes, find_field
from wotnot.services.segment_rules import MAX_CONDITIONS, clean_definition, is_fleeting, list_broadcast_ids
from wotnot.services.segment_words import say_definition

VIP = {"field": "tags", "op": "any", "value": ["VIP"]}


def alone(**condition: Any) -> dict[str, Any]:
    return {"match": "all", "conditions": [condition]}


def refused(definition: object) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refusal:
        clean_definition(definition)
    return refusal.value.errors


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"field": "tags", "op": "any", "value": [" VIP ", "vip", "", "News"]}, ["VIP", "News"]),
        ({"field": "name", "op": "contains", "value": "  Ann "}, "Ann"),
        ({"field": "phone", "op": "starts_with", "value": "+27 (82)"}, "2782"),
        ({"field": "country", "op": "is", "value": "za"}, "ZA"),
        ({"field": "language", "op": "is_not", "value": "Deutsch"}, "de"),
        ({"field": "consent", "op": "is", "value": "opted_in"}, "opted_in"),
        ({"field": "created", "op": "last_days", "value": "7"}, 7),
        ({"field": "created", "op": "on", "value": "2028-02-29"}, "2028-02-29"),
        ({"field": "broadcast", "op": "not_read", "value": "12"}, 12),
        ({"field": "attribute:points", "type": "number", "op": "more", "value": "12.50"}, 12.5),
        ({"field": "attribute:points", "type": "number", "op": "between", "value": ["1", 2]}, [1, 2]),
        ({"field": "attribute:City", "op": "is", "value": "Paarl"}, "Paarl"),
    ],
)
def test_values_are_tidied(given: dict[str, Any], kept: object) -> None:
    clean = clean_definition(alone(**given))
    assert clean["conditions"][0]["value"] == kept
    assert clean_definition(clean) == clean, "what is stored can be stored again"


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "tags", "op": "any", "value": []},
        {"field": "tags", "op": "any", "value": [5]},
        {"field": "name", "op": "is", "value": "  "},
        {"field": "name", "op": "is", "value": "a\x00"},
        {"field": "name", "op": "is", "value": "x" * 201},
        {"field": "name", "op": "is", "value": ["Ann"]},
        {"field": "phone", "op": "is", "value": "my phone"},
        {"field": "country", "op": "is", "value": "Narnia"},
        {"field": "language", "op": "is", "value": "Klingon"},
        {"field": "consent", "op": "is", "value": "yes"},
        {"field": "created", "op": "on", "value": "2026-02-30"},
        {"field": "created", "op": "on", "value": "27.11.2026"},
        {"field": "created", "op": "last_days", "value": -1},
        {"field": "created", "op": "last_days", "value": 3651},
        {"field": "created", "op": "last_days", "value": True},
        {"field": "created", "op": "last_days", "value": "٣"},
        {"field": "broadcast", "op": "read", "value": 0},
        {"field": "broadcast", "op": "read", "value": True},
        {"field": "attribute:points", "type": "number", "op": "more", "value": "many"},
        {"field": "attribute:points", "type": "number", "op": "more", "value": True},
        {"field": "attribute:points", "type": "number", "op": "more", "value": float("nan")},
        {"field": "attribute:points", "type": "number", "op": "between", "value": [2, 1]},
        {"field": "attribute:points", "type": "number", "op": "between", "value": [2]},
        {"field": "attribute:born", "type": "date", "op": "anniversary", "value": 367},
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_path(condition: dict[str, Any]) -> None:
    definition = {"match": "any", "conditions": [VIP, {"match": "all", "conditions": [VIP, condition]}]}
    assert list(refused(definition)) == ["conditions.1.conditions.1.value"]


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        (None, "definition"),
        ([], "definition"),
        ({"match": "all", "conditions": [VIP], "sql": "true"}, "definition"),
        ({"match": "some", "conditions": [VIP]}, "match"),
        ({"match": "all", "conditions": []}, "conditions"),
        ({"match": "all", "conditions": "VIP"}, "conditions"),
        ({"match": "all", "conditions": [{"match": "any", "conditions": []}]}, "conditions.0.conditions"),
        ({"conditions": [{"conditions": [{"conditions": [VIP]}]}]}, "conditions.0.conditions.0"),
        (alone(field="shoe size", op="is", value="44"), "conditions.0.field"),
        (alone(op="is", value="44"), "conditions.0.field"),
        (alone(field="attribute:", op="is", value="44"), "conditions.0.field"),
        (alone(field="attribute:x", type="colour", op="is", value="44"), "conditions.0.type"),
        (alone(field="attribute:x", type=[], op="is", value="44"), "conditions.0.type"),
        (alone(field="name", op="more", value="44"), "conditions.0.op"),
        (alone(field="name", op=["is"], value="44"), "conditions.0.op"),
        (alone(field="name", op="is", value="44", extra=1), "conditions.0"),
        ({"conditions": ["name"]}, "conditions.0"),
        ({"conditions": [VIP] * (MAX_CONDITIONS + 1)}, "conditions"),
        ({"conditions": [VIP, {"conditions": [VIP] * MAX_CONDITIONS}]}, "conditions"),
    ],
)
def test_a_definition_that_cannot_be_is_named_by_its_path(definition: object, path: str) -> None:
    assert list(refused(definition)) == [path]


def test_a_day_without_a_day_after_it_is_refused() -> None:
    assert set(refused(alone(field="created", op="before", value="9999-12-31"))) == {"conditions.0.value"}


def test_all_complaints_come_together_below_a_root() -> None:
    with pytest.raises(Invalid) as refusal:
        clean_definition({"match": "x", "conditions": [{"field": "name", "op": "is"}, 5]}, "definition")
    assert set(refusal.value.errors) == {
        "definition.match",
        "definition.conditions.0.value",
        "definition.conditions.1",
    }


def test_what_needs_no_value_keeps_none() -> None:
    clean = clean_definition(alone(field="email", op="empty", value="whatever"))
    assert clean["conditions"] == [{"field": "email", "op": "empty"}]


def test_every_field_that_can_be_asked_for_can_be_compiled() -> None:
    """The two registries belong together: a condition is an entry in both."""
    assert FIELDS.keys() == segment_sql.CONDITIONS.keys()
    assert TYPES.keys() == segment_sql._TYPED.keys()
    fates = {one.key for one in FIELDS["broadcast"].operators}
    assert fates == segment_sql._FATES.keys()


def test_choices_can_be_read_back() -> None:
    for field in FIELDS.values():
        if field.choices:
            for value, _ in field.choices.list():
                assert field.choices.read(value) == value
                assert field.choices.say(value)


def test_only_what_speaks_of_messages_is_fleeting() -> None:
    assert not is_fleeting({"match": "all", "conditions": [VIP]})
    nested = {"conditions": [VIP, {"conditions": [{"field": "broadcast", "op": "read", "value": 4}]}]}
    assert is_fleeting(clean_definition(nested))
    assert list_broadcast_ids(clean_definition(nested)) == {4}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (VIP, "Tags include one of VIP"),
        ({"field": "name", "op": "starts_with", "value": "An"}, "Name starts with “An”"),
        ({"field": "email", "op": "empty"}, "E-mail is empty"),
        ({"field": "country", "op": "is", "value": "ZA"}, "Country of the number is South Africa"),
        ({"field": "created", "op": "last_days", "value": 30}, "Day they were added is in the last 30 days"),
        ({"field": "created", "op": "on", "value": "2026-11-05"}, "Day they were added is on 5 Nov 2026"),
        ({"field": "last_in", "op": "never"}, "Never wrote to you"),
        ({"field": "broadcast", "op": "not_read", "value": 4}, "Did not read “Spring”"),
        ({"field": "broadcast", "op": "read_not_replied", "value": 4}, "Read “Spring” and did not reply"),
        ({"field": "broadcast", "op": "read", "value": 5}, "Read a broadcast that is gone"),
        (
            {"field": "attribute:points", "type": "number", "op": "between", "value": [1000, 2000]},
            "“points” is between 1,000 and 2,000",
        ),
    ],
)
def test_conditions_in_words(condition: dict[str, Any], words: str) -> None:
    assert say_definition({"match": "all", "conditions": [condition]}, {4: "Spring"}) == words


def test_groups_in_words() -> None:
    nested = {"match": "any", "conditions": [VIP, {"match": "all", "conditions": [VIP, VIP]}]}
    assert (
        say_definition(nested, {}) == "Tags include one of VIP or (tags include one of VIP and tags include one of VIP)"
    )


def test_every_operator_has_words_that_fit_its_value() -> None:
    fields = [*FIELDS, *(f"attribute:{kind}" for kind in TYPES)]
    for key in fields:
        field = find_field(key, key.removeprefix("attribute:") if ":" in key else "text")
        assert field is not None
        for operator in field.operators:
            assert ("…" in operator.words) == (operator.takes is Takes.DAYS), operator
            assert not operator.said or ("…" in operator.said) == (operator.takes is not Takes.NOTHING), operator


def test_a_group_of_one_needs_no_brackets() -> None:
    nested = {"match": "all", "conditions": [VIP, {"match": "any", "conditions": [{"field": "last_in", "op": "ever"}]}]}
    assert say_definition(nested, {}) == "Tags include one of VIP and ever wrote to you"
