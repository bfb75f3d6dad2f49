"""Templates taken apart and filled: each golden file is a template as Meta lists it, values, and the message to post."""

import json
from pathlib import Path
from typing import Any

import pytest

from wotnot.services.whatsapp.payloads import (
    MissingVariable,
    UnsupportedTemplate,
    compile_template,
    fill_text,
    list_variables,
    media_message,
    read_receipt,
    template_message,
    text_message,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "graph"
CASES = sorted(GOLDEN.glob("template_*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_templates(path: Path) -> None:
    case: dict[str, Any] = json.loads(path.read_text())
    template = case["template"]
    compiled = compile_template(
        template["name"], template["language"], template["components"], template.get("parameter_format", "POSITIONAL")
    )
    assert [variable.key for variable in compiled.variables] == case["keys"]
    assert {v.key: v.sample for v in compiled.variables if v.sample} == case.get("samples", {})
    message = template_message("27821234567", compiled.payload(case["values"]), "wotnot:7")
    assert message == case["message"]


def test_there_are_golden_templates() -> None:
    assert len(CASES) >= 6


BODY = [{"type": "BODY", "text": "Hi {{1}}, {{2}} is ready, {{1}}."}]


def test_a_variable_used_twice_is_one_value() -> None:
    assert [v.key for v in list_variables(BODY)] == ["1", "2"]
    parameters = compile_template("n", "en", BODY).payload({"1": "Ana", "2": "it"})["components"][0]["parameters"]
    assert [p["text"] for p in parameters] == ["Ana", "it"]


def test_positional_values_go_in_the_order_of_their_numbers() -> None:
    swapped = [{"type": "BODY", "text": "From {{2}} to {{1}} today", "example": {"body_text": [["one", "two"]]}}]
    compiled = compile_template("n", "en", swapped)
    assert [(v.key, v.sample) for v in compiled.variables] == [("1", "one"), ("2", "two")]
    parameters = compiled.payload({"1": "A", "2": "B"})["components"][0]["parameters"]
    assert [p["text"] for p in parameters] == ["A", "B"]


@pytest.mark.parametrize("values", [{}, {"1": "Ana"}, {"1": "Ana", "2": ""}, {"1": "Ana", "2": " \n\t "}])
def test_a_missing_value_is_never_sent(values: dict[str, str]) -> None:
    with pytest.raises(MissingVariable) as error:
        compile_template("n", "en", BODY).payload(values)
    assert error.value.keys[-1] == "2"


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("Ana\nLima", "Ana Lima"),
        ("Ana \r\n\t Lima", "Ana Lima"),
        ("a    b", "a b"),
        ("a   b", "a   b"),
        (" Ana ", "Ana"),
        ("a\u2028b", "a b"),
        ("a\x00b", "a b"),
        ("🌿 *x*", "🌿 *x*"),
    ],
)
def test_values_are_cleaned_of_what_meta_refuses(value: str, clean: str) -> None:
    one = compile_template("n", "en", [{"type": "BODY", "text": "Hi {{1}}!"}])
    assert one.payload({"1": value})["components"][0]["parameters"][0]["text"] == clean


@pytest.mark.parametrize(
    "components",
    [
        [{"type": "HEADER", "format": "PRODUCT"}, {"type": "BODY", "text": "x"}],
        [
            {"type": "BODY", "text": "x"},
            {"type": "CAROUSEL", "cards": [{"components": [{"type": "HEADER", "format": "PRODUCT"}]}]},
        ],
        [{"type": "BODY", "text": "x"}, {"type": "BUTTONS", "buttons": [{"type": "SPM", "text": "y"}]}],
        [{"type": "BODY", "text": "x"}, {"type": "BUTTONS", "buttons": [{"type": "MPM", "text": "y"}]}],
    ],
)
def test_what_cannot_be_filled_is_refused_in_words(components: list[dict[str, Any]]) -> None:
    with pytest.raises(UnsupportedTemplate, match="cannot be filled"):
        compile_template("n", "en", components)


@pytest.mark.parametrize(
    "components",
    [
        [],
        [{}],
        [{"type": 7}],
        [{"type": "BODY"}],
        [{"type": "BODY", "text": None}],
        [{"type": "BUTTONS", "buttons": "x"}],
        ["x", None],
    ],
)
def test_malformed_components_have_no_variables(components: list[Any]) -> None:
    assert list_variables(components) == []
    assert "components" not in compile_template("n", "en", components).payload({})


def test_a_preview_marks_what_is_filled_fallen_back_and_missing() -> None:
    components = [
        {"type": "HEADER", "format": "TEXT", "text": "News for {{1}}"},
        {"type": "BODY", "text": "Hi {{1}}, {{2}}, {{3}}"},
        {"type": "FOOTER", "text": "Reply STOP"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Shop", "url": "https://s.example/{{1}}"}]},
    ]
    values = {"header.1": "Ana", "1": "Ana", "2": "there", "button.0": "a-1"}
    filled = fill_text(components, values, fallbacks={"2"})
    assert filled.header is not None
    assert filled.header.text == [("text", "News for "), ("fill", "Ana")]
    assert filled.body == [
        *(
            ("text", "Hi "),
            ("fill", "Ana"),
            ("text", ", "),
            ("fallback", "there"),
            ("text", ", "),
            ("missing", "{{3}}"),
        ),
    ]
    assert filled.body_text == "Hi Ana, there, {{3}}"
    assert (filled.footer, filled.buttons[0].value) == ("Reply STOP", "https://s.example/a-1")


def test_filling_leaves_the_compiled_template_as_it_was() -> None:
    case = json.loads((GOLDEN / "template_named_with_buttons.json").read_text())
    template = case["template"]
    compiled = compile_template(template["name"], template["language"], template["components"], "NAMED")
    first = compiled.payload(case["values"])
    first["components"][0]["parameters"].clear()
    assert compiled.payload(case["values"]) == case["message"]["template"]


def test_free_messages() -> None:
    assert text_message("27821234567", "Hi", "wotnot:1", reply_to="wamid.X") == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+27821234567",
        "type": "text",
        "text": {"preview_url": True, "body": "Hi"},
        "biz_opaque_callback_data": "wotnot:1",
        "context": {"message_id": "wamid.X"},
    }
    document = media_message("27821234567", "document", "https://s.example/a.pdf", caption="Bill", filename="a.pdf")
    assert document["document"] == {"link": "https://s.example/a.pdf", "caption": "Bill", "filename": "a.pdf"}
    # Meta refuses a caption on audio and a file name on pictures.
    assert media_message("1", "audio", "910", caption="x", filename="y")["audio"] == {"id": "910"}
    assert media_message("1", "image", "910", caption="x", filename="y")["image"] == {"id": "910", "caption": "x"}
    assert read_receipt("wamid.X", typing=True)["typing_indicator"] == {"type": "text"}


OFFER = [
    {"type": "BODY", "text": "x"},
    {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": True}},
]
PLACE = [{"type": "HEADER", "format": "LOCATION"}, {"type": "BODY", "text": "x"}]
HERE = {"header.latitude": "-33.9", "header.longitude": "18.4", "header.place": "Shop", "header.address": "Main St"}


@pytest.mark.parametrize("moment", ["tomorrow", "2026-11-29T22:00", "29/11/2026", ""])
def test_the_end_of_an_offer_is_a_moment_with_its_offset(moment: str) -> None:
    with pytest.raises(MissingVariable) as error:
        compile_template("n", "en", OFFER).payload({"offer.expires_at": moment})
    assert error.value.keys == ["offer.expires_at"]


@pytest.mark.parametrize(
    ("key", "value"), [("header.latitude", "91"), ("header.longitude", "-181"), ("header.latitude", "north")]
)
def test_a_place_is_on_the_globe(key: str, value: str) -> None:
    with pytest.raises(MissingVariable) as error:
        compile_template("n", "en", PLACE).payload(HERE | {key: value})
    assert error.value.keys == [key]


def test_a_carousel_is_shown_card_by_card() -> None:
    case = json.loads((GOLDEN / "template_carousel.json").read_text())
    shown = fill_text(case["template"]["components"], case["values"], {"card.1.2"})
    assert [card.body_text for card in shown.cards] == [
        "Our Olive oil, made in Paarl, from R 120 on.",
        "Our Honey, made in Paarl, from R 80 on.",
    ]
    assert ("fallback", "R 80") in shown.cards[1].body
    assert [button.value for button in shown.cards[0].buttons] == ["", "https://shop.example/p/oil"]


def test_a_document_has_its_name_and_nothing_else_has() -> None:
    parts = [{"type": "HEADER", "format": "DOCUMENT"}, {"type": "BODY", "text": "Your bill."}]
    compiled = compile_template("bill", "en", parts)
    named = compiled.payload({"header.document": "910000000000001", "header.document.filename": "Bill 7.pdf"})
    document = {"type": "document", "document": {"id": "910000000000001", "filename": "Bill 7.pdf"}}
    assert named["components"] == [{"type": "header", "parameters": [document]}]
    plain = compiled.payload({"header.document": "https://shop.example/bill.pdf"})
    assert plain["components"][0]["parameters"][0]["document"] == {"link": "https://shop.example/bill.pdf"}
