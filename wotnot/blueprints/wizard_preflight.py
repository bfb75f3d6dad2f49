"""The check page's lines about who is at risk, what the number may still send, and what went out before."""

from typing import Any
from urllib.parse import urlencode

from wotnot.clock import now
from wotnot.models import Broadcast
from wotnot.services import audience_risks, broadcast_choices, preflight, repeat_guard
from wotnot.services.audience_counts import AudienceCount
from wotnot.services.channel_words import show_number
from wotnot.services.messaging_limits import LimitUse
from wotnot.services.preflight import Preflight
from wotnot.services.repeat_guard import Repeat
from wotnot.services.zones import begin_sentence, say_duration, say_moment

Line = dict[str, Any]

TEST_TO = "test_to"
"""Where the browser's session keeps the number that tests go to."""

DESPITE = "despite_quality"
"""The checkbox that says that it goes though Meta rates the number low."""

UNCONFIRMED = "Nothing was sent yet. Confirm this, choose another number on the Message page, or wait until the quality is better."

# By kind: an icon, then for one and for several people what they are, and why it matters.
_KIND_WORDS = {
    audience_risks.US_MARKETING: (
        "flag",
        "has a number of the United States",
        "have a number of the United States",
        "Meta delivers no marketing templates there, so it would fail.",
    ),
    audience_risks.UNREACHABLE: (
        "phone-off",
        "could not be reached before",
        "could not be reached before",
        "The last message failed as “Not reachable on WhatsApp” and nothing has arrived since.",
    ),
    audience_risks.CAPPED: (
        "calendar-user",
        "has had enough marketing for now",
        "have had enough marketing for now",
        "They got as many marketing messages lately as your workspace allows one person.",
    ),
    audience_risks.DUPLICATE: (
        "copy",
        "is in the audience twice",
        "are in the audience twice",
        "Another contact has the same number in its other spelling, so one telephone would get the message twice.",
    ),
}


def kinds(broadcast: Broadcast, found: Preflight, *, left_out: bool) -> list[Line]:
    """The people of each kind that is left out, with the way to send to them too; or of each that is not, with the switch."""
    off = audience_risks.left_out_of(broadcast)
    return [
        _kind_line(broadcast, kind, people, is_off=left_out)
        for kind, people in found.by_kind.items()
        if people and (kind in off) == left_out
    ]


def _kind_line(broadcast: Broadcast, kind: str, people: int, *, is_off: bool) -> Line:
    icon, one, several, why = _KIND_WORDS[kind]
    base = f"/app/broadcasts/{broadcast.id}"
    fields = {"kind": kind} | ({"off": "1"} if is_off else {})
    return {
        "family": "mute" if is_off else "warn",
        "icon": icon,
        "title": f"1 person {one}" if people == 1 else f"{people:,} people {several}",
        "text": why if not is_off or kind == audience_risks.CAPPED else f"You left them out. {why}",
        "url": f"{base}/people?{urlencode({'why': kind})}",
        "link": f"See {people:,}",
        "act": {
            "url": f"{base}/leave-out",
            "text": "Keep them in" if is_off else "Leave them out",
            "fields": fields,
            "busy": "Counting again",
        },
    }


def limit_passed(broadcast: Broadcast, count: AudienceCount, found: Preflight) -> list[Line]:
    """That more people get it than the number may write to at first, and how long the rest takes."""
    limit, channel = found.limit, broadcast.channel
    if limit is None or channel is None or not limit.beyond(count.to_send):
        return []
    number, days = show_number(channel.display_phone_number), limit.days_for(count.to_send)
    first = (
        f"{limit.left:,} {'on the first day' if broadcast.scheduled_at else 'today'}"
        if limit.left
        else "Nobody at first"
    )
    return [
        {
            "family": "warn",
            "icon": "gauge",
            "title": f"{first}, the other {limit.beyond(count.to_send):,} within {_days(days)} after that",
            "text": f"Meta allows {number} {_limit_words(limit)}. Who wrote to you in that time does not count. "
            "The rest waits until there is room, and goes by itself.",
            "url": f"/app/channels/{channel.id}",
            "link": "Open number",
        }
    ]


def limit_left(broadcast: Broadcast, count: AudienceCount, found: Preflight) -> list[Line]:
    """How much of the number's limit is left, when it is enough."""
    limit, channel = found.limit, broadcast.channel
    if limit is None or channel is None or limit.beyond(count.to_send):
        return []
    return [
        {
            "family": "ok",
            "icon": "gauge",
            "title": f"{limit.left:,} of {limit.daily:,} people left in this number’s limit",
            "text": f"Meta allows it {_limit_words(limit)}.",
            "url": f"/app/channels/{channel.id}",
            "link": "Open number",
        }
    ]


def _limit_words(limit: LimitUse) -> str:
    """ "250 people in any 24 hours; 13 of them are kept for single messages, and 40 people were written to in the 24 before"."""
    kept = f"{limit.reserved:,} of them are kept for single messages, and " if limit.reserved else ""
    return f"{limit.limit:,} people in any 24 hours; {kept}{_written_to(limit.used)} in the 24 before"


def _days(days: int) -> str:
    return "24 hours" if days == 1 else f"{days:,} days"


def _written_to(people: int) -> str:
    return "1 person was written to" if people == 1 else f"{people:,} people were written to"


def quality(broadcast: Broadcast) -> list[Line]:
    """That Meta rates the template or the number low, which is how both come to be stopped."""
    lines: list[Line] = []
    template, channel = broadcast.template, broadcast.channel
    if template is not None and template.quality.upper() == "RED":
        lines.append(
            {
                "family": "warn",
                "icon": "trending-down",
                "title": "Meta rates this template low",
                "text": "Too many people blocked or reported it. Meta pauses it if that goes on, and the rest is not sent.",
                "url": f"/app/templates/{template.id}",
                "link": "Open template",
            }
        )
    if channel is not None and channel.quality_rating.upper() == "RED":
        lines.append(
            {
                "family": "warn",
                "icon": "trending-down",
                "title": f"Meta rates {show_number(channel.display_phone_number)} low",
                "text": "Too many people blocked or reported it. Fewer messages, to those who want them, bring it up again.",
                "url": f"/app/channels/{channel.id}",
                "link": "Open number",
            }
        )
    return lines


def earlier(broadcast: Broadcast, count: AudienceCount, found: Preflight, timezone: str) -> list[Line]:
    """The broadcast that most of these people got already, or are to get; else the last one with the same template."""
    if repeat := found.repeat:
        title = f"{repeat.people:,} of these people got this template before"
        if repeat.scheduled_at:
            title = begin_sentence(f"{_who_also(repeat, count.to_send)} to get this template anyway")
        return [
            {
                "family": "warn",
                "icon": "repeat",
                "title": title,
                "text": f"{_say_other(repeat, timezone)}.",
                "url": f"/app/broadcasts/{repeat.id}",
                "link": "See that one",
            }
        ]
    used = broadcast_choices.find_earlier_use(broadcast) if broadcast.template_id else None
    if used is None:
        return []
    return [
        {
            "family": "warn",
            "icon": "repeat",
            "title": "This template went out before",
            "text": f"“{used.name}” used it {say_moment(used.started_at, timezone, now())}.",
            "url": f"/app/broadcasts/{used.id}",
            "link": "See that one",
        }
    ]


def _say_other(repeat: Repeat, timezone: str) -> str:
    """What a broadcast with the same template did, or is to do, without a full stop."""
    if repeat.scheduled_at is None:
        return f"“{repeat.name}” went to {repeat.percent}% of them{_say_start(repeat, timezone)}"
    moment = say_moment(repeat.scheduled_at, timezone, now())
    if repeat.scheduled_at > now():
        return f"“{repeat.name}” is planned for {moment} with the same template"
    return f"“{repeat.name}” was planned for {moment} with the same template and has not begun"


def _who_also(repeat: Repeat, to_send: int) -> str:
    """Who is to get a planned broadcast too, with the verb: "4,300 of these 4,812 people are"."""
    if to_send == 1:
        return "this person is"
    return f"{'all' if repeat.people == to_send else f'{repeat.people:,}'} of these {to_send:,} people are"


def _say_start(repeat: Repeat, timezone: str) -> str:
    return f" {say_moment(repeat.started_at, timezone, now())}" if repeat.started_at else ""


def ask_about(repeat: Repeat, to_send: int, timezone: str) -> Line:
    """The question of the check page before the same message goes to the same people; `id` is what it asks about."""
    share = f"Nothing was sent yet: {repeat.percent}% of these people"
    if repeat.scheduled_at:
        title, also = f"{share} are to get this message anyway.", _who_also(repeat, to_send)
        text = f"{_say_other(repeat, timezone)}; {also} to get it. If both should go, press the button again."
    else:
        title, when = f"{share} got this message before.", _say_start(repeat, timezone)
        text = f"“{repeat.name}” went to {repeat.people:,} of them with the same template{when}. To send it once more, press the button again."
    return {"id": repeat.id, "title": title, "text": text}


def is_unasked_repeat(broadcast: Broadcast, named: str | None) -> bool:
    """Whether it repeats another one that the page has not asked about yet; `named` is the one that it has."""
    repeat = repeat_guard.find_repeat(broadcast, preflight.count_draft(broadcast, keeps=True).to_send)
    return repeat is not None and named != str(repeat.id)


def say_late(broadcast: Broadcast) -> str:
    """What happens to a plan when nothing runs at its time: "at most 1 h late"."""
    return f"at most {say_duration(60 * broadcast.late_minutes)} late"
