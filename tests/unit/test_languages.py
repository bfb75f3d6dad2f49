"""Languages as people write them, and as Meta does."""

import pytest

from wotnot.services.languages import LANGUAGES, base_of, language_name, read_language


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("en", "en"), ("EN", "en"), (" de ", "de"), ("pt-BR", "pt_BR"), ("pt_br", "pt_BR"), ("en-ZA", "en_ZA"),
        ("German", "de"), ("deutsch", "de"), ("Français", "fr"), ("Francais", "fr"), ("Portuguese", "pt"),
        ("português", "pt"), ("Portuguese (Brazil)", "pt_BR"), ("Português (Brasil)", "pt_BR"), ("isiZulu", "zu"),
        ("العربية", "ar"), ("हिन्दी", "hi"), ("中文", "zh_CN"), ("zh-Hant", "zh_TW"), ("日本語", "ja"), ("no", "nb"),
    ],
)  # fmt: skip
def test_codes_and_names_in_any_spelling_are_read(written: str, code: str) -> None:
    assert read_language(written) == code


@pytest.mark.parametrize(
    "written", ["", " ", "xx", "Klingon", "english and german", "pt_BRA", "e", "12", "x" * 500, "-"]
)
def test_what_is_no_language_is_not_guessed(written: str) -> None:
    assert read_language(written) is None


def test_every_language_of_the_list_is_read_by_code_and_by_name() -> None:
    for code, name in LANGUAGES.items():
        assert read_language(code) == code
        assert read_language(code.replace("_", "-").lower()) == code
        assert read_language(name) == code, name


def test_a_code_is_said_in_words() -> None:
    assert language_name("pt_BR") == "Portuguese (Brazil)"
    assert language_name("en_ZA") == "English (ZA)"
    assert language_name("pt") == "Portuguese"
    assert language_name("xx") == "xx"
    assert language_name(None) == ""
    assert (base_of("pt_BR"), base_of("de")) == ("pt", "de")
