"""Recipients by country: what a country means in the ledger, and the people of one that few of a broadcast are in.

The report counts a message for the country of the number that it went to, by the first signs of it (`tallies.country_key`).
No index knows these: each would cost the sender. So who is in a common country is found by walking the ledger, and who is in
a rare one by the numbers of the contacts, which have an index. A contact may have got another number since, or be gone: so what
is found in this way is counted, and stands only when the report counts the same.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import ARRAY, ColumnElement, Text, all_, any_, func, literal, or_, select, text

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Contact
from wotnot.services.country_names import NAMES
from wotnot.services.pricing.markets import UNKNOWN, country_of
from wotnot.services.tallies import country_key

NOT_KNOWN = "none"
"""What a filter calls people whose country is not known."""

RARE = 1_000
"""So few people in a country are found sooner by their numbers than by a walk."""

FEW_PEOPLE = 10_000
"""Of up to this many people in a country the messages are looked up after a walk in vain; of more, it goes on to its end."""


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


def count_keys(broadcast_id: int, country: str) -> dict[str, int]:
    """How many messages of the broadcast are counted for the country, by `tallies.country_key`."""
    counted = db.session.execute(_COUNTED, {"broadcast": broadcast_id})
    return {str(key): int(count) for key, count in counted if country_of(key) == country}


def find_few(workspace_id: int, broadcast_id: int, counted: Mapping[str, int]) -> Sequence[int] | None:
    """The contacts that, with those that were deleted, have every message that is `counted` for a country (`count_keys`).

    None when they are many, or when the messages of some cannot be found in this way.
    """
    if sum(counted.values()) > FEW_PEOPLE:
        return None
    people = _people(workspace_id, list(counted))
    if len(people) > FEW_PEOPLE:
        return None
    asked = {"broadcast": broadcast_id, "people": people, "keys": list(counted)}
    return people if db.session.scalar(_IS_EVERYBODY, asked) else None


def _people(workspace_id: int, keys: Sequence[str]) -> list[int]:
    """Whose number or user id begins with one of `keys`; of more than FEW_PEOPLE only some."""
    most = FEW_PEOPLE + 1
    numbers = [key for key in keys if key.isdecimal()]
    people = set(db.session.scalars(_PEOPLE, {"workspace": workspace_id, "keys": numbers, "most": most}))
    if names := [Contact.wa_user_id.startswith(key, autoescape=True) for key in keys if key and key not in numbers]:
        named = select(Contact.id).where(Contact.workspace_id == workspace_id, or_(*names))
        people.update(db.session.scalars(named.limit(most)))
    return sorted(people)


@cache
def _keys_by_country() -> dict[str, list[str]]:
    """Every `tallies.country_key` that is a country's, in capitals."""
    digits = [f"{number:0{length}}" for length in (1, 2, 3) for number in range(10**length)]
    areas = [f"1{number:03}" for number in range(1000)]
    found: dict[str, list[str]] = {}
    for key in (*digits, *areas, *(f"{code}." for code in NAMES)):
        found.setdefault(country_of(key), []).append(key)
    return found


_COUNTED = text("""
SELECT key, sum(delta) FROM report_tallies
WHERE broadcast_id = :broadcast AND broadcast_id <> 0 AND facet = 'country' GROUP BY key HAVING sum(delta) <> 0
""")

# LATERAL with a limit: each beginning is a range of the index of numbers.
_PEOPLE = text("""
SELECT c.id FROM unnest(CAST(:keys AS text[])) AS k (key) CROSS JOIN LATERAL (
    SELECT id FROM contacts WHERE workspace_id = :workspace AND phone BETWEEN k.key AND rpad(k.key, 20, '9') LIMIT :most
) c LIMIT :most
""")

# Both sides in one snapshot, so that a broadcast that is being sent has the same in both.
_IS_EVERYBODY = text(f"""
SELECT (
    SELECT count(*) FROM messages m
    WHERE m.broadcast_id = :broadcast AND (m.contact_id = ANY(CAST(:people AS bigint[])) OR m.contact_id IS NULL)
      AND (m.reached >= 2 OR m.state = 'failed') AND {country_key("m")} = ANY(CAST(:keys AS text[]))
) = (
    SELECT coalesce(sum(delta), 0) FROM report_tallies
    WHERE broadcast_id = :broadcast AND broadcast_id <> 0 AND facet = 'country' AND key = ANY(CAST(:keys AS text[]))
)
""")  # noqa: S608 — an expression of ours
