"""A broadcast's report by country and by how soon it was read. Every number is the address of its list."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from wotnot.models import Broadcast
from wotnot.services import report_facets
from wotnot.services.cost_reports import Amount
from wotnot.services.pricing.markets import country_name
from wotnot.services.recipient_countries import NOT_KNOWN
from wotnot.services.report_facets import Country, Reached

SHOWN = 12
_VIEWS = {
    "sent": "got_accepted",
    "delivered": "got_delivered",
    "read": "got_read",
    "replied": "replied",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class CountryRow:
    """A line of the table. `urls` lead from a count to its people."""

    name: str
    reached: Reached
    cost: Amount
    urls: dict[str, str]


def facets_of(broadcast: Broadcast, currency: str) -> dict[str, Any]:
    """What the templates `_by_country` and `_read_after` show; empty lists where there is nothing yet."""
    countries = report_facets.list_countries(broadcast.id, currency)
    counts = report_facets.count_read_after(broadcast.id)
    read = sum(counts)
    return {
        "country_rows": [_row(broadcast, one) for one in countries[:SHOWN]],
        "countries_total": len(countries),
        "read_rows": [
            {
                "label": label,
                "count": count,
                "url": "",
                "colour": "k1",
                "note": f"{100 * count / read:.1f}%",
            }
            for label, count in zip(report_facets.READ_AFTER, counts, strict=True)
        ]
        if read
        else [],
        "read_total": read,
        "read_words": _read_words(counts),
        "read_url": f"/app/broadcasts/{broadcast.id}?state=got_read#recipients",
    }


def countries_of(broadcast: Broadcast, currency: str) -> dict[str, Any]:
    """What the page of all countries shows. There are some two hundred at most, so it has no second page."""
    return {"country_rows": [_row(broadcast, one) for one in report_facets.list_countries(broadcast.id, currency)]}


def count_listed(broadcast: Broadcast, view: str, country: str) -> int | None:
    """How many people of a country a list of `view` has, None where that is not counted by country."""
    count = next((count for count, one in _VIEWS.items() if one == view), "")
    return int(getattr(report_facets.count_country(broadcast.id, country), count)) if count else None


def _row(broadcast: Broadcast, one: Country) -> CountryRow:
    urls = {}
    for count, view in _VIEWS.items():
        query = urlencode({"state": view, "country": one.country or NOT_KNOWN})
        urls[count] = f"/app/broadcasts/{broadcast.id}?{query}#recipients"
    return CountryRow(country_name(one.country), one.reached, one.cost, urls)


def _read_words(counts: list[int]) -> str:
    """Half of those who read it did so within 15 minutes."""
    whole, seen = sum(counts), 0
    ends = ("1 minute", "5 minutes", "15 minutes", "1 hour", "6 hours", "24 hours")
    for count, end in zip(counts, ends, strict=False):
        seen += count
        if 2 * seen >= whole:
            return f"Half of those who read it did so within {end}"
    return "Half of those who read it took longer than a day"
