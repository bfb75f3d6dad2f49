"""The editor's form: what is typed becomes Meta's components, and moving buttons moves their samples."""

from dataclasses import replace
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from wotnot.blueprints.template_form import (
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
    TemplateValues,
    change,
    kept_fields,
    kept_samples,
    read_form,
)
from wotnot.blueprints.template_form.changing import with_button, with_header, without_button
from wotnot.blueprints.template_form.parts import KINDS


def test_a_form_becomes_components_with_samples_where_meta_wants_them() -> None:
    form = MultiDict(
        [
            ("name", " spring "), ("language", "en"), ("category", "marketing"), ("header", "Hello {{1}}"),
            ("body", "Hi {{1}},\r\nwe have {{2}} for you. "), ("footer", " Reply STOP "),
            ("sample-header.1", "you"), ("sample-1", "Ana"), ("sample-2", "plants"), ("sample-button.1", "abc"),
            ("button_type", "QUICK_REPLY"), ("button_text", "No thanks"), ("button_value", ""),
            ("button_type", "URL"), ("button_text", "Shop"), ("button_value", "https://s.example/{{1}}"),
            ("button_type", "EVIL"), ("button_text", "x"), ("button_value", "y"),
        ]
    )  # fmt: skip
    values = read_form(form)
    assert values.name == "spring"
    assert values.components == [
        {"type": "HEADER", "format": "TEXT", "text": "Hello {{1}}", "example": {"header_text": ["you"]}},
        {"type": "BODY", "text": "Hi {{1}},\nwe have {{2}} for you.", "example": {"body_text": [["Ana", "plants"]]}},
        {"type": "FOOTER", "text": "Reply STOP"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "No thanks"},
                {"type": "URL", "text": "Shop", "url": "https://s.example/{{1}}", "example": ["https://s.example/abc"]},
            ],
        },
    ]
    assert [f for f in values.findings() if f.level == "error"] == []


def test_named_variables_have_named_samples() -> None:
    values = TemplateValues(body="Dear {{first_name}}, hello", samples={"first_name": "Ana"})
    assert values.parameter_format == "NAMED"
    assert values.components[0]["example"] == {
        "body_text_named_params": [{"param_name": "first_name", "example": "Ana"}]
    }


def test_new_buttons_keep_quick_replies_together() -> None:
    values = TemplateValues()
    for kind in ("QUICK_REPLY", "URL", "QUICK_REPLY", "PHONE_NUMBER", "EVIL"):
        values = with_button(values, kind)
    assert [b.type for b in values.buttons] == ["QUICK_REPLY", "QUICK_REPLY", "URL", "PHONE_NUMBER"]
    other = TemplateValues()
    for kind in ("URL", "QUICK_REPLY", "PHONE_NUMBER"):
        other = with_button(other, kind)
    assert [b.type for b in other.buttons] == ["URL", "PHONE_NUMBER", "QUICK_REPLY"]


def test_ten_buttons_are_the_most() -> None:
    values = TemplateValues()
    for _ in range(12):
        values = with_button(values, "QUICK_REPLY")
    assert len(values.buttons) == 10


def test_a_sample_stays_with_its_button() -> None:
    rows = (ButtonValues("QUICK_REPLY", "Yes"), ButtonValues("URL", "Shop", "https://s.example/{{1}}"))
    values = TemplateValues(buttons=rows, samples={"button.1": "abc", "1": "Ana"})
    assert without_button(values, 0).samples == {"button.0": "abc", "1": "Ana"}
    assert without_button(values, 1).samples == {"1": "Ana"}


def test_a_header_of_another_kind_loses_nothing_that_was_typed() -> None:
    typed = TemplateValues(header="Hello {{1}}", body="Hi there", samples={"header.1": "you"})
    assert typed.components[0]["format"] == "TEXT"
    picture = replace(with_header(typed, "IMAGE"), header_file_id="12")
    assert picture.components[0] == {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["12"]}}
    assert picture.variables == []
    video = with_header(picture, "VIDEO")
    assert video.components[0] == {"type": "HEADER", "format": "VIDEO"}
    assert [finding.field for finding in video.findings() if finding.text.startswith("The video")] == [
        "sample-header.video"
    ]
    assert with_header(video, "NONE").components == [{"type": "BODY", "text": "Hi there"}]
    assert with_header(video, "TEXT").components == typed.components
    assert with_header(typed, "EVIL") == typed


def test_an_id_that_is_none_is_no_file() -> None:
    for typed in ("", "x", "-1", "9" * 30):
        assert read_form(MultiDict({"header_kind": "IMAGE", "header_file_id": typed})).header_file_id == ""
    assert read_form(MultiDict({"header_kind": "EVIL"})).header_kind == "TEXT"


# ---------------------------------------------------------------- the other kinds of message


def carousel_form(**changes: str) -> MultiDict[str, str]:
    fields = [
        ("kind", "CAROUSEL"), ("language", "en"), ("category", "MARKETING"), ("body", "Our plants are here."), ("card_header", "VIDEO"),
        ("card_button", "URL"), ("card_button", "QUICK_REPLY"), ("card_had", "URL"), ("card_had", "QUICK_REPLY"),
        ("card_file_id", "7"), ("card_body", "Basil for {{1}} from us"), ("card_button_text", "Shop"),
        ("card_button_value", "https://s.co.za/{{1}}"), ("card_button_text", "Yes"), ("card_button_value", ""),
        ("card_file_id", ""), ("card_body", "Mint"), ("card_button_text", "Shop"),
        ("card_button_value", "https://s.co.za/m"), ("card_button_text", "No"), ("card_button_value", ""),
        ("sample-card.0.1", "Ana"), ("sample-card.0.button.0", "basil"),
    ]  # fmt: skip
    return MultiDict([(name, changes.get(name, value)) for name, value in fields])


def test_a_carousel_becomes_cards_that_are_alike() -> None:
    values = read_form(carousel_form())
    body, carousel = values.components
    assert body == {"type": "BODY", "text": "Our plants are here."}
    assert carousel["cards"] == [
        {
            "components": [
                {"type": "HEADER", "format": "VIDEO", "example": {"header_handle": ["7"]}},
                {"type": "BODY", "text": "Basil for {{1}} from us", "example": {"body_text": [["Ana"]]}},
                {"type": "BUTTONS", "buttons": [
                    {"type": "URL", "text": "Shop", "url": "https://s.co.za/{{1}}", "example": ["https://s.co.za/basil"]},
                    {"type": "QUICK_REPLY", "text": "Yes"},
                ]},
            ]
        },
        {
            "components": [
                {"type": "HEADER", "format": "VIDEO"},
                {"type": "BODY", "text": "Mint"},
                {"type": "BUTTONS", "buttons": [
                    {"type": "URL", "text": "Shop", "url": "https://s.co.za/m"},
                    {"type": "QUICK_REPLY", "text": "No"},
                ]},
            ]
        },
    ]  # fmt: skip
    assert values.card_files == [7, None]
    assert [variable.key for variable in values.variables] == ["card.0.1", "card.0.button.0"]
    faults = [(one.field, one.text) for one in values.findings() if one.field != "name"]
    assert faults == [("sample-card.1.header.video", "The video of card 2 has no sample")]


def test_a_name_on_one_card_makes_all_variables_named() -> None:
    values = read_form(carousel_form(card_body="Basil for {{first_name}} from us"))
    assert values.parameter_format == "NAMED"
    assert "body_text_named_params" in str(values.components)


def test_cards_move_with_their_samples_and_there_are_never_too_few() -> None:
    values = read_form(carousel_form())
    moved = change(values, "card-down:0")
    assert [card.body for card in moved.values.cards] == ["Mint", "Basil for {{1}} from us"]
    assert moved.values.samples == {"card.1.1": "Ana", "card.1.button.0": "basil"}
    assert moved.focus == "card-up-1"
    assert change(values, "card-remove:0").values == values
    three = change(values, "card-add").values
    assert len(three.cards) == 3
    assert [button.type for button in three.cards[2].buttons] == ["URL", "QUICK_REPLY"]
    fewer = change(three, "card-remove:0").values
    assert (len(fewer.cards), fewer.samples) == (2, {})
    for _ in range(12):
        three = change(three, "card-add").values
    assert len(three.cards) == 10


def test_another_shape_keeps_the_words_of_the_cards() -> None:
    form = carousel_form()
    form.setlist("card_button", ["PHONE_NUMBER", "NONE"])
    values = change(read_form(form), "cards").values
    assert values.card_buttons == ("PHONE_NUMBER",)
    assert [card.buttons for card in values.cards] == [(ButtonValues("PHONE_NUMBER", "Shop"),)] * 2
    pictures = change(values, "card-header:IMAGE").values
    assert (pictures.card_header, pictures.card_files) == ("IMAGE", [None, None])
    assert change(values, "card-header:EVIL").values == values


def test_an_offer_has_its_code_first_and_a_link() -> None:
    form = MultiDict({
        "kind": "OFFER", "language": "en", "name": "sale", "body": "Everything is cheaper.", "offer_text": " Ends tonight ", "offer_expires": "1",
        "offer_code": "SPRING", "offer_link_text": "Shop", "offer_link": "https://s.co.za/a", "footer": "Bye",
        "header_kind": "TEXT", "header": "Spring", "category": "UTILITY",
    })  # fmt: skip
    values = read_form(form)
    assert values.meta_category == "MARKETING"
    assert values.components == [
        {"type": "BODY", "text": "Everything is cheaper."},
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends tonight", "has_expiration": True}},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "COPY_CODE", "example": "SPRING"},
                {"type": "URL", "text": "Shop", "url": "https://s.co.za/a"},
            ],
        },
    ]
    assert values.findings() == []
    assert [button.type for button in replace(values, offer=OfferValues()).shown_buttons] == ["URL"]


def test_a_one_time_code_says_only_how_it_is_handed_over() -> None:
    values = read_form(
        MultiDict({"kind": "CODE", "language": "en", "name": "sign_in", "code_advice": "1", "code_minutes": "5"})
    )
    assert values.meta_category == "AUTHENTICATION"
    assert values.components == [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 5},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]
    assert (values.findings(), values.variables) == ([], [])
    assert values.shown_components[0]["text"].endswith("do not share this code.")
    code = CodeValues(
        "ZERO_TAP", "Copy", "Fill in", "com.example.shop", "K8a/AINcGX7", advice=False, minutes="", terms=True
    )
    body, buttons = replace(values, code=code).components
    assert body == {"type": "BODY", "add_security_recommendation": False}
    assert buttons["buttons"] == [
        {
            "type": "OTP", "otp_type": "ZERO_TAP", "text": "Copy", "autofill_text": "Fill in",
            "supported_apps": [{"package_name": "com.example.shop", "signature_hash": "K8a/AINcGX7"}],
            "zero_tap_terms_accepted": True,
        }
    ]  # fmt: skip
    typed = replace(values, code=CodeValues(minutes="soon"))
    assert [one.field for one in typed.findings()] == ["code_minutes"]


def test_a_catalogue_a_flow_a_code_and_a_place() -> None:
    catalog = TemplateValues(kind="CATALOG", body="Have a look.", footer="Bye", header="No", category="UTILITY")
    assert catalog.components == [
        {"type": "BODY", "text": "Have a look."},
        {"type": "FOOTER", "text": "Bye"},
        {"type": "BUTTONS", "buttons": [{"type": "CATALOG", "text": "View catalog"}]},
    ]
    assert catalog.meta_category == "MARKETING"
    rows = (
        ButtonValues("FLOW", "Book", "1187", "START"),
        ButtonValues("COPY_CODE", value="SPRING"),
        ButtonValues("CATALOG"),
    )
    usual = TemplateValues(name="x", header_kind="LOCATION", body="Come and see us.", buttons=rows)
    assert usual.components[0] == {"type": "HEADER", "format": "LOCATION"}
    assert usual.components[2]["buttons"] == [
        {"type": "FLOW", "text": "Book", "flow_id": "1187", "flow_action": "navigate", "navigate_screen": "START"},
        {"type": "COPY_CODE", "example": "SPRING"},
        {"type": "CATALOG", "text": "View catalog"},
    ]
    assert (usual.findings(), usual.variables) == ([], [])
    asks = replace(usual, buttons=(ButtonValues("FLOW", "Book", "1187"),))
    assert asks.components[2]["buttons"][0]["flow_action"] == "data_exchange"


def test_a_button_moves_within_its_group_and_groups_change_places() -> None:
    kinds = ("QUICK_REPLY", "QUICK_REPLY", "URL", "PHONE_NUMBER")
    values = TemplateValues(
        buttons=tuple(ButtonValues(kind, str(place)) for place, kind in enumerate(kinds)), samples={"button.2": "abc"}
    )

    def order(act: str) -> tuple[str, str]:
        changed = change(values, act)
        return "".join(button.text for button in changed.values.buttons), changed.focus

    assert order("up:1") == ("1023", "button-down-0")
    assert order("down:2") == ("0132", "button-up-3")
    assert order("up:2") == ("2301", "button-down-0")
    assert order("down:1") == ("2301", "button-up-3")
    assert change(values, "up:2").values.samples == {"button.0": "abc"}
    for nonsense in ("up:0", "down:3", "up:99", "up:x", "remove:99", "explode", "", "up:²"):
        assert change(values, nonsense).values == values, nonsense


def test_what_meta_allows_once_is_added_once() -> None:
    values = TemplateValues()
    for kind in ("URL", "URL", "URL", "FLOW", "FLOW", "CATALOG", "CATALOG"):
        values = change(values, f"add:{kind}").values
    assert [button.type for button in values.buttons] == ["URL", "URL", "FLOW", "CATALOG"]


def everything() -> TemplateValues:
    """Something typed into every field of the form."""
    return TemplateValues(
        channel_id="1", name="all", language="de", category="UTILITY", header_kind="TEXT", header="Head {{1}}",
        header_file_id="3", body="Hello {{1}} dear", footer="Foot",
        buttons=(ButtonValues("URL", "Go", "https://s.co.za/{{1}}"), ButtonValues("FLOW", "Book", "11", "START")),
        offer=OfferValues("Soon", expires=False, code="ABC", link_text="Buy", link="https://s.co.za"),
        card_header="VIDEO", card_buttons=("QUICK_REPLY", "URL"),
        cards=(
            CardValues("5", "One", (ButtonValues("QUICK_REPLY", "Yes"), ButtonValues("URL", "A", "https://s.co.za/1"))),
            CardValues("", "Two", (ButtonValues("QUICK_REPLY", "No"), ButtonValues("URL", "B", "https://s.co.za/2"))),
        ),
        code=CodeValues("ONE_TAP", "Copy", "Fill", "com.a.b", "K8a/AINcGX7", advice=False, minutes="7", terms=True),
        samples={"1": "Ana", "header.1": "you", "button.0": "x", "card.0.1": "kept"},
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_looking_at_another_kind_loses_nothing(kind: str) -> None:
    values = replace(everything(), kind=kind)
    always = [(name, getattr(values, name)) for name in ("kind", "channel_id", "name", "language", "category")]
    usual = [(name, getattr(values, name)) for name in ("header_kind", "header", "header_file_id", "body", "footer")]
    hidden = kept_fields(values)
    shown = [pair for pair in usual if pair[0] not in dict(hidden)]
    samples = [(f"sample-{key}", value) for key, value in values.samples.items()]
    assert read_form(MultiDict([*always, *shown, *hidden, *own_fields(values), *samples])) == values
    kept = {name for name, _ in kept_samples(values)}
    assert kept == {f"sample-{key}" for key in values.samples} - {f"sample-{one.key}" for one in values.variables}


def own_fields(values: TemplateValues) -> list[tuple[str, str]]:
    """The fields of this kind alone, which are hidden for every other."""
    other = kept_fields(replace(values, kind="CATALOG" if values.kind != "CATALOG" else "CODE"))
    hidden = {name for name, _ in kept_fields(values)}
    common = {"header_kind", "header", "header_file_id", "body", "footer"}
    return [pair for pair in other if pair[0] not in hidden | common]


# ---------------------------------------------------------------- from components back to the form

TEXT_HEADER = {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}", "example": {"header_text": ["7"]}}
BODY = {"type": "BODY", "text": "Hi {{1}}, it is here.", "example": {"body_text": [["Ana"]]}}
LINK = {"type": "URL", "text": "Shop", "url": "https://s.co.za/{{1}}", "example": ["https://s.co.za/abc"]}


def back(components: list[Any], **facts: str) -> TemplateValues:
    return TemplateValues.from_components(components, **facts)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_form_makes_comes_back_whole(kind: str) -> None:
    typed = everything()
    cards = tuple(replace(card, file_id="") for card in typed.cards)
    samples = {"1": "Ana", "header.1": "you", "button.0": "x"}
    values = replace(typed, kind=kind, header_file_id="", cards=cards, samples=samples)
    again = back(values.components, parameter_format=values.parameter_format, category=values.meta_category)
    assert (again.kind, again.meta_category) == (kind, values.meta_category)
    assert [line for line in again.left_out if "choose" not in line] == []
    assert again.components == values.components


def test_samples_come_along_and_files_do_not() -> None:
    values = back([TEXT_HEADER, BODY, {"type": "BUTTONS", "buttons": [LINK]}])
    assert values.samples == {"header.1": "7", "1": "Ana", "button.0": "abc"}
    assert values.components == [TEXT_HEADER, BODY, {"type": "BUTTONS", "buttons": [LINK]}]
    assert values.left_out == ()
    picture = back([{"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:x"]}}, BODY])
    assert (picture.header_kind, picture.header_file_id) == ("IMAGE", "")
    assert picture.left_out == ("the picture of the header: choose a file",)


@pytest.mark.parametrize(
    ("components", "said"),
    [
        ([{"type": "HEADER", "format": "PRODUCT"}, BODY], ["the header (PRODUCT)"]),
        ([BODY, {"type": "CALL_PERMISSION_REQUEST"}], ["call permission request"]),
        ([BODY, {"type": "BUTTONS", "buttons": [{"type": "VOICE_CALL", "text": "Call"}, LINK]}],
         ["the voice call button 1"]),
        ([BODY, {"type": "BUTTONS", "buttons": [LINK | {"app_deep_link": {"android": "x"}}]}],
         ["app_deep_link of the url button 1"]),
        ([BODY | {"tone": "warm"}], ["tone of the body"]),
        ([BODY, {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Soon", "has_expiration": True}},
          {"type": "FOOTER", "text": "Bye"}, {"type": "BUTTONS", "buttons": [LINK, {"type": "QUICK_REPLY", "text": "Stop"}]}],
         ["text of the footer", "the quick reply button 1"]),
        ([{}, BODY, {"type": "BUTTONS", "buttons": None}, 7], ["a part without a type"]),
    ],
)  # fmt: skip
def test_what_the_form_cannot_show_is_said(components: list[Any], said: list[str]) -> None:
    assert list(back(components).left_out) == said


def test_a_sample_follows_its_link_past_what_is_left_out() -> None:
    call = {"type": "VOICE_CALL", "text": "Call"}
    assert back([BODY, {"type": "BUTTONS", "buttons": [call, LINK]}]).samples["button.0"] == "abc"
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Soon", "has_expiration": False}}
    code = {"type": "COPY_CODE", "example": "ABC"}
    values = back([BODY, offer, {"type": "BUTTONS", "buttons": [LINK, code]}])
    assert values.samples["button.1"] == "abc"
    assert values.offer == OfferValues("Soon", expires=False, code="ABC", link_text="Shop", link=LINK["url"])
    assert values.left_out == ()


def test_cards_that_are_not_alike_say_what_they_lose() -> None:
    head = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:x"]}}
    quick = {"type": "QUICK_REPLY", "text": "Yes"}
    first = [head, {"type": "BODY", "text": "One"}, {"type": "BUTTONS", "buttons": [quick]}]
    other = [head, {"type": "BODY", "text": "Two"}, {"type": "BUTTONS", "buttons": [LINK]}]
    values = back([BODY, {"type": "CAROUSEL", "cards": [{"components": first}, {"components": other}]}])
    assert values.card_buttons == ("QUICK_REPLY",)
    assert [card.body for card in values.cards] == ["One", "Two"]
    assert "the files of the cards: choose one for each" in values.left_out
    assert "the url button 1 of card 2" in values.left_out


def test_a_code_that_was_read_back_from_meta_says_its_app_in_its_link() -> None:
    link = (
        "https://www.whatsapp.com/otp/code/?otp_type=ONE_TAP&cta_display_name=Autofill"
        "&package_name=com.example.shop&signature_hash=K8a%2FAINcGX7&code=otp{{1}}"
    )
    components = [
        {"type": "BODY", "text": "*{{1}}* is your code.", "add_security_recommendation": True},
        {"type": "FOOTER", "text": "This code expires in 5 minutes.", "code_expiration_minutes": 5},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Copy code", "url": link, "example": ["x"]}]},
    ]
    values = back(components, category="authentication")
    assert values.code == CodeValues("ONE_TAP", "Copy code", "Autofill", "com.example.shop", "K8a/AINcGX7", minutes="5")
    assert (values.meta_category, values.left_out, values.findings()[1:]) == ("AUTHENTICATION", (), [])
    apps = [{"package_name": f"com.example.a{n}", "signature_hash": "K8a/AINcGX7"} for n in (1, 2)]
    otp = {"type": "OTP", "otp_type": "ONE_TAP", "supported_apps": apps}
    two = back([{"type": "BODY", "add_security_recommendation": True}, {"type": "BUTTONS", "buttons": [otp]}])
    assert two.left_out == ("supported_apps of the code's button",)


@pytest.mark.parametrize(
    "components", [[], [{}], [{"type": "BODY"}], [{"type": "CAROUSEL"}], [{"type": "CAROUSEL", "cards": [1]}]]
)
def test_odd_components_open_as_far_as_they_go(components: list[Any]) -> None:
    assert back(components).components


@pytest.mark.parametrize(
    ("language", "direction"), [("ar", "rtl"), ("he", "rtl"), ("fa_IR", "rtl"), ("en", "auto"), ("", "auto")]
)
def test_words_run_as_their_language_does(language: str, direction: str) -> None:
    assert TemplateValues(language=language).direction == direction
