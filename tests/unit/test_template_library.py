"""The library's messages: each one is fit to be sent, and no two are alike."""

from collections import Counter

import pytest

from sandbox.template_rules import check_template as check_as_meta
from wotnot.blueprints.template_form import BUTTON_TYPES, TemplateValues
from wotnot.errors import NotFound
from wotnot.services.template_library import TRADES, LibraryTemplate, count_by_trade, get_from_library, list_library
from wotnot.services.template_rules import MAX_LABEL
from wotnot.services.whatsapp.components import fill_text

ALL = list_library()
each = pytest.mark.parametrize("template", ALL, ids=lambda template: template.slug)


@each
def test_nothing_can_be_said_against_a_message(template: LibraryTemplate) -> None:
    """But that its links lead nowhere: they are there to be replaced."""
    findings = TemplateValues.from_library(template).findings()
    links = sum(button.type == "URL" for button in template.buttons)
    assert [finding.text for finding in findings] == ["The link leads to www.example.com"] * links


@each
def test_meta_takes_a_message(template: LibraryTemplate) -> None:
    values = TemplateValues.from_library(template)
    check_as_meta(
        {
            "name": values.name,
            "language": values.language,
            "category": values.category,
            "parameter_format": values.parameter_format,
            "components": values.components,
        }
    )


@each
def test_samples_fill_every_variable_and_nothing_else(template: LibraryTemplate) -> None:
    values = TemplateValues.from_library(template)
    assert values.parameter_format == "NAMED"
    assert {variable.key for variable in values.variables} == set(template.samples)
    message = fill_text(values.components, template.samples)
    assert "missing" not in {kind for kind, _ in message.body}
    assert "{{" not in str(message)


@each
def test_words_are_those_of_a_shop_and_not_of_a_shouter(template: LibraryTemplate) -> None:
    text = " ".join((template.header, template.body, *(button.text for button in template.buttons)))
    assert text.count("!") <= 1
    assert not [word for word in text.split() if word.isalpha() and word.isupper() and len(word) > 1]
    assert sum(ord(sign) > 0x2FFF for sign in text) <= 2, "a few emoji at most"
    assert template.body == template.body.strip()
    assert "\n\n\n" not in template.body
    assert 60 <= len(template.body) <= 600
    assert template.title[0].isupper()
    assert template.use_when.endswith(".")


@each
def test_marketing_says_how_to_opt_out_and_utility_does_not_need_to(template: LibraryTemplate) -> None:
    assert template.category in {"MARKETING", "UTILITY"}
    assert ("STOP" in template.footer) == (template.category == "MARKETING")


@each
def test_buttons_are_those_of_the_editor(template: LibraryTemplate) -> None:
    for button in template.buttons:
        assert button.type in BUTTON_TYPES
        assert len(button.text) <= MAX_LABEL
        assert bool(button.value) == (button.type != "QUICK_REPLY")
        # Whoever forgets to put an address of their own leads nobody to a stranger.
        assert button.type != "URL" or button.value.startswith("https://www.example.com/")
        assert button.type != "PHONE_NUMBER" or button.value.startswith("+27 21 555 01")


@pytest.mark.parametrize("part", ["slug", "name", "title", "use_when", "body"])
def test_no_two_are_alike(part: str) -> None:
    assert [text for text, times in Counter(getattr(one, part) for one in ALL).items() if times > 1] == []


def test_every_trade_has_enough_of_both_kinds() -> None:
    assert len(ALL) >= 40
    assert set(count_by_trade(ALL)) == set(TRADES)
    for trade, count in count_by_trade(ALL).items():
        assert count >= 6, trade
        assert {one.category for one in list_library(trade)} == {"MARKETING", "UTILITY"}, trade
        assert all(one.slug.startswith(f"{trade}-") for one in list_library(trade))


def test_filters_narrow_each_other() -> None:
    assert [one.slug for one in list_library("school", "UTILITY", "fees")] == ["school-fees-due"]
    assert list_library("school", "MARKETING", "absence") == []
    assert list_library("bakery") == []
    assert list_library(category="AUTHENTICATION") == []


@pytest.mark.parametrize("search", ["parcel courier", "  COURIER   Parcel ", "order_on_its_way", "shops warehouse"])
def test_every_word_counts_in_any_order_and_case(search: str) -> None:
    assert [one.slug for one in list_library(search=search)] == ["retail-order-on-its-way"]


def test_without_words_everything_is_found() -> None:
    assert list_library(search="   ") == ALL
    assert list_library(search="zebra crossing") == []


def test_a_message_is_found_by_its_slug() -> None:
    assert get_from_library("clinic-results-ready").title == "Results can be seen"
    for slug in ("", "no-such-thing", "../retail"):
        with pytest.raises(NotFound):
            get_from_library(slug)
