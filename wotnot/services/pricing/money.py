"""Money: whole millionths of a currency, and the words for it. Never a float."""

import re
from decimal import Decimal, InvalidOperation

MILLION = 1_000_000
LARGEST = 1_000_000_000
"""Nobody pays more than this at a time; a larger number is a typing mistake."""

LARGEST_RATE = 100_000
"""Nor this for one message, in any of the currencies; so sums of costs stay within what the database can hold."""

# The currencies that Meta bills in. Source: Meta's pricing page, rate cards.
CURRENCIES = {
    "USD": "US dollar", "AED": "UAE dirham", "ARS": "Argentine peso", "AUD": "Australian dollar", "BRL": "Brazilian real",
    "CLP": "Chilean peso", "COP": "Colombian peso", "EUR": "Euro", "GBP": "British pound", "IDR": "Indonesian rupiah",
    "INR": "Indian rupee", "MXN": "Mexican peso", "MYR": "Malaysian ringgit", "PEN": "Peruvian sol", "SAR": "Saudi riyal",
    "SGD": "Singapore dollar",
}  # fmt: skip
_SIGNS = {"USD": "US$", "EUR": "€", "GBP": "£", "BRL": "R$", "INR": "₹", "AUD": "A$", "MXN": "MX$", "SGD": "S$"}
_PLAIN = re.compile(r"\d+(?:\.\d+)?|\.\d+")


def say_money(micros: int, currency: str, *, exactly: bool = False) -> str:
    """ "US$ 211.40"; with `exactly` four decimals, or as many as there are, for rates: "US$ 0.0034"."""
    amount = Decimal(micros) / MILLION
    if exactly:
        shown = f"{amount:,.6f}".rstrip("0")
        whole, _, part = shown.partition(".")
        return f"{_sign(currency)}{whole}.{part.ljust(4, '0')}"
    return f"{_sign(currency)}{amount:,.2f}"


def to_units(micros: int) -> str:
    """The amount as a plain decimal number with cents, for CSV files and charts: "211.40"."""
    return f"{Decimal(micros) / MILLION:.2f}"


def read_money(text: str) -> int:
    """ "1,250.50", "1.250,50", "€ 30" as millionths. Raises ValueError with a sentence for what is no amount.

    The last mark that is followed by other than three digits is the decimal mark; "1,250" is more than a thousand.
    """
    digits = re.sub(r"[^\d.,-]", "", text)
    if not digits or "-" in digits:
        raise ValueError("Give an amount such as 250.00.")
    plain = _with_point(digits)
    if not _PLAIN.fullmatch(plain):
        raise ValueError("Give an amount such as 250.00.")
    return _to_micros(plain)


def read_rate(text: str) -> int:
    """A price per message, such as "0.0625" or "0,0625", as millionths. Raises ValueError with a sentence."""
    plain = re.sub(r"[^\d.,-]", "", text).replace(",", ".")
    if not _PLAIN.fullmatch(plain):
        raise ValueError("Give a price per message, such as 0.0625.")
    micros = _to_micros(plain)
    if micros > LARGEST_RATE * MILLION:
        raise ValueError("This price per message is too large.")
    return micros


def _to_micros(plain: str) -> int:
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        raise ValueError("Give an amount such as 250.00.") from None
    if amount > LARGEST:
        raise ValueError("This amount is too large.")
    micros = amount * MILLION
    if micros != micros.to_integral_value():
        raise ValueError("An amount has at most six decimals.")
    return int(micros)


def _with_point(digits: str) -> str:
    """With a point for the decimals and nothing between the thousands; empty when the marks make no sense."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return digits
    mark, head, tail = digits[last], digits[:last], digits[last + 1 :]
    if any(len(group) not in {2, 3} for group in re.split(r"[.,]", head)[1:]) or {".", ","} <= set(head):
        return ""  # groups have three digits, or two in India
    bare = re.sub(r"[.,]", "", head)
    is_only_kind = head.count("." if mark == "," else ",") == 0
    is_grouping = mark in head or (len(tail) == 3 and bare not in {"", "0"})
    if is_only_kind and is_grouping:
        return bare + tail
    return f"{bare or '0'}.{tail or '0'}"


def _sign(currency: str) -> str:
    sign = _SIGNS.get(currency, currency)
    return f"{sign}\u00a0" if sign[-1:].isalpha() or sign == "US$" else sign  # no line ends behind the sign
