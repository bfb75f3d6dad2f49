"""What is said about a template before Meta is asked."""

from typing import Any

import pytest

from wotnot.services.template_rules import check_template, errors_of, infer_format, shape_problem

GOOD: dict[str, Any] = {
    "name": "order_update",
    "language": "en",
    "category": "UTILITY",
    "parameter_format": "POSITIONAL",
    "components": [
        {"type": "BODY", "text": "Hi {{1}}, your order {{2}} is ready.", "example": {"body_text": [["Ana", "7"]]}},
    ],
}


def body(text: str, *samples: str) -> dict[str, Any]:
    example = {"example": {"body_text": [list(samples)]}} if samples else {}
    return GOOD | {"components": [{"type": "BODY", "text": text, **example}]}


def named(text: str, **samples: str) -> dict[str, Any]:
    params = [{"param_name": name, "example": value} for name, value in samples.items()]
    component = {"type": "BODY", "text": text, "example": {"body_text_named_params": params}}
    return GOOD | {"parameter_format": "NAMED", "components": [component]}


def parts(*components: dict[str, Any]) -> dict[str, Any]:
    return GOOD | {"components": [*GOOD["components"], *components]}


def buttons(*rows: dict[str, Any]) -> dict[str, Any]:
    return parts({"type": "BUTTONS", "buttons": list(rows)})


QUICK = {"type": "QUICK_REPLY", "text": "Yes"}
LINK = {"type": "URL", "text": "Shop", "url": "https://shop.example/a"}
CALL = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+27215550140"}


def header(text: str, **rest: Any) -> dict[str, Any]:
    return parts({"type": "HEADER", "format": "TEXT", "text": text, **rest})


@pytest.mark.parametrize(
    "draft",
    [
        GOOD,
        named("Hi {{first_name}}, see you in {{city}} soon.", first_name="Ana", city="Bonn"),
        body("No variables at all"),
        GOOD | {"components": [{"type": "BODY", "text": "Hello dear {{1}}!", "example": {"body_text": ["Ana"]}}]},
        header("Order {{1}}", example={"header_text": ["7"]}),
        buttons(QUICK, QUICK | {"text": "No"}, LINK, CALL),
        buttons(LINK, CALL, QUICK),
        buttons(LINK | {"url": "https://shop.example/{{1}}", "example": ["https://shop.example/x"]}),
        GOOD | {"language": "pt_BR", "name": "a" * 512, "category": "marketing"},
        GOOD
        | {
            "category": "AUTHENTICATION",
            "components": [
                {"type": "BODY"},
                {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
            ],
        },
    ],
)
def test_what_meta_takes_is_let_through(draft: dict[str, Any]) -> None:
    assert errors_of(check_template(**draft)) == {}


@pytest.mark.parametrize(
    ("draft", "field", "words"),
    [
        (GOOD | {"name": ""}, "name", "no name"),
        (GOOD | {"name": "Order Update"}, "name", "other characters"),
        (GOOD | {"name": "a" * 513}, "name", "too long"),
        (GOOD | {"language": "English"}, "language", "not a code"),
        (GOOD | {"category": "NEWS"}, "category", "missing"),
        (GOOD | {"category": "AUTHENTICATION"}, "category", "fixed form"),
        (body("  "), "body", "empty"),
        (body("x" * 1025), "body", "1,025 of 1,024"),
        (body("{{1}} is your code today", "7"), "body", "at the start"),
        (body("Your code today is {{1}}", "7"), "body", "at the end"),
        (body("Hello there {{1}}{{2}} and welcome to us", "a", "b"), "body", "side by side"),
        (body("Hi {{1}} and {{2}} x", "a", "b"), "body", "so few words"),
        (body("Hello dear {{1}} and {{3}}, welcome here!", "a", "b"), "body", "in order"),
        (body("Hello dear {{1}} and {{name}}, welcome here!", "a", "b"), "body", "mixed"),
        (body("Hello dear {{1}, welcome"), "body", "not closed"),
        (header("Order {{2}}", example={"header_text": ["7"]}), "header", "in order"),
        (header("Order {{1}}") | {"parameter_format": "NAMED"}, "header", "mixed"),
        (named("Hello dear {{First Name}}, welcome!", **{"First Name": "x"}), "body", "cannot be a variable's name"),
        (body("Hello dear {{1}}, welcome!"), "sample-1", "no sample"),
        (header("x" * 61), "header", "61 of 60"),
        (header(" "), "header", "empty"),
        (header("{{1}} and {{2}}", example={"header_text": ["a", "b"]}), "header", "more than one variable"),
        (header("*Bold*"), "header", "formatted"),
        (header("Spring 🌿"), "header", "formatted"),
        (header("Order {{1}}"), "sample-header.1", "no sample"),
        (
            parts({"type": "HEADER", "format": "IMAGE"}),
            "sample-header.image",
            "The picture of the header has no sample",
        ),
        (parts({"type": "HEADER", "format": "video"}), "sample-header.video", "The video of the header has no sample"),
        (parts({"type": "HEADER", "format": ["IMAGE"], "text": "A {{1}}"}), "sample-header.1", "no sample"),
        (parts({"type": "FOOTER", "text": "x" * 61}), "footer", "61 of 60"),
        (parts({"type": "FOOTER", "text": "Dear {{1}}"}), "footer", "variable"),
        (buttons(*[QUICK | {"text": str(n)} for n in range(11)]), "buttons", "too many buttons"),
        (buttons(*[LINK | {"text": str(n)} for n in range(3)]), "buttons", "Too many links"),
        (buttons(CALL, CALL | {"text": "Ring"}), "buttons", "Too many phone button"),
        (buttons(QUICK, LINK, QUICK | {"text": "No"}), "buttons", "mixed"),
        (buttons(QUICK, QUICK | {"text": "YES"}), "button-1", "same text"),
        (buttons(QUICK | {"text": "x" * 26}), "button-0", "26 of 25"),
        (buttons(QUICK | {"text": ""}), "button-0", "no text"),
        (buttons(QUICK | {"text": "Dear {{1}}"}), "button-0", "variable"),
        (buttons(LINK | {"url": "shop.example"}), "button-0", "full address"),
        (buttons(LINK | {"url": "javascript:alert(1)"}), "button-0", "full address"),
        (buttons(LINK | {"url": "https://[oops"}), "button-0", "full address"),
        (buttons(LINK | {"url": "https://a b.example"}), "button-0", "full address"),
        (buttons(LINK | {"url": "https://shop.example/{{1}}/x", "example": ["y"]}), "button-0", "not at the end"),
        (buttons(LINK | {"url": "https://shop.example/{{1}}"}), "sample-button.0", "no sample"),
        (buttons(CALL | {"phone_number": "0215550140"}), "button-0", "phone number"),
    ],
)
def test_what_meta_refuses_is_said_beside_its_field(draft: dict[str, Any], field: str, words: str) -> None:
    errors = errors_of(check_template(**draft))
    assert field in errors
    assert any(words in sentence for sentence in errors[field]), errors[field]


def test_an_offer_in_a_utility_template_is_a_doubt_and_not_an_error() -> None:
    draft = body("Hi {{1}}, get 20% off your next order with us.", "Ana")
    doubts = [f for f in check_template(**draft) if f.level == "warning"]
    assert [d.field for d in doubts] == ["category"]
    assert "20% off" in doubts[0].note
    assert errors_of(check_template(**draft)) == {}
    assert check_template(**draft | {"category": "MARKETING"}) == []


def test_the_format_follows_the_names() -> None:
    assert infer_format([{"type": "BODY", "text": "{{1}} {{2}}"}]) == "POSITIONAL"
    assert infer_format([{"type": "BODY", "text": "{{1}}"}, {"type": "HEADER", "text": "{{city}}"}]) == "NAMED"


@pytest.mark.parametrize("components", [None, [], "x", {}, [1], [{}], [{"type": "BODY"}, {"type": "body"}]])
def test_what_is_no_list_of_components_is_said(components: Any) -> None:
    assert shape_problem(components)


def card(text: str = "Our oil is here.", shape: str = "IMAGE", *rows: dict[str, Any]) -> dict[str, Any]:
    head = {"type": "HEADER", "format": shape, "example": {"header_handle": ["4:a:b:c"]}}
    return {"components": [head, {"type": "BODY", "text": text}, {"type": "BUTTONS", "buttons": list(rows or [LINK])}]}


def carousel(*cards: dict[str, Any]) -> dict[str, Any]:
    return parts({"type": "CAROUSEL", "cards": list(cards)})


def offer(text: str, *components: dict[str, Any]) -> dict[str, Any]:
    part = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": text, "has_expiration": True}}
    links = {"type": "BUTTONS", "buttons": [LINK]}
    return parts(part, *(components or [links])) | {"category": "MARKETING"}


@pytest.mark.parametrize(
    ("draft", "expected"),
    [
        (carousel(card(), card()), None),
        (carousel(card()), "The carousel has 1 cards"),
        (carousel(*[card()] * 11), "The carousel has 11 cards"),
        (carousel(card(), card(shape="VIDEO")), "The cards are not built alike"),
        (carousel(card(), card("Our oil is here.", "IMAGE", LINK, QUICK)), "The cards are not built alike"),
        (carousel(card(), card("x" * 161)), "The text of card 2 is too long"),
        (carousel(card(), card("{{1}} is here.")), "The text of card 2 begins or ends with a variable"),
        (carousel(card(shape="TEXT"), card(shape="TEXT")), "Card 1 has no picture or video"),
        (carousel(*[card("Here.", "IMAGE", LINK, QUICK, QUICK)] * 2), "Card 1 has too many buttons"),
        (offer("Ends tonight"), None),
        (offer(""), "The offer has no text"),
        (offer("Ends at the end of May"), "The text of the offer is too long"),
        (offer("Ends tonight") | {"category": "UTILITY"}, "An offer is marketing"),
        (offer("Ends tonight", {"type": "FOOTER", "text": "Bye"}), "An offer leaves no room for a footer"),
        (offer("Ends tonight", {"type": "BUTTONS", "buttons": [QUICK]}), "The offer leads nowhere"),
    ],
)
def test_cards_and_offers(draft: dict[str, Any], expected: str | None) -> None:
    found = [finding.text for finding in check_template(**draft) if finding.level == "error"]
    assert found == [] if expected is None else expected in found
