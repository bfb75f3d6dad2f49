"""The editor's form: what is typed becomes Meta's components, and moving buttons moves their samples."""

from dataclasses import replace

from werkzeug.datastructures import MultiDict

from wotnot.blueprints.template_form import ButtonValues, TemplateValues, read_form
from wotnot.blueprints.template_form.changing import with_button, with_header, without_button


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
