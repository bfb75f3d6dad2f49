"""What a broadcast's audience, exclusions and variables may look like."""

import pytest

from wotnot.errors import Invalid
from wotnot.services.audience_rules import MAX_LISTED, clean_audience, clean_exclude, clean_variables


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ({"all": True}, {"all": True}),
        ({"tags": [" VIP ", "vip", "News"]}, {"tags": ["VIP", "News"]}),
        ({"contact_ids": [7, 3, 7]}, {"contact_ids": [3, 7]}),
        ({"phones": ["082 555 0142", "+27825550142", "+44 7400 123456"]}, {"phones": ["27825550142", "447400123456"]}),
    ],
)
def test_an_audience_is_tidied(given: dict[str, object], clean: dict[str, object]) -> None:
    assert clean_audience(given, "ZA") == clean


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"all": False},
        {"all": "yes"},
        {"all": 1},
        {"tags": []},
        {"tags": "vip"},
        {"tags": [""]},
        {"tags": ["a\x00b"]},
        {"tags": [5]},
        {"contact_ids": ["7"]},
        {"contact_ids": [True]},
        {"contact_ids": [0]},
        {"contact_ids": [2**63]},
        {"phones": ["12"]},
        {"contact_ids": list(range(1, MAX_LISTED + 2))},
        {"all": True, "tags": ["vip"]},
        {"segment": 5},
        {"all": True, "segment": 5},
    ],
)
def test_what_is_no_audience_is_refused_on_its_field(given: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refusal:
        clean_audience(given, "ZA")
    assert set(refusal.value.errors) == {"audience"}


def test_wrong_numbers_are_named_one_by_one_but_not_without_end() -> None:
    with pytest.raises(Invalid) as refusal:
        clean_audience({"phones": ["+27825550142", "12", *["x"] * 50]}, "ZA")
    sentences = refusal.value.errors["audience"]
    assert sentences[0].startswith("phones, entry 2: ")
    assert sentences[-1] == "… and 31 more."


def test_people_are_left_out_by_tag_only() -> None:
    assert clean_exclude({"tags": ["a", "A"]}) == {"tags": ["a"]}
    assert clean_exclude({}) == {}
    for wrong in ({"phones": ["+27825550142"]}, {"tags": "a"}, {"tags": [None]}):
        with pytest.raises(Invalid):
            clean_exclude(wrong)


def test_variables_are_texts_or_fields() -> None:
    given = {
        "1": {"field": "name", "fallback": " there "},
        "2": {"text": " 20% "},
        "3": {"field": "city", "fallback": ""},
    }
    assert clean_variables(given) == {
        "1": {"field": "name", "fallback": "there"},
        "2": {"text": "20%"},
        "3": {"field": "city"},
    }


@pytest.mark.parametrize(
    "source",
    [
        "name",
        None,
        {},
        {"text": ""},
        {"text": 5},
        {"field": ""},
        {"text": "a", "field": "b"},
        {"text": "x" * 1025},
        {"text": "\x00"},
    ],
)
def test_a_variable_that_says_nothing_is_named(source: object) -> None:
    with pytest.raises(Invalid) as refusal:
        clean_variables({"1": source, "2": {"text": "fine"}})
    assert set(refusal.value.errors) == {"variables.1"}


@pytest.mark.parametrize(
    "source",
    [{"field": "name"}, {"text": "spring picture"}, {"field": "picture", "fallback": "no"}, {"field": "phone"}],
)
def test_a_header_file_is_an_address_or_an_uploaded_file(source: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        clean_variables({"header.image": source, "1": {"text": "fine"}})
    assert list(caught.value.errors) == ["variables.header.image"]


@pytest.mark.parametrize(
    "source", [{"text": "https://shop.example/a.jpg"}, {"text": "910000000000001"}, {"field": "photo"}]
)
def test_what_can_be_a_header_file(source: dict[str, str]) -> None:
    assert clean_variables({"header.image": source}) == {"header.image": source}


@pytest.mark.parametrize("key", ["header.image", "card.1.header.video", "header.document"])
def test_a_header_may_be_a_file_of_the_library(key: str) -> None:
    assert clean_variables({key: {"file_id": 12}}) == {key: {"file_id": 12}}


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("1", {"file_id": 12}),
        ("header.1", {"file_id": 12}),
        ("header.image", {"file_id": "12"}),
        ("header.image", {"file_id": True}),
        ("header.image", {"file_id": 0}),
        ("header.image", {"file_id": 2**63}),
        ("header.image", {"file_id": 12, "text": "https://shop.example/a.jpg"}),
    ],
)
def test_what_is_no_file_of_the_library(key: str, source: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        clean_variables({key: source})
    assert list(caught.value.errors) == [f"variables.{key}"]
