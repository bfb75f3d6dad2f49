"""Which of Meta's markets a recipient belongs to: the calling code says it, or the country in a user id.

A market is a country with a row of its own on the card, a region, or Other. Which countries have rows differs from card to
card, so a number is taken to its country first and the card asked then. Source of the regions: Meta's pricing page, table
"Country calling codes". +76 and +77 are Kazakhstan's numbers; all of +1 that the table does not name is North America.
"""

import csv
import re
from collections.abc import Collection
from functools import cache, lru_cache
from importlib.resources import files

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, country_code_for_region, region_code_for_number

from wotnot.services.country_names import NAMES

PREFIX_LENGTH = 4
"""So many characters of a number or user id say where it is: no calling code is longer, area codes of +1 included."""

OTHER = "other"
UNKNOWN = ""

_NOT_WORD = re.compile(r"[^a-z]+")
_ALIASES = {
    "turkey": "TR", "turkiye": "TR", "uae": "AE", "uk": "GB", "great_britain": "GB", "usa": "north_america", "ksa": "SA",
    "north_america_us_ca": "north_america", "rest_of_cee": "rest_of_central_eastern_europe",
    "rest_of_central_and_eastern_europe": "rest_of_central_eastern_europe", "rest_of_latam": "rest_of_latin_america",
    "rest_of_apac": "rest_of_asia_pacific", "hong_kong_sar": "HK",
}  # fmt: skip
# Countries that share +1 and are not counted to North America, by one of their area codes.
_ISLANDS = {"DO": "1809", "JM": "1876", "PR": "1787"}


@cache
def region_names() -> dict[str, str]:
    """The regions by code, in the order of Meta's card: `rest_of_africa` → Rest of Africa."""
    return {_slug(row[0]): row[0] for row in _rows()}


@cache
def _regions() -> dict[str, str]:
    return {code: _slug(name) for name, codes in _rows() for code in codes.split()}


def market_name(market: str) -> str:
    """A market as people read it: `DE` → Germany, `rest_of_africa` → Rest of Africa."""
    return region_names().get(market) or country_name(market)


def country_name(country: str) -> str:
    """A country's English name; empty codes are people whose country is not known."""
    return NAMES.get(country, country) if country else "Country not known"


def read_market(text: str) -> str | None:
    """The code of the market that a rate card calls `text`, or None: "Germany", "de" and "Rest of Africa" are known."""
    word = _slug(text)
    if word in _ALIASES:
        return _ALIASES[word]
    if word in region_names():
        return word
    return text.strip().upper() if text.strip().upper() in NAMES else _country_words().get(word)


def prefix_of(phone: str | None, wa_user_id: str | None) -> str:
    """What says where somebody is: the first digits of the number, else the first letters of the user id ("DE.1")."""
    return (phone or wa_user_id or "")[:PREFIX_LENGTH]


@lru_cache(maxsize=20_000)
def country_of(prefix: str) -> str:
    """The ISO country of a `prefix_of(…)`; empty when it says none."""
    if prefix[:2].isalpha() and prefix[2:3] == ".":
        return prefix[:2].upper() if prefix[:2].upper() in NAMES else UNKNOWN
    if not prefix.isdecimal():
        return UNKNOWN
    if prefix[0] == "1":
        return _american(prefix)
    if prefix[0] == "7":
        return "KZ" if prefix[1:2] in {"6", "7"} else "RU"
    for length in (1, 2, 3):
        # Calling codes are free of prefixes, so the first that fits is the only one.
        countries = COUNTRY_CODE_TO_REGION_CODE.get(int(prefix[:length]))
        if countries:
            return countries[0] if countries[0] in NAMES else UNKNOWN
    return UNKNOWN


def market_of(prefix: str, listed: Collection[str]) -> str:
    """The market of a `prefix_of(…)` on a card whose rows are `listed`."""
    country = country_of(prefix)
    if country in listed:
        return country
    region = _region_of_phone(prefix) if prefix.isdecimal() else _region_of_country(country)
    return region if region in listed else OTHER


def _region_of_phone(digits: str) -> str:
    regions = _regions()
    return next((regions[digits[:n]] for n in range(PREFIX_LENGTH, 0, -1) if digits[:n] in regions), OTHER)


def _region_of_country(country: str) -> str:
    if country in {"US", "CA"}:
        return _regions()["1"]
    code = _ISLANDS.get(country) or str(country_code_for_region(country) if country else "")
    return OTHER if code == "1" else _regions().get(code, OTHER)


def _american(prefix: str) -> str:
    area = prefix[1:]
    if len(area) < 3:
        return "US"
    found = region_code_for_number(PhoneNumber(country_code=1, national_number=int(f"{area}5550123")))
    return found or "US"


@cache
def _country_words() -> dict[str, str]:
    return {_slug(name): code for code, name in NAMES.items()}


def _slug(text: str) -> str:
    return _NOT_WORD.sub("_", text.casefold().replace("&", " ").replace("ü", "u")).strip("_")


def _rows() -> list[list[str]]:
    text = (files("wotnot.services.pricing") / "data" / "regions.csv").read_text("utf-8")
    return list(csv.reader(text.splitlines()))[1:]
