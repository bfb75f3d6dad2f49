"""Notes of an order: read from WooCommerce's JSON. Pure."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wotnot.services.woocommerce.orders import moment_of

LONGEST = 900
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Note:
    """A note that the customer may read, and when it was written."""

    text: str
    at: datetime


def read_notes(data: Sequence[Any]) -> list[Note]:
    """The notes to the customer of an order's list, the oldest first; those for the shop's own people are left out."""
    found = []
    for one in data:
        at = moment_of(one, "date_created") if isinstance(one, Mapping) else None
        if at is not None and one.get("customer_note"):
            found.append(Note(str(one.get("note") or ""), at))
    return sorted(found, key=lambda note: note.at)


def note_words(said: str) -> str:
    """A note on one line and without HTML, so that the webhook's copy and the list's are the same."""
    return " ".join(html.unescape(_TAG.sub(" ", said)).split())[:LONGEST].replace("\x00", "")
