"""Phone numbers: what a person types or a spreadsheet holds, parsed to E.164 digits, or refused in plain words.

A leaf. The numbering plans are those of the `phonenumbers` library. Most numbers in a file are plainly written ("+27 82
555 0142", "0825550142"); for these the library's steps are taken over here on compiled metadata, which is several times
faster and gives the same answer (`tests/unit/test_phone_numbers.py` compares the two over every country). Everything else
goes through the library itself.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat
from phonenumbers import phonenumberutil as library

from wotnot.services.country_names import NAMES

_PLAIN = re.compile(r"\+?[0-9][0-9 ().-]*")
_NOT_DIGIT = re.compile(r"[^0-9]")
_SPREADSHEET = re.compile(r"\+?\d+(?:[.,]\d+)?[eE]\+?\d{1,2}")
_DECIMAL = re.compile(r"(\+?\d{7,15})[.,]0+")
_LABEL = re.compile(r"(?:tel|phone|mobile|whatsapp|wa)\s*[:.]\s*", re.IGNORECASE)
_SEVERAL = re.compile(r"[/;,|&\n]+|\s(?:or|and|und|ou|et|y|o|e|oder|of)\s", re.IGNORECASE)
# Marks that phones and spreadsheets put around a copied number: text guard, direction marks, no-break spaces.
_INVISIBLE = dict.fromkeys(
    map(ord, "'\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
)
_MAX_DIGITS = 15  # E.164
_MIN_DIGITS = 7  # below this the library's answer depends on punctuation; such texts are left to it
_PLAIN_DIGITS = range(_MIN_DIGITS, _MAX_DIGITS + 1)
_MIN_WITHOUT_PLUS = 11
_MAX_TEXT = 60
_WORLD = "001"  # how the metadata call a code that belongs to no country, such as +800
_TYPES = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail", "fixed_line", "mobile",
)  # fmt: skip


class PhoneError(ValueError):
    """The text cannot be a phone number. The message is a short reason for a person, such as "Too short for Kenya"."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """E.164 `digits` without the plus, and the ISO `country` ("001" for world-wide codes)."""

    digits: str
    country: str


def parse_phone(text: str, default_country: str) -> PhoneNumber:
    """Read `text` as a phone number; one without a country code is taken to be of `default_country` (ISO, "ZA").

    Raises PhoneError with the reason in plain words.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        found = _parse_plain(text, default_country)
        if found:
            return PhoneNumber(*found)
    return _parse_any(text, default_country)


def parse_digits(text: str, default_country: str) -> str:
    """`parse_phone(...).digits`, without building the object: for whole files. Raises PhoneError."""
    text = text.strip()
    if _PLAIN.fullmatch(text):
        found = _parse_plain(text, default_country)
        if found:
            return found[0]
    return _parse_any(text, default_country).digits


@lru_cache(maxsize=4096)
def format_phone(digits: str | None) -> str:
    """E.164 digits as people read them: "27215550140" → "+27 21 555 0140"; "" for None."""
    if not digits:
        return ""
    try:
        return phonenumbers.format_number(phonenumbers.parse("+" + digits), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return "+" + digits


def country_name(code: str) -> str:
    """The English name of an ISO country, or the code itself when it has none."""
    return NAMES.get(code, code)


def is_country(code: str) -> bool:
    """Whether `code` is an ISO country that has phone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


@lru_cache(maxsize=1)
def list_countries() -> list[tuple[str, str]]:
    """Every country with a numbering plan as (ISO code, "South Africa (+27)"), by name."""
    names = ((code, f"{country_name(code)} (+{phonenumbers.country_code_for_region(code)})") for code in NAMES)
    return sorted(names, key=lambda pair: pair[1])


@dataclass(frozen=True, slots=True)
class CountryPattern:
    """How E.164 digits of one country look: their `prefix`; where countries share it also the pattern they match
    (`includes`, empty for none) and those of the countries that come first (`excludes`). The patterns are plain enough for
    PostgreSQL too.
    """

    prefix: str
    includes: str = ""
    excludes: tuple[str, ...] = ()


@lru_cache(maxsize=512)
def country_pattern(country: str) -> CountryPattern:
    """How the numbers of an ISO country that has some are told from all others."""
    code = phonenumbers.country_code_for_region(country)
    regions = COUNTRY_CODE_TO_REGION_CODE[code]
    if len(regions) == 1:
        return CountryPattern(str(code))
    patterns = [_shared_pattern(str(code), region) for region in regions]
    at = regions.index(country)
    return CountryPattern(str(code), patterns[at], tuple(patterns[:at]))


def _shared_pattern(code: str, region: str) -> str:
    """As the library decides: by the leading digits where a region has some, else by all numbers that it may have."""
    metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    if metadata.leading_digits:
        return f"^{code}(?:{metadata.leading_digits})"
    kinds = [getattr(metadata, name) for name in _TYPES]
    found = [kind.national_number_pattern for kind in kinds if kind is not None and kind.national_number_pattern]
    return f"^{code}(?:{'|'.join(dict.fromkeys(found))})$"


# ---------------------------------------------------------------- the plain way


@dataclass(frozen=True, slots=True)
class _Plan:
    """One region's numbering plan, compiled: which lengths exist and, by length, one pattern that says valid."""

    region: str
    code: str
    general: re.Pattern[str]
    lengths: frozenset[int]
    longest: int
    valid: dict[int, re.Pattern[str]]
    leading: re.Pattern[str] | None
    prefix: re.Pattern[str] | None
    prefix_rule: str | None
    idd: re.Pattern[str] | None


def _parse_plain(text: str, default_country: str) -> tuple[str, str] | None:
    """(digits, country) of a valid number made of digits, spaces, dots, dashes and brackets; None sends it to the library."""
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) not in _PLAIN_DIGITS or _DECIMAL.fullmatch(text):
        return None
    if text[0] == "+":
        return _parse_international(digits)
    plan = _plan_of(default_country)
    if plan is None or (plan.idd and plan.idd.match(digits)):
        return None
    national = _without_own_code(digits, plan)
    return _finish(_without_prefix(national, plan), plan.code)


def _parse_international(digits: str) -> tuple[str, str] | None:
    for end in (1, 2, 3):
        main = _main_plan(digits[:end])
        if main is not None:
            return _finish(_without_prefix(digits[end:], main), digits[:end])
    return None


def _without_own_code(digits: str, plan: _Plan) -> str:
    """Drop the country's own code where the library would: the number is not viable with it, or too long."""
    if not digits.startswith(plan.code):
        return digits
    rest = _strip_prefix(digits[len(plan.code) :], plan)
    was_viable, is_viable = plan.general.fullmatch(digits), plan.general.fullmatch(rest)
    return rest if (not was_viable and is_viable) or len(digits) > plan.longest else digits


def _without_prefix(national: str, plan: _Plan) -> str:
    """Drop a trunk prefix ("0"), but only when what remains has a length that exists."""
    stripped = _strip_prefix(national, plan)
    return stripped if len(stripped) in plan.lengths or len(stripped) > plan.longest else national


def _strip_prefix(national: str, plan: _Plan) -> str:
    match = plan.prefix.match(national) if plan.prefix else None
    if match is None or plan.prefix is None:
        return national
    if plan.prefix_rule and match.groups()[-1] is not None:
        rest = plan.prefix.sub(plan.prefix_rule, national, count=1)
    else:
        rest = national[match.end() :]
    return national if plan.general.fullmatch(national) and not plan.general.fullmatch(rest) else rest


def _finish(national: str, code: str) -> tuple[str, str] | None:
    """The number, when some region of its calling code says that it is valid."""
    for plan in _plans(code):
        if plan.leading is not None:
            if not plan.leading.match(national):
                continue
        elif not _is_valid(national, plan):
            continue
        return (code + national, plan.region) if _is_valid(national, plan) else None
    return None


def _is_valid(national: str, plan: _Plan) -> bool:
    pattern = plan.valid.get(len(national))
    return (
        pattern is not None and pattern.fullmatch(national) is not None and plan.general.fullmatch(national) is not None
    )


@lru_cache(maxsize=512)
def _plans(code: str) -> tuple[_Plan, ...]:
    """The plans that share a calling code, the main one first; a single region is not told by its leading digits."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    plans = tuple(_compile(region, code) for region in regions)
    return plans if len(plans) != 1 else (_compile(regions[0], code, alone=True),)


@lru_cache(maxsize=1024)
def _main_plan(code: str) -> _Plan | None:
    if code.startswith("0") or int(code) not in COUNTRY_CODE_TO_REGION_CODE:
        return None
    return _compile(COUNTRY_CODE_TO_REGION_CODE[int(code)][0], code)


@lru_cache(maxsize=512)
def _plan_of(country: str) -> _Plan | None:
    if country not in phonenumbers.SUPPORTED_REGIONS:
        return None
    return _compile(country, str(phonenumbers.country_code_for_region(country)))


@lru_cache(maxsize=1024)
def _compile(region: str, code: str, *, alone: bool = False) -> _Plan:
    """Compile the library's metadata of a region: a type counts at the lengths it lists, a number is valid if any type matches."""
    # The library's stubs allow for a region without metadata; those it lists itself always have them.
    metadata: Any = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    general = metadata.general_desc
    patterns: dict[int, list[str]] = {}
    for desc in (getattr(metadata, name) for name in _TYPES):
        if desc is None or not desc.national_number_pattern:
            continue
        for length in desc.possible_length or range(1, 18):
            patterns.setdefault(length, []).append(desc.national_number_pattern)
    return _Plan(
        region=region,
        code=code,
        general=re.compile(general.national_number_pattern or "(?!)"),
        lengths=frozenset(general.possible_length),
        longest=max(general.possible_length),
        valid={
            length: re.compile("|".join(f"(?:{pattern})" for pattern in dict.fromkeys(found)))
            for length, found in patterns.items()
            if not general.possible_length or length in general.possible_length
        },
        leading=re.compile(metadata.leading_digits) if metadata.leading_digits and not alone else None,
        prefix=re.compile(metadata.national_prefix_for_parsing) if metadata.national_prefix_for_parsing else None,
        prefix_rule=metadata.national_prefix_transform_rule or None,
        idd=re.compile(metadata.international_prefix) if metadata.international_prefix else None,
    )


# ---------------------------------------------------------------- every other way


def _parse_any(text: str, default_country: str) -> PhoneNumber:
    """The library's answer, or the reason in words."""
    text = _clean(text)
    _refuse_what_is_no_number(text)
    numbers = [_read(text, default_country)]
    if _may_lack_its_plus(text):
        numbers.append(_read("+" + text.removeprefix("00"), default_country))
    for number in numbers:
        if number is not None and phonenumbers.is_valid_number(number):
            digits = phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
            if len(digits) > _MAX_DIGITS:
                raise PhoneError("Too long for a phone number")
            return PhoneNumber(digits, phonenumbers.region_code_for_number(number) or _WORLD)
    raise PhoneError(_reason(text, numbers[0], default_country))


def _may_lack_its_plus(text: str) -> bool:
    """Whether this may be an international number written "0044 …" or "44 7700 …": nothing shorter, lest a slip in a
    national number becomes somebody abroad.
    """
    return text.startswith("00") or (text[0] in "123456789" and len(_NOT_DIGIT.sub("", text)) >= _MIN_WITHOUT_PLUS)


def _clean(text: str) -> str:
    text = text.translate(_INVISIBLE).strip()
    label = _LABEL.match(text)
    if label:
        text = text[label.end() :]
    decimal = _DECIMAL.fullmatch(text)
    return decimal.group(1) if decimal else text


def _refuse_what_is_no_number(text: str) -> None:
    if not text:
        raise PhoneError("Missing")
    if _SPREADSHEET.fullmatch(text):
        raise PhoneError("Changed by the spreadsheet")
    if sum(len(_NOT_DIGIT.sub("", part)) >= _MIN_DIGITS - 1 for part in _SEVERAL.split(text)) > 1:
        raise PhoneError("Two numbers in one cell")
    if any(character.isalpha() for character in text):
        raise PhoneError("Letters in the number" if any(c.isdigit() for c in text) else "Not a phone number")
    if len(text) > _MAX_TEXT:
        raise PhoneError("Too long for a phone number")
    if not any(character.isdigit() for character in text):
        raise PhoneError("Not a phone number")


def _read(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    # An extension cannot be messaged, and dropping it silently would reach somebody else.
    return None if number.extension else number


def _reason(text: str, number: phonenumbers.PhoneNumber | None, default_country: str) -> str:
    digits = _NOT_DIGIT.sub("", text)
    if number is None:
        if text.startswith("+") and digits[3:] and not any(_main_plan(digits[:end]) for end in (1, 2, 3)):
            return "No such country code"
        return "Too long for a phone number" if len(digits) > _MAX_DIGITS else "Too short for a phone number"
    region = _region_of(number, default_country)
    name = f"+{number.country_code}" if region == _WORLD else country_name(region)
    verdict = phonenumbers.is_possible_number_with_reason(number)
    words = {
        phonenumbers.ValidationResult.TOO_SHORT: f"Too short for {name}",
        phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: f"Too short for {name}: the area code is missing",
        phonenumbers.ValidationResult.TOO_LONG: f"Too long for {name}",
        phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "No such country code",
        phonenumbers.ValidationResult.INVALID_LENGTH: f"Not the length of a number in {name}",
    }
    return words.get(verdict, f"Not a number that exists in {name}")


def _region_of(number: phonenumbers.PhoneNumber, default_country: str) -> str:
    if phonenumbers.country_code_for_region(default_country) == number.country_code:
        return default_country
    return str(library.region_code_for_country_code(number.country_code or 0))
