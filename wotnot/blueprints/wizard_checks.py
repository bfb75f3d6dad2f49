"""The check page's list, and the wizard's steps, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from wotnot.blueprints import wizard_preflight as lines_of
from wotnot.blueprints.broadcast_views import count_messages
from wotnot.blueprints.wizard_pace import AT_ONCE, say_pace
from wotnot.clock import now
from wotnot.models import Broadcast, Template, Workspace
from wotnot.services import broadcast_choices, pace_settings
from wotnot.services.audience_counts import AudienceCount
from wotnot.services.broadcast_choices import describe_audience
from wotnot.services.broadcast_readiness import Blocker, list_blockers
from wotnot.services.channel_pace import pace_of
from wotnot.services.channel_words import show_number
from wotnot.services.languages import language_name
from wotnot.services.messaging_limits import LimitUse
from wotnot.services.personalise import BUILT_IN_FIELDS
from wotnot.services.preflight import Preflight, finish_of, seconds_of
from wotnot.services.segment_audience import is_named, say_left_out
from wotnot.services.zones import begin_sentence, say_duration, say_moment

Line = dict[str, Any]
Groups = list[tuple[str, list[Line]]]

_QUALITY_WORDS = {"GREEN": "high", "YELLOW": "medium"}
BLOCKS, LOOK, LEFT_OUT, FINE = "Blocks sending", "Worth a look", "Left out, so nobody is bothered", "Fine"


@dataclass(frozen=True, slots=True)
class Languages:
    """How many people get which translation, the main one first, and the translations that nobody gets, with the reason."""

    readers: Sequence[tuple[Template, int]] = ()
    left_out: Sequence[tuple[Template, str]] = ()


NO_LANGUAGES = Languages()


def steps_of(
    broadcast: Broadcast | None, count: AudienceCount | None, current: int, timezone: str
) -> list[tuple[str, str, str | None]]:
    """The steps bar: (title, note, address or None) of each page."""
    if broadcast is None:
        return [(title, "", None) for title in ("Audience", "Message", "When", "Check")]
    base = f"/app/broadcasts/{broadcast.id}"
    people = describe_audience(broadcast)
    template = broadcast.template
    has_audience, has_message = bool(broadcast.audience), template is not None
    if count:
        # A segment has a name to be known by; tags and lists are known by their number.
        named = f"{people}, " if is_named(broadcast) else ""
        remaining = count.total - count.excluded
        people = f"{named}{remaining:,} contact{'' if remaining == 1 else 's'}"
    return [
        ("Audience", people, f"{base}/audience"),
        ("Message", template.name if template else "", f"{base}/message" if has_audience else None),
        ("When", _when_note(broadcast, timezone), f"{base}/when" if has_audience and has_message else None),
        (
            "Check",
            "Nothing is sent yet" if current == 4 else "",
            f"{base}/check" if has_audience and has_message else None,
        ),
    ]


def check_groups(
    broadcast: Broadcast,
    count: AudienceCount,
    workspace: Workspace,
    found: Preflight,
    languages: Languages = NO_LANGUAGES,
) -> Groups:
    """The pre-flight list of wizard.checks; the first group is empty when nothing keeps it from being sent."""
    blockers = list_blockers(broadcast)
    fine = [] if blockers else _fine(broadcast, count, workspace, found, languages)
    return [
        (BLOCKS, _blocking(broadcast, count, blockers)),
        (LOOK, _worth_a_look(broadcast, count, workspace, found) + _left_out_languages(languages)),
        (LEFT_OUT, _left_out(broadcast, count) + lines_of.kinds(broadcast, found, left_out=True)),
        (FINE, fine + lines_of.limit_left(broadcast, count, found)),
    ]


def _blocking(broadcast: Broadcast, count: AudienceCount, blockers: Sequence[Blocker]) -> list[Line]:
    base = f"/app/broadcasts/{broadcast.id}"
    lines = [
        {"family": "bad", "title": blocker.words, "url": _place_of(base, blocker.step), "link": "Change it"}
        for blocker in blockers
    ]
    if broadcast.audience and not count.to_send:
        text = (
            "Everybody in it is left out, for the reasons below." if count.total else "No contact matches it right now."
        )
        lines.append(
            {
                "family": "bad",
                "title": "Nobody would get this message",
                "text": text,
                "url": f"{base}/audience",
                "link": "Change it",
            }
        )
    if broadcast.scheduled_at is not None and broadcast.scheduled_at <= now():
        lines.append(
            {
                "family": "bad",
                "title": "The time you chose has passed",
                "text": "Choose a later one, or send now.",
                "url": f"{base}/when",
                "link": "Change it",
            }
        )
    return lines


def _place_of(base: str, step: str) -> str:
    return step if step.startswith("/") else f"{base}/{step}"


def _worth_a_look(broadcast: Broadcast, count: AudienceCount, workspace: Workspace, found: Preflight) -> list[Line]:
    return [
        *lines_of.earlier(broadcast, count, found, workspace.timezone),
        *lines_of.limit_passed(broadcast, count, found),
        *lines_of.quality(broadcast),
        *lines_of.kinds(broadcast, found, left_out=False),
        *_fallback_lines(broadcast, count),
    ]


def _fallback_lines(broadcast: Broadcast, count: AudienceCount) -> list[Line]:
    """A line a field, however many variables it fills: the people without it are the same ones."""
    by_field: dict[str, tuple[int, list[str]]] = {}
    for key, people in count.fallback_by_variable.items():
        source = broadcast.variables[key]
        _, words = by_field.setdefault(source["field"], (people, []))
        if source["fallback"] not in words:
            words.append(source["fallback"])
    return [
        {
            "family": "warn",
            "title": f"{_people(people)} {_have(people)} no {_field_words(field)}",
            "text": f"They will read {' and '.join(f'“{word}”' for word in words)}. You can fill it in before you send.",
            "url": f"/app/broadcasts/{broadcast.id}/people?{urlencode({'why': f'blank:{field}'})}",
            "link": f"See {people:,}",
        }
        for field, (people, words) in by_field.items()
    ]


def _left_out(broadcast: Broadcast, count: AudienceCount) -> list[Line]:
    found = [
        (count.opted_out, "hand-stop", "opted out", "By STOP, in WhatsApp, or by your team.", "opted_out"),
        (count.excluded, "tag-off", "left out by tag or segment", say_left_out(broadcast), "excluded"),
        (
            count.missing,
            "variable",
            "with a missing value",
            f"{_missing_words(broadcast, count)} Give a fallback on the Message page to reach them.",
            "missing_value",
        ),
        (count.no_number, "phone-off", "without a phone number", "This kind of template needs one.", "no_number"),
    ]
    return [
        {
            "family": "mute",
            "icon": icon,
            "title": f"{people:,} {words}",
            "text": text,
            "url": f"/app/broadcasts/{broadcast.id}/people?why={why}",
            "link": f"See {people:,}",
        }
        for people, icon, words, text, why in found
        if people
    ]


def _fine(
    broadcast: Broadcast, count: AudienceCount, workspace: Workspace, found: Preflight, languages: Languages
) -> list[Line]:
    lines: list[Line] = []
    if broadcast.template is None or broadcast.channel is None:
        return lines
    template, channel = broadcast.template, broadcast.channel
    quality = _QUALITY_WORDS.get(template.quality.upper(), "")
    lines.append(
        {
            "family": "ok",
            "title": "Template approved" + (f", quality {quality}" if quality else ""),
            "text": f"{template.category.value.capitalize()}, {language_name(template.language)}: {template.name}.",
            "url": f"/app/templates/{template.id}",
            "link": "Open template",
        }
    )
    lines += _language_line(broadcast, languages)
    if count.to_send:
        lines.append({"family": "ok", **_finish_words(broadcast, count, workspace, found.limit)})
    lines.append(
        {
            "family": "ok",
            "title": f"{show_number(channel.display_phone_number)} is connected",
            "text": f"Your customers see {channel.verified_name}.",
            "url": f"/app/channels/{channel.id}",
            "link": "Open number",
        }
    )
    return lines


def _language_line(broadcast: Broadcast, languages: Languages) -> list[Line]:
    """How many people read it in which language; nothing when there is only one."""
    if len(languages.readers) < 2:
        return []
    parts = [f"{people:,} in {language_name(template.language)}" for template, people in languages.readers if people]
    main = language_name(languages.readers[0][0].language)
    return [
        {
            "family": "ok",
            "icon": "language",
            "title": f"Each in their own language, all others in {main}",
            "text": f"{', '.join(parts)}." if parts else "",
            "url": f"/app/broadcasts/{broadcast.id}/message",
            "link": "Change it",
        }
    ]


def _left_out_languages(languages: Languages) -> list[Line]:
    """A line a translation that exists but cannot go out with this message."""
    return [
        {
            "family": "warn",
            "icon": "language-off",
            "title": f"{language_name(template.language)} is not used",
            "text": f"That translation {why}. Its readers get another language.",
            "url": f"/app/templates/{template.id}",
            "link": "Open it",
        }
        for template, why in languages.left_out
    ]


def _finish_words(
    broadcast: Broadcast, count: AudienceCount, workspace: Workspace, limit: LimitUse | None
) -> dict[str, str]:
    assert broadcast.channel is not None  # noqa: S101 — for the type checker; the caller looked
    rate = pace_of(broadcast.channel)
    seconds = seconds_of(broadcast, count.to_send, limit)
    moment = finish_of(broadcast, count.to_send, limit) or now()
    text = f"{count_messages(count.to_send)} at {rate} a second: {say_duration(seconds)}."
    words = say_pace(broadcast, pace_settings.setup_of(broadcast))
    text += "" if words == AT_ONCE else f" {words}"
    if limit and limit.beyond(count.to_send):
        text += f" At most {limit.daily:,} people in any 24 hours, by the number’s limit."
    if broadcast_choices.is_busy(broadcast.channel):
        text += " Another broadcast is using this number now; the two share its pace, so it takes longer."
    return {
        "title": f"Finishes {say_moment(moment, workspace.timezone, now()).replace(' at ', ' at about ')}",
        "text": text,
    }


def _when_note(broadcast: Broadcast, timezone: str) -> str:
    if not broadcast.template_id:
        return ""
    when = begin_sentence(say_moment(broadcast.scheduled_at, timezone, now())) if broadcast.scheduled_at else "Now"
    return when + (f", {pace_of(broadcast.channel)} a second" if broadcast.channel else "")


def _missing_words(broadcast: Broadcast, count: AudienceCount) -> str:
    fields = {broadcast.variables[key]["field"] for key in count.missing_by_variable}
    return f"{', '.join(f'“{_field_words(name)}”' for name in sorted(fields))} is empty for them." if fields else ""


def _field_words(name: str) -> str:
    return BUILT_IN_FIELDS.get(name, name).lower() if name in BUILT_IN_FIELDS else name


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
