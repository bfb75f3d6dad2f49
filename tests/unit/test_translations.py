"""Which translation somebody gets."""

import pytest

from wotnot.models import Template
from wotnot.services.translations import make_choice, pick


def templates(*languages: str) -> list[Template]:
    return [Template(id=number, language=language) for number, language in enumerate(languages, start=1)]


@pytest.mark.parametrize(
    ("languages", "reader", "expected"),
    [
        ("en de pt_BR", "de", "de"),
        ("en de pt_BR", "pt_PT", "pt_BR"),
        ("en de pt_BR", "pt", "pt_BR"),
        ("en de pt_BR", "fr", "en"),
        ("en de pt_BR", None, "en"),
        ("de en_US", "en", "en_US"),
        ("de en_US en", "en_GB", "en"),  # the bare one before one of another country
        ("de en_US en", "en_US", "en_US"),
        ("en_GB de en_US", "en_ZA", "en_GB"),  # the main one before another of its language
        ("de es_MX es_AR", "es", "es_MX"),  # else the older one
        ("fil de", "fi", "fil"),  # no language is taken for another that begins alike: this is the main one
    ],
)
def test_the_nearest_is_chosen_and_else_the_main_one(languages: str, reader: str | None, expected: str) -> None:
    main, *others = templates(*languages.split())
    assert make_choice(main, others).template_for(reader).language == expected


def test_without_a_main_one_only_what_fits_is_picked() -> None:
    found = templates("de", "pt_BR")
    assert pick(found, "pt_PT") is found[1]
    assert pick(found, "fr") is None
    assert pick(found, None) is None


def test_people_are_counted_by_what_they_get() -> None:
    main, *others = templates("en", "pt_BR", "de")
    choice = make_choice(main, others)
    counted = choice.count_people({"de": 3, "de_AT": 1, "fr": 5, "pt_PT": 2}, total=100)
    assert [(one.language, people) for one, people in counted] == [("en", 94), ("de", 4), ("pt_BR", 2)]
