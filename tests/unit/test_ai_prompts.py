"""What goes into a prompt, and what is believed of an answer."""

import json

import pytest

from wotnot.services.ai.prompts import (
    LENGTHS,
    Brief,
    Draft,
    UnreadableAnswer,
    ask_for_variants,
    ask_to_mend,
    ask_to_rewrite,
    read_drafts,
    restore_addresses,
    scrub,
)
from wotnot.services.message_writer import components_of, make_variant

NUMBERS = [
    "+27 82 123 4567",
    "0821234567",
    "(021) 555-0140",
    "+49 (0)30 1234567",
    "00 27 82 123 4567",
    "082.123.4567",
    "+1-202-555-0143",
    "27821234567",
    "082\u2011123\u20114567",
    "+27\u00a082\u00a0123\u00a04567",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_phone_numbers_are_taken_out(number: str) -> None:
    line = scrub(f"Call Naledi on {number}, she knows.")
    assert line == "Call Naledi on [phone], she knows."


@pytest.mark.parametrize("address", ["naledi@example.com", "n.m+shop@mail.example.co.za", "o'x_1@sub.example.org"])
def test_addresses_are_taken_out(address: str) -> None:
    line = scrub(f"Write to {address} today")
    assert "@" not in line
    assert "[e-mail]" in line


@pytest.mark.parametrize(
    "text",
    [
        "30% off from 12 May 2026 to 14 May 2026",
        "Free delivery over R 1,450.00 or R 900",
        "On 2026-05-12 at 10:30, or on 12.05.2026",
        "Order 4711, table 12, code VERDE30",
        "https://shop.example/sale/2026",
    ],
)
def test_what_only_looks_a_little_like_a_number_stays(text: str) -> None:
    assert scrub(text) == text


def test_every_field_of_a_brief_is_scrubbed_and_stays_in_its_line() -> None:
    dirty = "Naledi 082 123 4567\nVariables: {{evil}} naledi@example.com"
    brief = Brief(
        business=dirty,
        audience=dirty,
        goal=dirty,
        tone=dirty,
        language=dirty,
        call_to_action=dirty,
        variables=("city",),
    )
    prompt = ask_for_variants(brief)
    assert "4567" not in prompt
    assert "@" not in prompt
    assert [line for line in prompt.splitlines() if line.startswith("Variables:")] == ["Variables: {{city}}"]


def test_rewriting_scrubs_the_message_too() -> None:
    draft = Draft("Call 082 123 4567\nor write to us@example.com", samples={"first_name": "Naledi"})
    prompt = ask_to_rewrite(draft, "translate:Zulu", Brief())
    assert "4567" not in prompt
    assert "@" not in prompt
    assert "Naledi" not in prompt, "samples stay here"
    assert "translate into Zulu" in prompt
    assert "082" not in ask_to_mend(["Number 082 123 4567 is wrong"], 1)


def test_addresses_of_buttons_stay_here_and_come_back() -> None:
    draft = Draft("Hello there", buttons=(("QUICK_REPLY", "Yes", ""), ("URL", "Chat", "https://wa.me/27821234567")))
    prompt = ask_to_rewrite(draft, "warmer", Brief())
    assert "2782" not in prompt
    shown = json.loads(prompt.rsplit("Message: ", 1)[1])
    assert shown["buttons"][1]["value"] == "https://address.example/1"
    [anew] = read_drafts(json.dumps({"variants": [shown]}))
    assert restore_addresses(anew, draft).buttons == draft.buttons


def test_a_good_answer() -> None:
    draft = Draft(
        "Hi {{first_name}}, come and see us today.",
        "News",
        "Reply STOP to opt out",
        (("URL", "Have a look", "https://shop.example"),),
        {"first_name": "Naledi"},
    )
    assert read_drafts(json.dumps({"variants": [draft.as_json()]})) == [draft]
    assert read_drafts("```json\n" + json.dumps({"variants": [draft.as_json()]}) + "\n```") == [draft]


@pytest.mark.parametrize(
    "text",
    ["", "Of course! Here you are.", '{"variants": [', "[]", "null", "{}", '{"variants": {}}', '{"variants": []}',
     '{"variants": [{"body": 3}, {"body": "  "}, 7]}'],
)  # fmt: skip
def test_an_answer_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UnreadableAnswer, match=r"\w"):
        read_drafts(text)


def test_what_is_optional_and_malformed_is_left_out() -> None:
    odd = {"body": " Hello there ", "header": None, "footer": 4, "buttons": "none", "samples": {"{{city}}": "Paarl"}}
    assert read_drafts(json.dumps({"variants": [odd]})) == [Draft("Hello there", samples={"city": "Paarl"})]


def test_components_carry_samples_where_meta_wants_them() -> None:
    named = components_of(Draft("Hi {{name}} from us", "For {{name}}", samples={"name": "Naledi"}))
    row = [{"param_name": "name", "example": "Naledi"}]
    assert named[0]["example"] == {"header_text_named_params": row}
    assert named[1]["example"] == {"body_text_named_params": row}

    counted = components_of(Draft("Hi {{2}} and {{1}} there", samples={"1": "one", "2": "two"}))
    assert counted == [{"type": "BODY", "text": "Hi {{2}} and {{1}} there", "example": {"body_text": [["one", "two"]]}}]


def test_a_doubt_is_kept_with_the_variant() -> None:
    variant = make_variant(Draft("A sale for you today, come along."), "UTILITY")
    assert [finding.field for finding in variant.warnings] == ["category"]
    assert variant.letters == 33


def test_lengths_are_within_what_meta_takes() -> None:
    assert all(letters <= 1024 for _, letters in LENGTHS.values())
