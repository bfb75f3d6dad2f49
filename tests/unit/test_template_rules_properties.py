"""What must hold of the rules for templates whatever is written: made-up templates by the hundred, odd ones and good ones."""

import string
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import template_rules as metas_rules
from wotnot.services import template_rules
from wotnot.services.template_words import compare_texts, is_same_message, parts_of
from wotnot.services.whatsapp.components import fill_text, list_variables, samples_of
from wotnot.services.whatsapp.one_time_code import as_shown
from wotnot.services.whatsapp.payloads import compile_template

# No deadline: other work on the machine is no fault of the rules.
settings.register_profile("rules", deadline=None, max_examples=150, derandomize=True)
settings.load_profile("rules")

FIELDS_OF_THE_FORM = {
    "name", "language", "category", "header", "body", "footer", "buttons", "offer", "cards", "components",
}  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=12) | st.sampled_from(["BODY", "{{1}}", "{{"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
odd_codes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["OTP", "URL"]),
        "url": st.sampled_from(["https://www.whatsapp.com/otp/[", "https://[", ""]),
    },
    optional=dict.fromkeys(("otp_type", "supported_apps", "text", "autofill_text"), json_values),
)
KINDS = ("HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "header", "ODD")
odd_parts = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | json_values},
    optional=dict.fromkeys(("text", "format", "example", "cards", "limited_time_offer", "url"), json_values)
    | {"buttons": json_values | st.lists(odd_codes, max_size=2), "code_expiration_minutes": json_values},
)
words = st.lists(
    st.text(string.ascii_letters + "éß", min_size=1, max_size=9) | st.sampled_from(["\n", "*", "שלום", "😀"]),
    min_size=1,
    max_size=8,
).map(" ".join)
slots = st.sampled_from(["{{1}}", "{{2}}", "{{3}}", "{{first_name}}", "{{ city }}", "{{}}", "{{1", "}}", "{{A b}}"])
texts = st.lists(words | slots, min_size=1, max_size=7).map(" ".join)
samples = st.text(string.ascii_letters + string.digits, max_size=6)
labels = st.text(max_size=28)
links = st.sampled_from(
    [
        "https://s.example/{{1}}",
        "https://s.example",
        "s.example",
        "https://{{1}}.example",
        "",
        "https://s.example/{{1}}/a",
    ]
)
buttons = st.one_of(
    st.fixed_dictionaries({"type": st.just("QUICK_REPLY"), "text": labels}),
    st.fixed_dictionaries(
        {"type": st.just("URL"), "text": labels, "url": links, "example": st.lists(samples, max_size=1)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("PHONE_NUMBER"),
            "text": labels,
            "phone_number": st.sampled_from(["+27 21 555 0140", "021 555", "+1", ""]),
        }
    ),
    st.fixed_dictionaries({"type": st.just("COPY_CODE"), "example": samples}),
)


@st.composite
def tidy_texts(draw: Any) -> str:
    """Words around each variable, enough of them, and the variables numbered or named as they should be."""
    names = draw(st.permutations(["1", "2", "3"][: draw(st.integers(0, 3))]) | st.just(["first_name", "city"]))
    pieces = [f"{draw(words)} and so on {{{{{name}}}}}" for name in names]
    return " ".join([*pieces, "with regards", draw(words).replace("\n", " ")]) + "."


tidy_buttons = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("QUICK_REPLY"), "text": st.text(string.ascii_letters, min_size=1, max_size=25)}
        ),
        st.just({"type": "URL", "text": "Shop", "url": "https://s.example/{{1}}", "example": ["https://s.example/a"]}),
        st.just({"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+27 21 555 0140"}),
        st.just({"type": "COPY_CODE", "example": "SAVE20"}),
    ),
    max_size=3,
    unique_by=lambda button: button.get("text"),
)


@st.composite
def templates(draw: Any) -> dict[str, Any]:
    """Such as people write: half of them with care, and half with variables, samples and buttons as they come."""
    is_tidy = draw(st.booleans())
    header = draw(st.none() | (st.sampled_from(["Hello", "Hello {{1}}"]) if is_tidy else texts))
    parts: list[dict[str, Any]] = [{"type": "BODY", "text": draw(tidy_texts() if is_tidy else texts)}]
    if header is not None:
        parts.insert(0, {"type": "HEADER", "format": "TEXT", "text": header})
    if draw(st.booleans()):
        parts.append({"type": "FOOTER", "text": draw(words)})
    if rows := draw(tidy_buttons if is_tidy else st.lists(buttons, max_size=4)):
        parts.append({"type": "BUTTONS", "buttons": rows})
    parameter_format = template_rules.infer_format(parts)
    least = 1 if is_tidy else 0
    for part in parts:
        if part["type"] in {"HEADER", "BODY"}:
            part["example"] = _examples(draw, parts, part["type"].lower(), parameter_format, least)
    return {
        "name": draw(st.sampled_from(["spring_offer", "a", "a1"] if is_tidy else ["a", "Bad Name", ""])),
        "language": draw(st.sampled_from(["en", "pt_BR"] if is_tidy else ["en", "xx-yy", ""])),
        "category": draw(st.sampled_from(["MARKETING", "UTILITY"])),
        "components": parts,
        "parameter_format": parameter_format,
    }


def _examples(draw: Any, parts: list[Any], key: str, parameter_format: str, least: int) -> dict[str, Any]:
    mine = [one for one in list_variables(parts, parameter_format) if one.component == key]
    given_samples = [draw(st.text(string.ascii_letters, min_size=least, max_size=6)) for _ in mine]
    if parameter_format == "NAMED":
        names = [one.key.removeprefix("header.") for one in mine]
        rows = [{"param_name": name, "example": text} for name, text in zip(names, given_samples, strict=True)]
        return {f"{key}_text_named_params": rows}
    return {"header_text": given_samples} if key == "header" else {"body_text": [given_samples]}


def _errors(template: dict[str, Any]) -> dict[str, list[str]]:
    return template_rules.errors_of(template_rules.check_template(**template))


@given(st.lists(odd_parts, max_size=5), st.text(max_size=8), st.sampled_from(["NAMED", "POSITIONAL", ""]))
def test_no_json_makes_the_check_raise(parts: list[Any], word: str, parameter_format: str) -> None:
    for category in (*template_rules.CATEGORIES, word):
        template_rules.check_template(
            name=word, language=word, category=category, components=parts, parameter_format=parameter_format
        )
    template_rules.shape_problem(parts)
    assert is_same_message(parts, parts)
    assert is_same_message(parts, as_shown(parts))


@given(templates())
def test_what_passes_is_taken_by_the_sandbox(template: dict[str, Any]) -> None:
    if not _errors(template):
        metas_rules.check_template(template)


@given(templates())
def test_findings_point_at_fields_that_exist(template: dict[str, Any]) -> None:
    known = {f"sample-{v.key}" for v in list_variables(template["components"], template["parameter_format"])}
    rows = next((p["buttons"] for p in template["components"] if p["type"] == "BUTTONS"), [])
    known |= {f"button-{index}" for index in range(len(rows))} | FIELDS_OF_THE_FORM
    assert {finding.field for finding in template_rules.check_template(**template)} <= known


@given(templates())
def test_what_passes_has_no_braces_left_once_it_is_filled(template: dict[str, Any]) -> None:
    if _errors(template):
        return
    components, parameter_format = template["components"], template["parameter_format"]
    values = samples_of(components, parameter_format)
    filled = fill_text(components, values)
    shown = [filled.body_text, filled.footer, *(button.value for button in filled.buttons)]
    shown += [text for _, text in filled.header.text] if filled.header else []
    assert not any("{{" in text or "}}" in text for text in shown)
    compile_template("x", "en", components, parameter_format).payload(values)


@given(st.permutations([1, 2, 3, 4]), st.integers(1, 4))
def test_numbers_pass_in_any_order_and_only_without_a_gap(order: list[int], count: int) -> None:
    numbers = order[:count]
    text = "Dear customer, " + ", ".join(f"here are words for {{{{{number}}}}}" for number in numbers) + " and an end."
    example = {"body_text": [["sample"] * count]}
    parts = [{"type": "BODY", "text": text, "example": example}]
    template = {"name": "a", "language": "en", "category": "MARKETING", "components": parts}
    is_complete = sorted(numbers) == list(range(1, count + 1))
    assert ("body" not in _errors(template | {"parameter_format": "POSITIONAL"})) == is_complete


@given(texts, texts)
def test_a_comparison_holds_both_texts(before: str, after: str) -> None:
    pieces = compare_texts(before, after)
    assert "".join(text for kind, text in pieces if kind != "added") == before
    assert "".join(text for kind, text in pieces if kind != "removed") == after


@given(templates())
def test_samples_never_count_as_words(template: dict[str, Any]) -> None:
    bare = [{key: value for key, value in part.items() if key != "example"} for part in template["components"]]
    assert parts_of(bare) == parts_of(template["components"])
