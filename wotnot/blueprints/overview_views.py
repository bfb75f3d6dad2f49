"""What the overview says, made of counts: comparisons in words, the chart's series. No request, no database."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from wotnot.services.number_shares import Narrowed, Share
from wotnot.services.reports import Analytics
from wotnot.services.tallies import BroadcastCounts

# Below this difference two shares count as the same, and a tenth of a percent of a big count as noise.
_SAME_POINTS = 0.05
_LATE, _NOON = 18, 12


@dataclass(frozen=True, slots=True)
class Kpi:
    """One number: its share, and the period before in words. `trend` is up, down or flat, empty without a before."""

    value: int
    share: str = ""
    words: str = ""
    trend: str = ""


def sent_kpi(now: BroadcastCounts, before: BroadcastCounts, since: str) -> Kpi:
    """How many messages Meta took, against those of the days that `since` names: "in the 30 days before"."""
    count, earlier = now.funnel["accepted"], before.funnel["accepted"]
    if not earlier:
        return Kpi(count, words=f"none {since}")
    if count == earlier:
        return Kpi(count, words=f"as many as {since}", trend="flat")
    more = "more" if count > earlier else "fewer"
    return Kpi(count, words=f"{abs(count - earlier):,} {more} than {since}", trend="up" if count > earlier else "down")


def share_kpi(step: str, of: str, now: BroadcastCounts, before: BroadcastCounts) -> Kpi:
    """How many reached `step`, as a share of those that reached `of`, against the share before."""
    count, whole = now.funnel[step], now.funnel[of]
    base = "of those sent" if of == "accepted" else f"of {of}"
    if not whole:
        return Kpi(count, words=base)
    share = 100 * count / whole
    shown = f"{share:.1f}%"
    if not before.funnel[of]:
        return Kpi(count, shown, base)
    points = share - 100 * before.funnel[step] / before.funnel[of]
    if abs(points) < _SAME_POINTS:
        return Kpi(count, shown, f"{base}, about the same as before", "flat")
    more = "more" if points > 0 else "less"
    return Kpi(count, shown, f"{base}, {abs(points):.1f} points {more} than before", "up" if points > 0 else "down")


def chart_of(report: Analytics, query: str) -> dict[str, Any]:
    """Stacked bars by day: read, delivered but not read, failed; and one sentence that says what they show.

    `query` asks for the same days.
    """
    days = list(report.by_day.items())
    series = [
        {
            "label": "Read",
            "colour": "k1",
            "data": [counts.funnel["read"] for _, counts in days],
            "urls": [day_url(day, "read") for day, _ in days],
            "url": number_url(query, "read"),
        },
        {
            "label": "Delivered, not read",
            "colour": "k2",
            "data": [counts.funnel["delivered"] - counts.funnel["read"] for _, counts in days],
            "urls": [day_url(day, "unread") for day, _ in days],
            "url": number_url(query, "unread"),
        },
        {
            "label": "Failed",
            "colour": "k3",
            "data": [counts.funnel["failed"] for _, counts in days],
            "urls": [day_url(day, "failed") for day, _ in days],
            "url": number_url(query, "failed"),
        },
    ]
    return {
        "labels": [f"{day:%-d %b}" for day, _ in days],
        "titles": [f"{day:%A %-d %B}" for day, _ in days],
        "series": series,
        "sentence": _busiest(days),
    }


_STEP_WORDS = {
    "audience": ("message was to be sent", "messages were to be sent"),
    "accepted": ("message was sent", "messages were sent"),
    "undelivered": ("message was sent and not delivered", "messages were sent and not delivered"),
    "delivered": ("message was delivered", "messages were delivered"),
    "unread": ("message was delivered and not read", "messages were delivered and not read"),
    "read": ("message was read", "messages were read"),
    "replied": ("message was answered", "messages were answered"),
    "failed": ("message failed", "messages failed"),
}
_STEP_VIEWS = {
    "audience": "all",
    "accepted": "got_accepted",
    "undelivered": "got_no_further",
    "delivered": "got_delivered",
    "unread": "delivered",
    "read": "got_read",
    "replied": "replied",
    "failed": "failed",
}


def step_title(step: str, count: int) -> str:
    """1,012 messages were read."""
    one, many = _STEP_WORDS[step]
    return f"{count:,} {one if count == 1 else many}"


def step_words(step: str) -> str:
    """What messages of a step were, without their number: "sent and not delivered"."""
    return _STEP_WORDS[step][1].removeprefix("messages ").removeprefix("were ")


def share_url(share: Share, step: str, narrowed: Narrowed, query: str) -> str:
    """The people behind a share; for what was sent outside broadcasts its messages, in the days of `query`."""
    cause = {} if narrowed.cause is None else {"cause": narrowed.cause}
    if share.broadcast_id is None:
        template = {} if narrowed.template is None else {"template": narrowed.template}
        return f"/app/numbers/messages?{query}&{urlencode({'what': step} | template | cause)}"
    return people_url(share.broadcast_id, step, **cause)


def people_url(broadcast_id: int, step: str, **more: str) -> str:
    """The people of a broadcast who got to `step`."""
    return f"/app/broadcasts/{broadcast_id}?{urlencode({'state': _STEP_VIEWS[step], **more})}#recipients"


def number_url(query: str, step: str, **more: str) -> str:
    """The page that says which broadcasts a number is made of; `query` is its days."""
    return f"/app/numbers?{query}&{urlencode({'what': step, **more})}"


def day_url(day: date, step: str) -> str:
    """The same for one day."""
    return number_url(day_query(day), step)


def day_query(day: date) -> str:
    """What asks for one day."""
    return f"from={day}&to={day}"


def period_words(first: date, last: date) -> str:
    """27 October to 25 November."""
    return f"{first:%-d %B} to {last:%-d %B}"


def greeting(local: datetime, name: str) -> str:
    """Good morning, Dana."""
    part = "morning" if local.hour < _NOON else "afternoon" if local.hour < _LATE else "evening"
    return f"Good {part}, {name.split(maxsplit=1)[0]}"


def _busiest(days: list[tuple[date, BroadcastCounts]]) -> str:
    sums = [(counts.funnel["delivered"] + counts.funnel["failed"], day) for day, counts in days]
    most, day = max(sums)
    if not most:
        return "Stacked bars of messages by day. There were none in these days."
    return f"Stacked bars of messages by day. Busiest day: {day:%-d %B} with {most:,} messages."
