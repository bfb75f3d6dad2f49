"""Rate cards, markets and money: every row of Meta's published tables, and what a file of one's own may look like."""

from datetime import date

import pytest

from wotnot.services.pricing.card_files import BadCardError, read_card, write_card
from wotnot.services.pricing.cards import Card, builtin_cards, card_for, tidy_category
from wotnot.services.pricing.markets import OTHER, country_of, prefix_of, read_market
from wotnot.services.pricing.money import read_money, read_rate, say_money

OCTOBER, JULY = builtin_cards()

# Meta's USD cards: market, marketing and utility (and authentication) in July and in October, authentication-international.
RATES = """
Argentina 0.0618 0.0618 0.0260 0.0260 -
Brazil 0.0625 0.0625 0.0068 0.0068 -
Chile 0.0889 0.0889 0.0200 0.0200 -
Colombia 0.0125 0.0125 0.0008 0.0008 -
Egypt 0.0644 0.0644 0.0036 0.0036 0.0650
France 0.0859 0.0859 0.0300 0.0300 -
Germany 0.1365 0.1365 0.0550 0.0550 -
Hong_Kong 0.0732 0.0732 0.0260 0.0260 -
Hungary 0.0860 0.0860 0.0350 0.0350 -
India 0.0118 0.0118 0.0014 0.0014 0.0304
Indonesia 0.0411 0.0411 0.0250 0.0250 0.1360
Israel 0.0353 0.0353 0.0053 0.0053 -
Italy 0.0795 0.0795 0.0300 0.0300 -
Malaysia 0.0860 0.0860 0.0140 0.0140 0.0418
Mexico 0.0305 0.0397 0.0085 0.0085 -
Netherlands 0.1597 0.1597 0.0500 0.0500 -
Nigeria 0.0516 0.0516 0.0067 0.0067 0.0750
Pakistan 0.0473 0.0473 0.0100 0.0150 0.0750
Peru 0.0703 0.0703 0.0200 0.0300 -
Poland 0.0366 0.0366 0.0122 0.0122 -
Qatar 0.0341 0.0341 0.0120 0.0120 -
Romania 0.0860 0.0860 0.0290 0.0290 -
Russia 0.0802 0.0802 0.0400 0.0400 -
Saudi_Arabia 0.0501 0.0576 0.0107 0.0107 0.0598
Singapore 0.0732 0.0732 0.0160 0.0160 -
South_Africa 0.0379 0.0379 0.0076 0.0095 0.0200
Spain 0.0707 0.0707 0.0200 0.0200 -
Turkey 0.0109 0.0109 0.0009 0.0009 -
United_Arab_Emirates 0.0499 0.0576 0.0157 0.0157 0.0510
United_Kingdom 0.0635 0.0635 0.0220 0.0220 -
North_America 0.0250 0.0250 0.0034 0.0034 -
Rest_of_Africa 0.0225 0.0225 0.0040 0.0040 -
Rest_of_Asia_Pacific 0.0732 0.0842 0.0113 0.0113 -
Rest_of_Central_&_Eastern_Europe 0.0860 0.0860 0.0212 0.0212 -
Rest_of_Latin_America 0.0740 0.0740 0.0113 0.0113 -
Rest_of_Middle_East 0.0341 0.0392 0.0091 0.0091 -
Rest_of_Western_Europe 0.0592 0.0592 0.0171 0.0171 -
Other 0.0604 0.0604 0.0077 0.0077 -
Bangladesh - 0.0732 - 0.0037 0.0960
Iraq - 0.0341 - 0.0079 0.1280
Kazakhstan - 0.0604 - 0.0180 0.1600
Kuwait - 0.0792 - 0.0440 0.1200
Morocco - 0.0414 - 0.0230 0.0811
Nepal - 0.0732 - 0.0034 0.1120
Oman - 0.0341 - 0.0247 0.0600
Sri_Lanka - 0.0732 - 0.0020 0.1440
Ukraine - 0.0860 - 0.0298 0.0746
"""
ROWS = [line.split() for line in RATES.strip().splitlines()]

# Meta's table "Country calling codes": what the October card prices a number with such a prefix by; in brackets July's.
OWN_CODES = {
    "AR": "54", "BR": "55", "CL": "56", "CO": "57", "EG": "20", "FR": "33", "DE": "49", "HK": "852", "HU": "36", "IN": "91",
    "ID": "62", "IL": "972", "IT": "39", "MY": "60", "MX": "52", "NL": "31", "NG": "234", "PK": "92", "PE": "51", "PL": "48",
    "QA": "974", "RO": "40", "RU": "79", "SA": "966", "SG": "65", "ZA": "27", "ES": "34", "TR": "90", "AE": "971", "GB": "44",
}  # fmt: skip
SINCE_OCTOBER = {
    "BD": ("880", "rest_of_asia_pacific"), "IQ": ("964", "rest_of_middle_east"), "KZ": ("77", OTHER),
    "KW": ("965", "rest_of_middle_east"), "MA": ("212", "rest_of_africa"), "NP": ("977", "rest_of_asia_pacific"),
    "OM": ("968", "rest_of_middle_east"), "LK": ("94", "rest_of_asia_pacific"), "UA": ("380", "rest_of_central_eastern_europe"),
}  # fmt: skip
REGION_CODES = {
    "north_america": "1416 1212 1",
    "rest_of_africa": "213 244 229 267 226 257 237 235 242 291 251 241 220 233 245 225 254 266 231 218 261 265 223 222 258 "
    "264 227 250 221 232 252 211 249 268 255 228 216 256 260 263",
    "rest_of_asia_pacific": "93 61 855 86 81 856 976 64 675 63 886 992 66 993 998 84",
    "rest_of_central_eastern_europe": "355 374 994 375 359 385 420 995 30 371 370 373 389 381 421 386",
    "rest_of_western_europe": "43 32 45 358 353 47 351 46 41",
    "rest_of_latin_america": "591 506 593 503 502 509 504 505 507 595 598 58 1809 1829 1849 1658 1876 1787 1939",
    "rest_of_middle_east": "973 962 961 967",
    OTHER: "82 372 352 356 357 354 387 53 98",
}


def rate(text: str) -> int | None:
    return None if text == "-" else read_rate(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_of_the_cards(row: list[str]) -> None:
    name, july_marketing, marketing, july_utility, utility, abroad = row
    market = read_market(name.replace("_", " "))
    assert market is not None
    for card, *wanted in ((JULY, july_marketing, july_utility), (OCTOBER, marketing, utility)):
        if wanted[0] == "-":
            assert market not in card.rates
            continue
        assert [card.price(market, one) for one in ("marketing", "utility", "authentication")] == [
            rate(wanted[0]), rate(wanted[1]), rate(wanted[1])
        ]  # fmt: skip
        assert card.price(market, "authentication_international") == rate(wanted[1] if abroad == "-" else abroad)
    service = JULY.price(market, "service") if market in JULY.rates else 0
    assert (service, OCTOBER.price(market, "service")) == (0, rate(utility))


def test_the_cards_have_no_further_rows() -> None:
    assert (len(JULY.rates), len(OCTOBER.rates)) == (38, 47) == (len([row for row in ROWS if row[1] != "-"]), len(ROWS))


@pytest.mark.parametrize(("market", "code"), OWN_CODES.items())
def test_countries_with_a_row_of_their_own(market: str, code: str) -> None:
    digits = f"{code}5551234567"[:12]
    assert {card.market_of(prefix_of(digits, None)) for card in (JULY, OCTOBER)} == {market}
    assert OCTOBER.market_of(prefix_of(None, f"{market}.7001")) == market


@pytest.mark.parametrize(("market", "code", "before"), [(m, *rest) for m, rest in SINCE_OCTOBER.items()])
def test_countries_that_got_a_row_in_october(market: str, code: str, before: str) -> None:
    prefix = prefix_of(f"{code}5551234567", None)
    assert (JULY.market_of(prefix), OCTOBER.market_of(prefix)) == (before, market)


@pytest.mark.parametrize(
    ("region", "code"), [(region, code) for region, codes in REGION_CODES.items() for code in codes.split()]
)
def test_every_calling_code_of_the_regions(region: str, code: str) -> None:
    digits = f"{code}5551234567"[:12] if code != "1" else "12125551234"
    assert OCTOBER.market_of(prefix_of(digits, None)) == region


@pytest.mark.parametrize(
    ("user_id", "market"),
    [("US.1", "north_america"), ("CA.1", "north_america"), ("DO.1", "rest_of_latin_america"),
     ("PR.1", "rest_of_latin_america"), ("JM.1", "rest_of_latin_america"), ("BS.1", OTHER), ("KR.1", OTHER),
     ("JP.1", "rest_of_asia_pacific"), ("KZ.1", "KZ"), ("ke.1", "rest_of_africa")],
)  # fmt: skip
def test_people_without_a_number_go_by_the_country_of_their_id(user_id: str, market: str) -> None:
    assert OCTOBER.market_of(prefix_of(None, user_id)) == market


@pytest.mark.parametrize("nobody", ["", "x", "é.12", "9999"])
def test_who_is_nowhere_is_priced_as_other(nobody: str) -> None:
    assert (country_of(nobody), OCTOBER.market_of(nobody)) == ("", OTHER)


def test_the_card_of_a_day() -> None:
    cards = builtin_cards()
    chosen = [card_for(cards, "USD", day) for day in (date(2026, 10, 1), date(2026, 9, 30), date(2026, 6, 30))]
    assert chosen == [OCTOBER, JULY, None]
    assert card_for(cards, "EUR", date(2026, 11, 1)) is None
    own = Card("own-1", "USD", date(2026, 10, 1), {})
    assert card_for([own, *cards], "USD", date(2026, 11, 1)) is own
    assert OCTOBER.age(date(2026, 11, 26)) == 56


@pytest.mark.parametrize(
    ("told", "category"),
    [("marketing", "marketing"), ("authentication-international", "authentication_international"),
     ("MARKETING_LITE", "marketing"), ("group_utility", "utility"), ("referral_conversion", "service"),
     ("general_purpose_ai", "general_purpose_ai")],
)  # fmt: skip
def test_categories_as_receipts_tell_them(told: str, category: str) -> None:
    assert tidy_category(told) == category


# ---------------------------------------------------------------- tiers

TIERED = Card("own-1", "USD", date(2026, 10, 1), {"DE": {"utility": [[0, 50], [100, 40], [250, 30]]}, OTHER: {}})


@pytest.mark.parametrize(
    ("before", "count", "total"),
    [(0, 100, 5000), (0, 101, 5040), (99, 2, 90), (100, 10, 400), (0, 300, 100 * 50 + 150 * 40 + 50 * 30), (400, 3, 90), (7, 0, 0)],
)  # fmt: skip
def test_a_tier_prices_only_what_is_in_it(before: int, count: int, total: int) -> None:
    assert TIERED.total("DE", "utility", count, before) == total
    one_by_one = [TIERED.price("DE", "utility", before + n) for n in range(count)]
    assert sum(price or 0 for price in one_by_one) == total


def test_what_a_card_does_not_say_has_no_price() -> None:
    assert (TIERED.price("DE", "marketing"), TIERED.total("FR", "utility", 3)) == (None, None)


# ---------------------------------------------------------------- files


def test_a_card_of_ones_own() -> None:
    text = "\ufeffCountry;From;Marketing;Utility;Auth-Intl\nBrazil;;0,0625;0,0068;n/a\nBrazil;250.000;;0,0064;\nOther;;0.06;0.008;\n"
    card = read_card(text, ";")
    assert card.rates["BR"] == {
        "marketing": [(0, 62_500)], "utility": [(0, 6_800), (250_000, 6_400)], "authentication": [(0, 6_800)],
        "service": [(0, 6_800)],
    }  # fmt: skip


def test_notes_around_the_table_are_passed_over() -> None:
    notes = "Cost per message in US dollars,,,\nNote: list rates,,,\n"
    card = read_card(f"{notes}Market,Currency,Marketing,Utility\nOther,$US,0.06,0.01\n,,,\nSource: Meta")
    assert (card.currency, card.rates["other"]["marketing"]) == ("USD", [(0, 60_000)])


def test_a_row_that_ends_early_is_named() -> None:
    with pytest.raises(BadCardError) as refusal:
        read_card("Marketing,Utility,Market\n0.06,0.01,Other\n0.05,0.01")
    assert refusal.value.problems[0].startswith("Row 3: “” is no market.")


def test_a_card_that_was_written_is_read_as_the_same() -> None:
    rows = write_card(OCTOBER.rates)
    assert read_card("\n".join(",".join(row) for row in rows)).rates == OCTOBER.rates


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("Market,Marketing,Utility\nOther,100001,1\n", ["Row 2: This price per message is too large."]),
        ("Market,Marketing,Utility\n" + "x" * 200_000 + ",1,1\n", ["The file cannot be read as a table. Export it as CSV again."]),
        ("Market,Marketing,Utility\n" + "Atlantis,1,1\n" * 52,
         [f"Row {n}: “Atlantis” is no market. Use a country's name or code, or one of Meta's regions." for n in range(2, 52)]
         + ["And 2 more rows."]),
        ("", ["The file has no rates: put the column names in the first row and one market in each row below."]),
        ("Name,Phone\nAnn,1\n", ["The first row has no column called “Market” and “Marketing” and “Utility”. "
                                 "Download the card in use to see how it looks."]),
        ("Market,Marketing,Utility\nAtlantis,1,1\nOther,1,1\n",
         ["Row 2: “Atlantis” is no market. Use a country's name or code, or one of Meta's regions."]),
        ("Market,Marketing,Utility\nGermany,1,\nOther,x,1\n",
         ["Row 2: Germany has no rate for utility.", "Row 3: Give a price per message, such as 0.0625."]),
        ("Market,Marketing,Utility\nOther,1,1\nother,1,1\n", ["Row 3: Other is in the file twice."]),
        ("Market,Marketing,Utility\nGermany,1,1\n",
         ["There is no row “Other”, which prices every country that has no row of its own."]),
        ("Market,Currency,Marketing,Utility\nGermany,USD,1,1\nOther,EUR,1,1\n",
         ["Row 3: It is in EUR, the rows above are in USD. A card has one currency."]),
        ("Market,From,Marketing,Utility\nOther,0,1,1\nGermany,5,,1\n",
         ["Germany has a volume tier for utility but no first rate."]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_every_mistake(text: str, problems: list[str]) -> None:
    with pytest.raises(BadCardError) as refused:
        read_card(text)
    assert refused.value.problems == problems


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("text", "micros"),
    [("250", 250_000_000), ("1,250.50", 1_250_500_000), ("1.250,50", 1_250_500_000), ("€ 30", 30_000_000),
     ("1,250", 1_250_000_000), ("1.000.000", 1_000_000_000_000), ("0,5", 500_000), ("0.125", 125_000), ("US$ 9.99", 9_990_000)],
)  # fmt: skip
def test_amounts_as_people_write_them(text: str, micros: int) -> None:
    assert read_money(text) == micros


@pytest.mark.parametrize("text", ["", "abc", "-3", "1.2.3,4,5", "99999999999", "0.0000001"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount"):
        read_money(text)


def test_money_in_words() -> None:
    assert say_money(211_400_000, "USD") == "US$\u00a0211.40"
    assert say_money(3_400, "EUR", exactly=True) == "€0.0034"
    assert say_money(250_000, "USD", exactly=True) == "US$\u00a00.2500"
    assert say_money(1_234_567_891_000, "AED") == "AED\u00a01,234,567.89"
