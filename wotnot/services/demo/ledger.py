"""What a past broadcast leaves in the ledger: one row a person, with plausible times and endings. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wotnot.models import Consent, MessageState
from wotnot.services.tallies import (
    REACHED_ACCEPTED,
    REACHED_DELIVERED,
    REACHED_NOTHING,
    REACHED_READ,
    REACHED_SENT,
)
from wotnot.services.whatsapp.errors import plain_words

_FAILURES, _FAILURE_WEIGHTS = (131026, 131049, 130472), (6, 3, 1)
_ENDINGS = (MessageState.READ, MessageState.DELIVERED, MessageState.FAILED, MessageState.SENT)
_TIMES = ("claimed_at", "accepted_at", "sent_at", "delivered_at", "read_at", "failed_at")


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact as the ledger needs it."""

    id: int
    phone: str
    consent: Consent


@dataclass(frozen=True, slots=True)
class Sending:
    """One past sending: the columns all its rows share, when it began, how fast it went, how it ended (weights)."""

    columns: dict[str, Any]
    started_at: datetime
    rate: float
    category: str
    zone: ZoneInfo
    weights: tuple[int, int, int, int] = (64, 26, 6, 4)


def past_messages(sending: Sending, people: Sequence[Recipient], dice: random.Random) -> Iterator[dict[str, Any]]:
    """The rows of a past sending; those who opted out are skipped, as the sender does."""
    sent_count = 0
    for person in people:
        row = _blank(sending, person)
        if person.consent is Consent.OPTED_OUT:
            yield row | {"state": MessageState.SKIPPED, "skip_reason": "opted_out", "reached": REACHED_NOTHING}
            continue
        accepted_at = sending.started_at + timedelta(seconds=sent_count / sending.rate)
        sent_count += 1
        yield row | _outcome(sending, accepted_at, f"wamid.demo.{dice.getrandbits(96):024x}", dice)


def _blank(sending: Sending, person: Recipient) -> dict[str, Any]:
    times = dict.fromkeys(_TIMES)
    began = sending.started_at
    return {
        **sending.columns,
        **times,
        "contact_id": person.id,
        "phone": person.phone,
        "wamid": None,
        "skip_reason": None,
        "error_code": None,
        "error_title": None,
        "pricing_category": None,
        "pricing_type": None,
        "due_at": began,
        "created_at": began,
        "changed_at": began,
        "day": began.astimezone(sending.zone).date(),
    }


def _outcome(sending: Sending, accepted_at: datetime, wamid: str, dice: random.Random) -> dict[str, Any]:
    ending = dice.choices(_ENDINGS, sending.weights)[0]
    row: dict[str, Any] = {
        "state": ending,
        "wamid": wamid,
        "claimed_at": accepted_at - timedelta(milliseconds=300),
        "accepted_at": accepted_at,
    }
    if ending is MessageState.FAILED:
        return row | _failure(accepted_at + timedelta(seconds=dice.uniform(1, 6)), dice)
    row |= {"reached": REACHED_SENT, "sent_at": accepted_at + timedelta(seconds=dice.uniform(0.3, 2))}
    row |= {"pricing_category": sending.category, "pricing_type": "regular", "changed_at": row["sent_at"]}
    if ending in {MessageState.DELIVERED, MessageState.READ}:
        delivered_at = accepted_at + timedelta(seconds=dice.triangular(2, 5400, 6))
        row |= {"reached": REACHED_DELIVERED, "delivered_at": delivered_at, "changed_at": delivered_at}
    if ending is MessageState.READ:
        read_at = row["delivered_at"] + timedelta(minutes=dice.triangular(0.5, 900, 20))
        row |= {"reached": REACHED_READ, "read_at": read_at, "changed_at": read_at}
    return row


def _failure(failed_at: datetime, dice: random.Random) -> dict[str, Any]:
    code = dice.choices(_FAILURES, _FAILURE_WEIGHTS)[0]
    return {
        "reached": REACHED_ACCEPTED,
        "failed_at": failed_at,
        "changed_at": failed_at,
        "error_code": code,
        "error_title": plain_words(code).title,
    }
