"""STOP and START in every language, alone in their message."""

import pytest

from wotnot.services import consent_words
from wotnot.services.consent_words import Match, languages, match
from wotnot.services.plain_words import begins, holds, plain

EVERY_WORD = [
    (code, is_stop, word)
    for code, language in languages().items()
    for is_stop, words in ((True, language.stop), (False, language.start))
    for word in words
]


def test_there_are_many_languages() -> None:
    assert len(languages()) >= 12


@pytest.mark.parametrize(("code", "is_stop", "word"), EVERY_WORD)
def test_each_word_is_understood_however_it_is_written(code: str, is_stop: bool, word: str) -> None:
    for written in (word, word.upper(), word.title(), f"  {word}!! 🛑", f"*{word}*", f"«{word}».", f"\u200f{word}\n"):
        assert match([written], language=code) == Match(is_stop, code), written


def test_no_word_means_both_out_and_in() -> None:
    known = consent_words._known()
    both = {word for is_stop, word in known if is_stop} & {word for is_stop, word in known if not is_stop}
    assert both == set()


@pytest.mark.parametrize(
    "sentence",
    [
        "We have to STOP this bill",
        "Stop by the shop tomorrow?",
        "non-stop",
        "Which bus stop?",
        "Can I start on Monday?",
        "Para cuándo?",
        "Baja el precio por favor",
        "Das ist stopp und weiter",
        "停止营业了吗",
        "cancel",
        "no",
        "",
        "🛑",
        "stop " * 40,
    ],
)
def test_a_sentence_is_no_opt_out(sentence: str) -> None:
    assert match([sentence]) is None


@pytest.mark.parametrize(
    "written", ["Stóp", "ＳＴＯＰ", "stop stop", "STOP, STOP!!!", "S\u200dTOP", "stop🙏🏽", "Stop\ufe0f"]
)
def test_accents_widths_joiners_and_repetition_do_not_count(written: str) -> None:
    assert match([written]) == Match(is_stop=True, language="en")


def test_a_button_counts_by_its_label_or_its_payload() -> None:
    assert match(["Not interested", "STOP_PROMO"]) == Match(is_stop=True, language="en")
    assert match(["Stop promotions", "1"]) == Match(is_stop=True, language="en")


def test_a_shared_word_is_answered_in_the_language_of_the_workspace() -> None:
    assert match(["stop"], language="pt") == Match(is_stop=True, language="pt")
    assert match(["parar"], language="pt") == Match(is_stop=True, language="pt")
    assert match(["parar"], language="de") == Match(is_stop=True, language="es")


def test_own_words_count_and_out_wins() -> None:
    own = {"stop": ["No more plants!"], "start": ["Plants please"]}
    assert match(["no more PLANTS"], language="nl", **own) == Match(is_stop=True, language="nl")
    assert match(["plants, please"], language="nl", **own) == Match(is_stop=False, language="nl")
    assert match(["Start", "STOP"]) == Match(is_stop=True, language="en")


def test_every_answer_names_the_business_and_the_way_back() -> None:
    for language in languages().values():
        assert "{{business}}" in language.stopped
        assert "{{business}}" in language.started
        assert any(plain(word) in plain(language.stopped) for word in language.start), language.name
        assert any(plain(word) in plain(language.started) for word in language.stop), language.name


def test_phrases_are_found_as_whole_words() -> None:
    assert holds(plain("What are your OPENING hours?"), plain("opening hours"))
    assert not holds(plain("The shop is reopening"), plain("opening"))
    assert holds(plain("请问营业时间是几点"), plain("营业时间"))
    assert begins(plain("Price of the red one?"), plain("price"))
    assert not begins(plain("Pricey!"), plain("price"))
