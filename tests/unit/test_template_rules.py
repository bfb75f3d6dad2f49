"""What is said about a template before Meta is asked."""

from typing import Any

import pytest

from wotnot.services.template_rules import check_template, errors_of, infer_format, shape_problem
from wotnot.services.whatsapp.components import list_variables

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
        (carousel(card(), card("x" * 161)), "Card 2: the text is too long"),
        (carousel(card(), card("{{1}} is here.")), "Card 2: a variable stands at the start"),
        (carousel(card(shape="TEXT"), card(shape="TEXT")), "Card 1: there is no picture or video"),
        (carousel(*[card("Here.", "IMAGE", LINK, QUICK, QUICK)] * 2), "Card 1: there are too many buttons"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Call us on [phone] today.", "“[phone]” looks like something still to be filled in"),
        ("See it at <your link>.", "“<your link>” looks like something still to be filled in"),
        ("Your code is XXXX.", "“XXXX” looks like something still to be filled in"),
        ("Read it on www.example.com.", "The link leads to www.example.com"),
        ("Read it on https://shop.example/menu.", "The link leads to shop.example"),
        ("Bring [it] or {{1}} along, see [1] and a <b.", "“[it]” looks like something still to be filled in"),
        ("Open on weekdays [we are closed on public holidays].", None),
        ("Three < four and 2 > 1; see [12].", None),
        ("Write to hello@counterexample.com or example.community.", None),
        ("Extra XL sizes, for example. Come in.", None),
    ],
)
def test_gaps_and_links_to_nowhere_are_doubts(text: str, said: str | None) -> None:
    sample = ("Ana",) if "{{1}}" in text else ()
    findings = check_template(**body(text, *sample))
    assert [finding.text for finding in findings] == ([said] if said else [])
    assert {finding.level for finding in findings} <= {"warning"}


def test_doubts_are_said_beside_the_button_and_the_card() -> None:
    link = LINK | {"url": "https://www.example.com/a?to=my.example"}
    doubts = check_template(**buttons(link, QUICK | {"text": "Ask [name]"}))
    assert [(one.field, one.level) for one in doubts] == [("button-0", "warning"), ("button-1", "warning")]
    real = LINK | {"url": "https://shop.co.za/why-example.com-is-not-ours"}
    assert check_template(**buttons(real)) == []
    cards = carousel(card("Our oil, [price].", "IMAGE", real), card("Our oil is here.", "IMAGE", real))
    assert [one.field for one in check_template(**cards)] == ["card-0"]


FLOW = {"type": "FLOW", "text": "Book", "flow_id": "1187", "flow_action": "navigate", "navigate_screen": "START"}


@pytest.mark.parametrize(
    ("button", "said"),
    [
        (FLOW, None),
        (FLOW | {"flow_action": "data_exchange", "navigate_screen": ""}, None),
        ({"type": "FLOW", "text": "Book", "flow_name": "booking"}, None),
        (FLOW | {"flow_id": ""}, "Button 1 opens no flow"),
        (FLOW | {"flow_id": "my flow"}, "The flow of button 1 is not a number"),
        (FLOW | {"navigate_screen": " "}, "Button 1 does not say which screen comes first"),
        ({"type": "COPY_CODE", "example": "SPRING20"}, None),
        ({"type": "COPY_CODE", "example": ["SPRING20"]}, None),
        ({"type": "COPY_CODE"}, "Button 1 has no sample code"),
        ({"type": "COPY_CODE", "example": "x" * 16}, "The code of button 1 is too long"),
        ({"type": "CATALOG", "text": "View catalog"}, None),
        (LINK | {"url": "https://shop.co\u2100m/x"}, "Button 1 has no full address"),
    ],
)
def test_the_other_buttons(button: dict[str, Any], said: str | None) -> None:
    errors = [one.text for one in check_template(**buttons(button)) if one.level == "error"]
    assert errors == ([said] if said else [])


def code(*, minutes: Any = None, **button: Any) -> dict[str, Any]:
    footer = [] if minutes is None else [{"type": "FOOTER", "code_expiration_minutes": minutes}]
    row = {"type": "OTP", "otp_type": "COPY_CODE"} | button
    components = [{"type": "BODY", "add_security_recommendation": True}, *footer, {"type": "BUTTONS", "buttons": [row]}]
    return GOOD | {"category": "AUTHENTICATION", "components": components}


APP = {"package_name": "com.example.shop", "signature_hash": "K8a/AINcGX7"}


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (code(), None),
        (code(minutes=90), None),
        (code(otp_type="ONE_TAP", supported_apps=[APP]), None),
        (code(otp_type="ZERO_TAP", supported_apps=[APP], zero_tap_terms_accepted=True), None),
        (code(minutes=0), "code_minutes"),
        (code(minutes=91), "code_minutes"),
        (code(minutes="ten"), "code_minutes"),
        (code(minutes=True), "code_minutes"),
        (code(otp_type="TELEPATHY"), "code_type"),
        (code(otp_type="ONE_TAP"), "code_package"),
        (code(otp_type="ONE_TAP", supported_apps=[APP] * 6), "code_package"),
        (code(otp_type="ONE_TAP", supported_apps=[APP | {"package_name": "shop"}]), "code_package"),
        (code(otp_type="ONE_TAP", supported_apps=[APP | {"signature_hash": "short"}]), "code_signature"),
        (code(otp_type="ZERO_TAP", supported_apps=[APP]), "code_terms"),
        (code(text="x" * 26), "code_text"),
        (code(autofill_text="x" * 26), "code_autofill"),
    ],
)
def test_a_one_time_code(draft: dict[str, Any], field: str | None) -> None:
    assert list(errors_of(check_template(**draft))) == ([field] if field else [])


def test_a_card_without_a_file_or_a_real_value_is_said_by_its_number() -> None:
    bare = {"type": "HEADER", "format": "VIDEO"}
    link = LINK | {"url": "https://shop.co.za/{{1}}"}
    parts_ = [bare, {"type": "BODY", "text": "Our {{1}} is here."}, {"type": "BUTTONS", "buttons": [link]}]
    errors = errors_of(check_template(**carousel(*[{"components": parts_}] * 2)))
    assert errors["sample-card.1.header.video"] == [
        "The video of card 2 has no sample. Choose a file: Meta's reviewers want to see a real one."
    ]
    assert errors["sample-card.0.1"][0].startswith("Variable 1 of card 1 has no sample")
    assert errors["sample-card.0.button.0"][0].startswith("Button 1 of card 1 has no sample")


def test_a_variable_of_thousands_of_digits_is_refused_in_words() -> None:
    components = [{"type": "BODY", "text": "Hi {{" + "1" * 5000 + "}}, welcome to our shop in town."}]
    found = check_template(
        name="news", language="en", category="MARKETING", components=components, parameter_format="POSITIONAL"
    )
    assert "body" in errors_of(found)
    assert list_variables(components) == []
