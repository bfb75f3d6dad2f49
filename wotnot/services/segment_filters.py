"""The filter of the contacts page said as a segment, where that is possible. Pure; the SQL twin is `contact_lists`."""

import re
from typing import Any

from wotnot.services.segment_rules import Definition

_PHONE_LIKE = re.compile(r"[+\d][\d\s().-]*")
_NOT_DIGIT = re.compile(r"[^0-9]")
_SHORTEST_PART = 3


def definition_of(search: str, tag: str, consent: str) -> Definition | None:
    """The definition of everybody that the contacts page shows for these; None where nothing is filtered, and for words too
    short to be looked for anywhere but at the beginning of a word.
    """
    conditions: list[dict[str, Any]] = []
    if tag:
        conditions.append({"field": "tags", "op": "any", "value": [tag]})
    if consent:
        conditions.append({"field": "consent", "op": "is", "value": consent})
    searched = _conditions_of(search.strip())
    return (
        None if searched is None or not conditions + searched else {"match": "all", "conditions": conditions + searched}
    )


def _conditions_of(search: str) -> list[dict[str, Any]] | None:
    digits = _NOT_DIGIT.sub("", search).lstrip("0")
    if digits and _PHONE_LIKE.fullmatch(search):
        if search.startswith("+"):
            return [{"field": "phone", "op": "starts_with", "value": digits}]
        # Digits may stand in a name or an address too, where the list finds them as well.
        return [_anywhere(digits)] if len(digits) >= _SHORTEST_PART else None
    words = [word for word in search.lower().split() if any(map(str.isalnum, word))]
    return None if any(len(word) < _SHORTEST_PART for word in words) else [_anywhere(word) for word in words]


def _anywhere(word: str) -> dict[str, Any]:
    places = ["name", "email", *(["phone"] if word.isascii() and word.isdecimal() else [])]
    return {"match": "any", "conditions": [{"field": place, "op": "contains", "value": word} for place in places]}
