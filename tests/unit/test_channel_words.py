"""A number's facts in words."""

import pytest

from wotnot.services.channel_words import limit_words, pace_words, show_number


@pytest.mark.parametrize(
    ("count", "rate", "words"),
    [
        (1, 1000, "1 second"),
        (89, 1, "89 seconds"),
        (4812, 20, "4 minutes"),
        (100_000, 20, "83 minutes"),
        (144_000, 20, "2 hours"),
        (1_000_000, 80, "3.5 hours"),
    ],
)
def test_a_pace_is_said_as_people_say_it(count: int, rate: int, words: str) -> None:
    assert pace_words(count, rate) == words


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("TIER_2K", "2,000 people in 24 hours"),
        ("TIER_UNLIMITED", "No limit"),
        ("UNLIMITED", "No limit"),
        ("TIER_5M", "Tier 5m"),
        ("", "Not told by Meta"),
    ],
)
def test_a_limit_in_words(limit: str, words: str) -> None:
    assert limit_words(limit) == words


def test_a_number_is_shown_in_one_form() -> None:
    assert show_number("+27215550140") == show_number("27 21 555 0140") == "+27 21 555 0140"
    assert show_number("pending") == "pending"
