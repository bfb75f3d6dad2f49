"""What the pages of broadcasts show, made of counts and states: tabs, bars and words. No request, no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from wotnot.clock import now
from wotnot.models import Broadcast, BroadcastState, Template
from wotnot.services import broadcast_states as states
from wotnot.services import channel_pace
from wotnot.services.broadcast_states import EDITABLE, Move
from wotnot.services.holds import HOLD_WORDS
from wotnot.services.languages import language_name
from wotnot.services.personalise import BUILT_IN_FIELDS, Person, fill_values
from wotnot.services.phone_numbers import format_phone
from wotnot.services.quiet_rows import TheirZones
from wotnot.services.recipients import Recipient
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.whatsapp.components import find, text_of
from wotnot.services.zones import in_zone, say_duration, say_moment, zone_name

S = BroadcastState


@dataclass(frozen=True, slots=True)
class StateTab:
    """A tab of the list: its words and the states in it."""

    words: str
    states: tuple[BroadcastState, ...]


STATE_TABS = {
    "all": StateTab("All", ()),
    "draft": StateTab("Drafts", (S.DRAFT,)),
    "scheduled": StateTab("Scheduled", (S.SCHEDULED,)),
    "sending": StateTab("Sending", (S.EXPANDING, S.SENDING)),
    "paused": StateTab("Paused", (S.PAUSED,)),
    "finished": StateTab("Finished", (S.FINISHED,)),
    "ended": StateTab("Cancelled or stopped", (S.CANCELLED, S.FAILED)),
}

_MOVES: dict[str, Move] = {
    "edit": states.EDIT,
    "reopen": states.REOPEN,
    "start": states.START,
    "pause": states.PAUSE,
    "resume": states.RESUME,
    "cancel": states.CANCEL,
    "retry": states.RETRY,
    "delete": states.DELETE,
}

# (view of recipients.VIEWS, words, the states whose counts it shows)
_RECIPIENT_TABS = (
    ("waiting", "Waiting", ("queued", "sending")),
    ("on_the_way", "On the way", ("accepted", "sent")),
    ("delivered", "Delivered", ("delivered",)),
    ("read", "Read", ("read",)),
    ("failed", "Failed", ("failed",)),
    ("unknown", "Unknown", ("unknown",)),
    ("skipped", "Left out", ("skipped",)),
    ("cancelled", "Cancelled", ("cancelled",)),
)


def can(broadcast: Broadcast, verb: str) -> bool:
    """Whether the state allows a move, so that a page offers only what works."""
    return broadcast.state in _MOVES[verb].sources


def count_messages(count: int) -> str:
    """ "1 message", "1,686 messages"."""
    return "1 message" if count == 1 else f"{count:,} messages"


def first_open_step(broadcast: Broadcast) -> str:
    """The address of the first page of the wizard that a draft has not got past."""
    if not broadcast.audience:
        step = "audience"
    elif broadcast.template_id is None or broadcast.channel_id is None:
        step = "message"
    else:
        step = "check"
    return f"/app/broadcasts/{broadcast.id}/{step}"


def is_editable(broadcast: Broadcast) -> bool:
    """Whether the wizard may still change it."""
    return broadcast.state in EDITABLE


def progress_parts(counts: BroadcastCounts) -> list[tuple[int, str, str]]:
    """The parts of the progress bar, as ui.bar and ui.legend take them; what waits stays empty."""
    now_in = counts.states
    return [
        (now_in["read"], "k1", "Read"),
        (now_in["delivered"], "k2", "Delivered, not read"),
        (now_in["accepted"] + now_in["sent"], "k4", "On the way"),
        (now_in["failed"] + now_in["unknown"], "k3", "Failed or unknown"),
    ]


def funnel_rows(broadcast: Broadcast, counts: BroadcastCounts) -> list[dict[str, object]]:
    """The rows of ui.funnel: each share is of the step before, "so far" while anything can still change."""
    funnel, total = counts.funnel, sum(counts.states.values())
    to_send = total - counts.states["skipped"]
    so_far = " so far" if broadcast.state is not S.FINISHED else ""
    left_out = counts.states["skipped"]
    steps = [
        ("Audience", total, "all", "k4", ""),
        ("To send", to_send, "", "k4", f"{left_out:,} left out" if left_out else ""),
        ("Sent", funnel["attempted"], "got_attempted", "k4", _share(funnel["attempted"], to_send, " of all")),
        (
            "Accepted",
            funnel["accepted"],
            "got_accepted",
            "k2",
            _share(funnel["accepted"], funnel["attempted"], " of sent"),
        ),
        (
            "Delivered",
            funnel["delivered"],
            "got_delivered",
            "k2",
            _share(funnel["delivered"], funnel["accepted"], so_far),
        ),
        ("Read", funnel["read"], "got_read", "k1", _share(funnel["read"], funnel["delivered"], so_far)),
        ("Replied", funnel["replied"], "replied", "k1", _share(funnel["replied"], funnel["delivered"], so_far)),
    ]
    return [
        {
            "label": label,
            "count": count,
            "url": f"/app/broadcasts/{broadcast.id}?state={view}#recipients" if view else "",
            "colour": colour,
            "note": note,
        }
        for label, count, view, colour, note in steps
    ]


def recipient_tabs(
    broadcast_id: int, counts: BroadcastCounts, view: str, kept: Mapping[str, str]
) -> list[tuple[str, str, int | None, bool]]:
    """The tabs of ui.tabs over the recipients; states that nobody is in are not shown. The filters `kept` stay.

    States are not counted by country, so with one the tabs say no numbers.
    """

    def address(name: str) -> str:
        query = {key: value for key, value in {"state": name, **kept}.items() if value and value != "all"}
        return f"/app/broadcasts/{broadcast_id}/recipients" + (f"?{urlencode(query)}" if query else "")

    is_counted = not kept.get("country")
    tabs: list[tuple[str, str, int | None, bool]] = [
        ("All", address("all"), sum(counts.states.values()) if is_counted else None, view == "all")
    ]
    for name, words, members in _RECIPIENT_TABS:
        count = sum(counts.states[state] for state in members)
        if count or view == name:
            tabs.append((words, address(name), count if is_counted else None, view == name))
    return tabs


def recipient_words() -> dict[str, object]:
    """What templates say about people and messages."""
    return {
        "phone_words": format_phone,
        "body_of": body_of,
        "field_words": field_words,
        "missing_words": missing_words,
        "language_words": language_name,
        "pace_of": channel_pace.pace_of,
        "is_slowed": channel_pace.is_slowed,
        "slowed_words": channel_pace.SLOWED,
    }


def body_of(template: Template) -> str:
    """The body of a template as it was written, on one line."""
    return " ".join(text_of(find(template.components, "BODY"), "text").split())


def field_words(why: str) -> str:
    """`blank:first_name` as people say it."""
    name = why.removeprefix("blank:")
    return BUILT_IN_FIELDS[name].lower() if name in BUILT_IN_FIELDS else f"“{name}”"


def missing_words(variables: Mapping[str, Mapping[str, Any]], person: Person) -> str:
    """What a template needs of a person and does not find, as a table says it: "First name, city"."""
    fields = dict.fromkeys(variables[key].get("field", "") for key in fill_values(variables, person).missing)
    return ", ".join(sorted((BUILT_IN_FIELDS.get(name, name) for name in fields), key=str.casefold))


def time_words(timezone: str) -> dict[str, Callable[..., str]]:
    """What templates say times with, in the workspace's zone: say(moment), clock(moment), duration(seconds), zone()."""

    def say(moment: datetime) -> str:
        return say_moment(moment, timezone, now())

    def clock(moment: datetime) -> str:
        return f"{in_zone(moment, timezone):%H:%M}"

    def clock_seconds(moment: datetime) -> str:
        local = in_zone(moment, timezone)
        return f"{local:%H:%M:%S}" if local.date() == in_zone(now(), timezone).date() else f"{local:%-d %b, %H:%M}"

    return {
        "say": say,
        "clock": clock,
        "time_now": lambda: clock(now()),
        "clock_seconds": clock_seconds,
        "duration": say_duration,
        "zone": lambda: zone_name(timezone),
    }


def times_of(recipient: Recipient, timezone: str) -> str:
    """All that is known about when, for the tooltip: "sent 10:02:31 · delivered 10:02:33"."""
    moments = (
        ("accepted", recipient.accepted_at),
        ("sent", recipient.sent_at),
        ("delivered", recipient.delivered_at),
        ("read", recipient.read_at),
        ("failed", recipient.failed_at),
    )
    return (
        " · ".join(f"{words} {in_zone(at, timezone):%-d %b %H:%M:%S}" for words, at in moments if at)
        or "No receipt yet"
    )


def held_words(recipient: Recipient, zones: TheirZones) -> str:
    """Until when somebody waits: "Held until tomorrow at 08:00 (their time): quiet hours"; "Again today at 10:04" for what is
    just tried once more. Empty for what is due.
    """
    if recipient.state != "queued" or recipient.due_at is None or recipient.due_at <= now():
        return ""
    if recipient.hold_reason is None:
        return f"Again {say_moment(recipient.due_at, zones.home, now())}"
    zone = zones.of(recipient, recipient.due_at) if recipient.hold_reason == "quiet" else zones.home
    whose = " (their time)" if recipient.hold_reason == "quiet" and zone != zones.home else ""
    words = HOLD_WORDS.get(recipient.hold_reason, ("",))[0]
    return f"Held until {say_moment(recipient.due_at, zone, now())}{whose}: {words[:1].lower()}{words[1:]}"


def _share(part: int, whole: int, words: str) -> str:
    return f"{100 * part / whole:.1f}%{words}" if whole else ""
