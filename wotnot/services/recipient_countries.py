"""Recipients by country: what a country means in the ledger, and the people of one that few of a workspace are in.

The report counts a message for the country of the number that it went to, by the first signs of it (`tallies.country_key`).
No index knows these: each would cost the sender. So who is in a common country is found by walking the ledger, and who is in
a rare one by the numbers of the contacts, which have an index. Whose number begins with other signs than it did is marked
(`Contact.number_changed_at`), so these few are asked beside them, whatever the country.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product

from sqlalchemy import ARRAY, ColumnElement, Text, all_, and_, any_, func, literal, or_, select, text

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Contact
from wotnot.services.country_names import NAMES
from wotnot.services.pricing.markets import UNKNOWN, country_of

NOT_KNOWN = "none"
"""What a filter calls people whose country is not known."""

RARE = 1_000
"""The messages of so few people in a country are looked up at once, one by one."""

FEW_PEOPLE = 10_000
"""Those of up to this many after a walk in vain; of more, it goes on to its end."""

_LONGEST_PHONE = 20


def read_country(asked: str | None) -> str | None:
    """The ISO country that a filter asks for, empty for NOT_KNOWN; None when it asks for none. Raises Invalid."""
    code = (asked or "").strip().upper()
    if not code:
        return None
    if code == NOT_KNOWN.upper():
        return UNKNOWN
    if code not in NAMES:
        words = (
            f"Choose a country by its two letters, such as US, or “{NOT_KNOWN}” for people whose country is not known."
        )
        raise Invalid({"country": words})
    return code


def in_country(country: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """SQL for `country_of(key) == country`, over a `tallies.country_key`."""
    keys = _keys_by_country()
    if country != UNKNOWN:
        return func.upper(key) == any_(literal(keys[country], ARRAY(Text)))
    known = [one for name, some in keys.items() if name != UNKNOWN for one in some]
    return func.upper(key) != all_(literal(known, ARRAY(Text)))


def find_few(workspace_id: int, broadcast_id: int, country: str, most: int) -> Sequence[int] | None:
    """The contacts who, with those that were deleted, have every message of the broadcast to a country, and others beside.

    None when more than `most` are in the country today, or very many have changed their number since the broadcast.
    """
    here = _find_here(workspace_id, country, most + 1)
    if len(here) > most:
        return None
    asked = {"workspace": workspace_id, "broadcast": broadcast_id, "most": FEW_PEOPLE + 1}
    changed = db.session.scalars(_CHANGED, asked).all()
    return sorted(here.union(changed)) if len(changed) <= FEW_PEOPLE else None


def _find_here(workspace_id: int, country: str, most: int) -> set[int]:
    """Whose number or user id says the country; of more than `most` only some."""
    runs = _runs(country)
    asked = {"firsts": [first for first, _ in runs], "lasts": [last for _, last in runs], "most": most}
    people = set(db.session.scalars(_NUMBERED, {"workspace": workspace_id, **asked}))
    if len(people) < most:
        named = select(Contact.id).where(Contact.workspace_id == workspace_id, _is_named(country))
        people.update(db.session.scalars(named.limit(most)))
    return people


def _is_named(country: str) -> ColumnElement[bool]:
    """Whether a contact's user id says the country. Each spelling is a range of their index."""
    if country == UNKNOWN:
        return and_(Contact.wa_user_id.is_not(None), in_country(UNKNOWN, func.left(Contact.wa_user_id, 3)))
    spellings = product(*({sign, sign.lower()} for sign in country))
    return or_(*(Contact.wa_user_id.like(f"{''.join(signs)}.%") for signs in sorted(spellings)))


@cache
def _runs(country: str) -> list[tuple[str, str]]:
    """The first and the last number of each run that is the country's. Neighbouring keys are one run; no number is shorter."""
    runs: list[list[str]] = []
    whole = (key for key in _keys_by_country()[country] if len(key) == (4 if key[0] == "1" else 3) and key.isdecimal())
    for key in sorted(whole):
        if runs and key == f"{int(runs[-1][1]) + 1:0{len(key)}}":
            runs[-1][1] = key
        else:
            runs.append([key, key])
    return [(first, last.ljust(_LONGEST_PHONE, "9")) for first, last in runs]


@cache
def _keys_by_country() -> dict[str, list[str]]:
    """Every `tallies.country_key` that is a country's, in capitals."""
    digits = [f"{number:0{length}}" for length in (1, 2, 3) for number in range(10**length)]
    areas = [f"1{number:03}" for number in range(1000)]
    found: dict[str, list[str]] = {}
    for key in (*digits, *areas, *(f"{code}." for code in NAMES)):
        found.setdefault(country_of(key), []).append(key)
    return found


# LATERAL with a limit: each run is a range of the index of numbers.
_NUMBERED = text("""
SELECT c.id FROM unnest(CAST(:firsts AS text[]), CAST(:lasts AS text[])) AS r (first, last) CROSS JOIN LATERAL (
    SELECT id FROM contacts WHERE workspace_id = :workspace AND phone BETWEEN r.first AND r.last LIMIT :most
) c LIMIT :most
""")

# Whose number changed before there was the broadcast got its messages at the new one; but a change has the time when its
# transaction began, which may be a while before others see it.
_CHANGED = text("""
SELECT id FROM contacts WHERE workspace_id = :workspace
    AND number_changed_at >= (SELECT created_at FROM broadcasts WHERE id = :broadcast) - interval '1 day' LIMIT :most
""")
