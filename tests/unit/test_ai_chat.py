"""What the assistant is told: facts without people, and as much of the talk as fits."""

import json

from wotnot.services.ai import chat
from wotnot.services.ai.prompts import hide_contacts, read_unfinished


def test_facts_lose_numbers_and_addresses_but_not_our_links() -> None:
    fact = chat.as_fact(
        {
            "name": "Call +27 82 123 4567",
            "link": "/app/broadcasts/12345678",
            "rows": [{"reason": "x@example.com"}],
            "n": 5,
        }
    )
    assert json.loads(fact) == {
        "name": "Call [phone]", "link": "/app/broadcasts/12345678", "rows": [{"reason": "[e-mail]"}], "n": 5,
    }  # fmt: skip


def test_lists_of_numbers_are_not_taken_for_a_phone_number() -> None:
    text = "- 812\n- 9\n- 12345\nfrom 2026-05-12"
    assert hide_contacts(text) == text


def test_the_newest_turns_that_fit_are_remembered_whole() -> None:
    exchanges = [("newest", "a" * 10), ("middle", "b" * 10), ("oldest", "c" * 10)]
    turns = chat.remember(exchanges, most=40)
    assert [turn.text for turn in turns] == ["middle", "b" * 10, "newest", "a" * 10]
    assert [turn.role for turn in turns] == ["user", "model"] * 2
    assert chat.remember(exchanges, most=5) == []


def test_what_was_said_before_goes_along_without_numbers() -> None:
    turns = chat.remember([("Who is 082 123 4567?", "I cannot see x@example.com")])
    assert [turn.text for turn in turns] == ["Who is [phone]?", "I cannot see [e-mail]"]


def test_a_business_with_braces_in_its_name_breaks_nothing() -> None:
    words = chat.system_words("Casa {Verde} {0}", "Monday", {"name": "{x} {{1}}"})
    assert "“Casa {Verde} {0}”" in words
    assert '{"name": "{x} {{1}}"}' in words
    assert "{{first_name}}" in words


def test_an_answer_can_be_read_wherever_it_stands() -> None:
    whole = json.dumps({"variants": [{"body": 'Hi "you" 🌿\nnew é'}, {"body": "Second"}]})
    for end in range(len(whole) + 1):
        for body, final in zip(read_unfinished(whole[:end]), ('Hi "you" 🌿\nnew é', "Second"), strict=False):
            assert final.startswith(body), whole[:end]
            body.encode()
    assert read_unfinished(whole) == ['Hi "you" 🌿\nnew é', "Second"]
    assert read_unfinished(r'{"body": "a \q b') == ["a "]
