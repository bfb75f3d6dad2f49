"""Numbers as people write them, and the compiled way against the library it stands in for."""

import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import NumberParseException, PhoneNumberFormat

from wotnot.services import phone_numbers
from wotnot.services.phone_numbers import PhoneError, format_phone, parse_phone


@pytest.mark.parametrize(
    ("text", "country", "digits"),
    [
        ("082 555 0142", "ZA", "27825550142"),
        ("+27 (0)82-555.0142", "US", "27825550142"),
        ("27825550142", "ZA", "27825550142"),
        ("0027825550142", "US", "27825550142"),
        ("27825550142.0", "ZA", "27825550142"),
        ("'+27825550142", "ZA", "27825550142"),
        ("\u202a+27\u00a082\u00a0555\u00a00142\u202c", "ZA", "27825550142"),
        ("Tel: 082 555 0142", "ZA", "27825550142"),
        ("٠٨٢٥٥٥٠١٤٢", "ZA", "27825550142"),
        ("(202) 555-0188", "US", "12025550188"),
        ("011 15 2345-6789", "AR", "5491123456789"),
        ("+39 06 6982 1234", "ZA", "390669821234"),
        ("+800 1234 5678", "ZA", "80012345678"),
        ("+44 7400 123456", "ZA", "447400123456"),
        ("44 7400 123456", "ZA", "447400123456"),
        ("8 912 345 67 89", "RU", "79123456789"),
    ],
)
def test_reads_what_people_write(text: str, country: str, digits: str) -> None:
    assert parse_phone(text, country).digits == digits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Missing"),
        ("  \u200e ", "Missing"),
        ("2,78255E+10", "Changed by the spreadsheet"),
        ("2.78255e10", "Changed by the spreadsheet"),
        ("083 555 0110 / 021 555 0111", "Two numbers in one cell"),
        ("0835550110;0215550111", "Two numbers in one cell"),
        ("083 555 0110 or 021 555 0111", "Two numbers in one cell"),
        ("1-800-FLOWERS", "Letters in the number"),
        ("082 555 0142 ext 4", "Letters in the number"),
        ("hello", "Not a phone number"),
        ("---", "Not a phone number"),
        ("+999 5550 188", "No such country code"),
        ("082 5", "Too short for South Africa"),
        ("082 555 014 299", "Too long for South Africa"),
        ("+44 7400 12345678", "Too long for United Kingdom"),
        ("+1234567890123456789", "Too long for a phone number"),
        ("+27", "Too short for a phone number"),
        ("+1 555 000 1234", "Not a number that exists in United States"),
        ("9" * 400, "Too long for a phone number"),
    ],
)
def test_refuses_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse_phone(text, "ZA")
    assert str(refused.value) == reason


def test_a_slip_in_a_national_number_does_not_become_somebody_abroad() -> None:
    # 10 digits that are no number of South Africa, though "+55 51 2345 6789" is one of Brazil.
    with pytest.raises(PhoneError):
        parse_phone("5551234567", "ZA")


def test_formats_as_people_read() -> None:
    assert format_phone("27215550140") == "+27 21 555 0140"
    assert format_phone(None) == ""
    assert format_phone("1") == "+1"


def test_every_listed_country_has_a_name_and_a_code() -> None:
    assert {code for code, _ in phone_numbers.list_countries()} == set(phonenumbers.SUPPORTED_REGIONS)


def test_the_compiled_way_answers_as_the_library_does() -> None:
    seen = 0
    for text, country in _numbers(random.Random(5)):
        found = phone_numbers._parse_plain(text, country)
        expected = _library(text, country)
        digits = sum(map(str.isdigit, text))
        if found or (digits in phone_numbers._PLAIN_DIGITS and not _dials_abroad(text, country)):
            assert found == expected, (text, country)
            seen += found is not None
    assert seen > 5000  # else the comparison compared nothing


def _dials_abroad(text: str, country: str) -> bool:
    """Written with the country's own prefix for calls abroad ("0027 …"): left to the library."""
    plan = phone_numbers._plan_of(country)
    return bool(plan and plan.idd and plan.idd.match(text))


def _library(text: str, country: str) -> tuple[str, str] | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
    return digits, str(phonenumbers.region_code_for_number(number))


def _numbers(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Every country's example numbers of every type, written in several ways, right and slightly wrong."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        code = str(phonenumbers.country_code_for_region(region))
        for kind in range(11):
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            national = phonenumbers.national_significant_number(example)
            slip = list(national)
            slip[rng.randrange(len(slip))] = rng.choice("0123456789")
            for digits in (national, "".join(slip), national[:-1], national + "5"):
                yield f"+{code}{digits}", rng.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
                for prefix in ("", "0", "1", "8", code, f"{code}0", f"+{code} (0)"):
                    yield f"{prefix}{digits}"[:15], region
