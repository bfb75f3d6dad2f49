"""What two versions of a template say differently, and what Meta tells of a change."""

from typing import Any

import pytest

from wotnot.services.template_words import (
    ToldWords,
    VariableChange,
    compare_texts,
    compare_variables,
    compare_words,
    has_same_words,
    is_same_message,
    with_told_words,
)

BODY: dict[str, Any] = {"type": "BODY", "text": "Hi {{1}}, we miss you.", "example": {"body_text": [["Ana"]]}}
HEADER = {"type": "HEADER", "format": "TEXT", "text": "News"}
PICTURE: dict[str, Any] = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:a"]}}
SHOP = {"type": "URL", "text": "Shop", "url": "https://s.example/{{1}}", "example": ["https://s.example/a"]}
CODE = {"type": "COPY_CODE", "example": "SAVE20"}


def body(text: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text}


def buttons(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(rows)}


def test_words_are_compared_one_by_one() -> None:
    assert compare_texts("See you on Monday at nine.", "See you on Tuesday at nine.") == [
        ("same", "See you on "),
        ("removed", "Monday"),
        ("added", "Tuesday"),
        ("same", " at nine."),
    ]
    assert compare_texts("", "New") == [("added", "New")]
    assert compare_texts("Hi {{1}}", "Hi {{name}}") == [("same", "Hi "), ("removed", "{{1}}"), ("added", "{{name}}")]


@pytest.mark.parametrize("before", ["", "a b", "Hi {{1}}\n\n*bold*", "שלום {{1}}"])
@pytest.mark.parametrize("after", ["", "b a", "Hi {{2}} *bold*", "{{"])
def test_the_pieces_hold_both_texts(before: str, after: str) -> None:
    pieces = compare_texts(before, after)
    assert "".join(text for kind, text in pieces if kind != "added") == before
    assert "".join(text for kind, text in pieces if kind != "removed") == after


def test_samples_and_handles_are_no_words() -> None:
    fetched = {**PICTURE, "example": {"header_handle": ["https://cdn.example/x"]}}
    assert has_same_words([PICTURE, BODY], [fetched, body(BODY["text"])])
    assert not has_same_words([PICTURE, BODY], [BODY])


def code(**changes: Any) -> list[dict[str, Any]]:
    """A one-time code as it is submitted."""
    app = {"package_name": "co.za.shop", "signature_hash": "K8a/AINcGX7"}
    button = {"type": "OTP", "otp_type": "ONE_TAP", "text": "Copy", "autofill_text": "Fill in", "supported_apps": [app]}
    advice, minutes = changes.pop("advice", True), changes.pop("minutes", 10)
    footer = {"type": "FOOTER", "code_expiration_minutes": minutes}
    return [{"type": "BODY", "add_security_recommendation": advice}, footer, buttons(button | changes)]


def read_back(text: str = "Copy") -> list[dict[str, Any]]:
    """The same as Meta gives it."""
    link = (
        "https://www.whatsapp.com/otp/code/?otp_type=ONE_TAP&cta_display_name=Fill+in&package_name=co.za.shop"
        "&signature_hash=K8a%2FAINcGX7&code=otp{{1}}"
    )
    words = {"type": "BODY", "text": "*{{1}}* is jou kode.", "add_security_recommendation": True}
    footer = {"type": "FOOTER", "text": "Die kode verval oor 10 minute.", "code_expiration_minutes": 10}
    return [words, footer, buttons({"type": "URL", "text": text, "url": link, "example": ["x"]})]


def test_of_a_code_only_what_we_say_of_it_counts() -> None:
    assert has_same_words(code(), read_back())
    assert is_same_message(code(), read_back())
    assert has_same_words(code(), read_back("Kopieer"))
    assert not is_same_message(code(), read_back("Kopieer"))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"advice": False}, "Body"),
        ({"minutes": 5}, "Footer"),
        ({"otp_type": "COPY_CODE"}, "Button 1"),
        ({"supported_apps": [{"package_name": "co.za.new", "signature_hash": "K8a/AINcGX7"}]}, "Button 1"),
    ],
)
def test_how_a_code_is_handed_over_counts(changes: dict[str, Any], part: str) -> None:
    assert [change.part for change in compare_words(read_back(), code(**changes))] == [part]


def test_what_cannot_be_seen_makes_another_message() -> None:
    flow = {"type": "FLOW", "text": "Book", "flow_id": "11", "flow_action": "navigate", "navigate_screen": "START"}
    as_read = [BODY, buttons(flow | {"flow_id": 11, "flow_action": "NAVIGATE"})]
    assert is_same_message([BODY, buttons(flow)], as_read)
    other = [BODY, buttons(flow | {"navigate_screen": "END"})]
    assert has_same_words(as_read, other)
    assert not is_same_message(as_read, other)
    offers = [
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Soon", "has_expiration": ends}}
        for ends in (True, False)
    ]
    assert not is_same_message([BODY, offers[0]], [BODY, offers[1]])


def test_what_meta_writes_on_the_catalogues_button_is_no_word() -> None:
    assert has_same_words([buttons({"type": "CATALOG"})], [buttons({"type": "CATALOG", "text": "Katalog ansehen"})])


def test_only_parts_that_differ_are_named() -> None:
    before = [HEADER, BODY, {"type": "FOOTER", "text": "Reply STOP"}, buttons(SHOP)]
    after = [BODY, {"type": "FOOTER", "text": "Answer STOP"}, buttons(SHOP, {"type": "QUICK_REPLY", "text": "No"})]
    changes = compare_words(before, after)
    assert [change.part for change in changes] == ["Header", "Footer", "Button 2"]
    assert changes[0].pieces == [("removed", "News")]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([BODY], [body("Dear {{1}}, we miss you.")], VariableChange()),
        ([BODY], [body("Hi {{1}}, {{2}} waits for you.")], VariableChange(added=("2",))),
        ([BODY], [body("Hi, we miss you.")], VariableChange(removed=("1",))),
        ([body("Hi {{name}}!")], [body("Hi {{first_name}}!")], VariableChange(renamed=(("name", "first_name"),))),
        ([body("Hi {{a}} {{b}}!")], [body("Hi {{a}}!")], VariableChange(removed=("b",))),
        ([BODY], [PICTURE, BODY], VariableChange(added=("header.image",))),
        ([BODY, buttons(SHOP)], [BODY, buttons(CODE)], VariableChange(added=("button.0",), removed=("button.0",))),
        ([BODY], [body("Hi {{name}}, we miss you.")], VariableChange(added=("name",), removed=("1",))),
    ],
)
def test_variables_that_come_go_and_are_renamed(before: list[Any], after: list[Any], change: VariableChange) -> None:
    formats = ["NAMED" if "{{name}}" in str(part) or "{{a}}" in str(part) else "POSITIONAL" for part in (before, after)]
    assert compare_variables(before, after, *formats) == change
    assert change.is_breaking == (change != VariableChange())


def test_what_meta_tells_replaces_the_words_and_keeps_the_rest() -> None:
    told = ToldWords("", "Hi {{1}}, come back.", "Reply STOP", ({"type": "URL", "text": "Buy", "url": SHOP["url"]},))
    assert with_told_words([PICTURE, BODY, buttons(SHOP)], told) == [
        PICTURE,
        {**BODY, "text": "Hi {{1}}, come back."},
        {"type": "FOOTER", "text": "Reply STOP"},
        buttons({**SHOP, "text": "Buy"}),
    ]


def test_parts_that_meta_does_not_tell_are_gone_but_for_buttons() -> None:
    told = ToldWords("", "Hello.", "")
    assert with_told_words([HEADER, BODY, {"type": "FOOTER", "text": "x"}, buttons(CODE)], told) == [
        {**BODY, "text": "Hello."},
        buttons(CODE),
    ]
    assert with_told_words([BODY, buttons(SHOP)], ToldWords("Hello", "Hello.", "", ())) == [
        {"type": "HEADER", "format": "TEXT", "text": "Hello"},
        {**BODY, "text": "Hello."},
    ]
