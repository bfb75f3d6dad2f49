"""What the assistant may know of a workspace, as a model reads it: names, states, counts. Reads only.

Nobody's phone number, e-mail address or name is in here; of a business's own number only the last digits. What people
wrote (names, bodies, reasons) is handed on as data, and `ai/chat.py` hides what looks like a number or an address in it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wotnot.clock import now
from wotnot.errors import Invalid, NotFound
from wotnot.models import Broadcast, BroadcastState, Channel, Template
from wotnot.services import (
    broadcast_reports,
    broadcasts,
    channels,
    contact_lists,
    message_templates,
    tallies,
    template_families,
)
from wotnot.services.audience_counts import count_audience
from wotnot.services.broadcast_choices import describe_audience
from wotnot.services.broadcast_reports import BroadcastSummary
from wotnot.services.channel_words import limit_words
from wotnot.services.tallies import BroadcastCounts
from wotnot.services.whatsapp.components import find, text_of, variable_names
from wotnot.services.zones import say_moment

MOST_TEMPLATES, MOST_BROADCASTS, MOST_TAGS = 20, 10, 50
_FEW = 5
_LONGEST_BODY = 400
_LAST_DIGITS = 4

_BEGUN = tuple(state for state in BroadcastState if state not in {BroadcastState.DRAFT, BroadcastState.SCHEDULED})


def list_templates(workspace_id: int, *, state: str = "", search: str = "") -> dict[str, Any]:
    """How many templates are in which state, and the newest of them. Raises Invalid for a state that does not exist."""
    page = message_templates.list_templates(
        workspace_id, status=state or None, search=search or None, limit=MOST_TEMPLATES
    )
    counts = template_families.count_families(workspace_id)
    return {
        "templates": [_template(row) for row in page.items],
        "count_by_state": {state: count for state, count in counts.items() if state not in {"all", "deleted"}},
        "more_than_shown": page.next_cursor is not None,
    }


def list_broadcasts(workspace_id: int, timezone: str, *, count: int = _FEW, state: str = "") -> dict[str, Any]:
    """The last broadcasts with counts and rates; without a state those that began. Raises Invalid for a strange state."""
    states = (_known_state(state),) if state else _BEGUN
    page = broadcast_reports.list_broadcasts(workspace_id, states=states, limit=max(1, min(count, MOST_BROADCASTS)))
    return {
        "broadcasts": [_broadcast(one, timezone) for one in page.items],
        "count_by_state": broadcast_reports.count_by_state(workspace_id),
    }


def report_broadcast(
    workspace_id: int, timezone: str, *, broadcast_id: int | None = None, name: str = ""
) -> dict[str, Any]:
    """One broadcast, the last that began unless another is named: its funnel, and why messages failed or were left out.

    Raises Invalid when there is none.
    """
    found = _find_broadcast(workspace_id, broadcast_id, name)
    counts = tallies.broadcast_counts([found.id])[found.id]
    report = _broadcast(BroadcastSummary(found, counts), timezone)
    if found.reason:
        report["reason"] = found.reason
    return report | {
        "waiting": counts.open,
        "unknown": counts.states["unknown"],
        "why_failed": _causes(counts, "failed"),
        "why_left_out": _causes(counts, "skipped"),
    }


def list_numbers(workspace_id: int) -> dict[str, Any]:
    """The connected numbers with their quality, limit and pace."""
    return {"numbers": [_number(channel) for channel in channels.list_channels(workspace_id)]}


def count_contacts(workspace_id: int, *, tag: str = "") -> dict[str, Any]:
    """How many contacts there are by consent and tag; with `tag` how many have it, and how many of those may get offers.

    Raises Invalid for a tag that nobody has.
    """
    if tag:
        return _count_tagged(workspace_id, tag)
    totals = contact_lists.count_contacts(workspace_id)
    tags = contact_lists.list_tags(workspace_id)
    return {
        "contacts": totals.total,
        "opted_out": totals.opted_out,
        "may_get_offers": totals.total - totals.opted_out,
        "by_consent": contact_lists.count_by_consent(workspace_id),
        "tags": [{"name": one.name, "contacts": one.count} for one in tags[:MOST_TAGS]],
        "tag_count": len(tags),
        "link": "/app/contacts",
    }


def outline(workspace_id: int, timezone: str) -> dict[str, Any]:
    """A little of everything, for a model that cannot ask."""
    return {
        "templates": list_templates(workspace_id),
        "last_broadcasts": list_broadcasts(workspace_id, timezone),
        "numbers": list_numbers(workspace_id),
        "contacts": count_contacts(workspace_id),
    }


# ---------------------------------------------------------------- one of each


def _template(template: Template) -> dict[str, Any]:
    body = text_of(find(template.components, "BODY"), "text")
    return {
        "name": template.name,
        "language": template.language,
        "category": template.category.value,
        "state": template.status.value,
        "body": body[:_LONGEST_BODY],
        "variables": variable_names(body),
        "link": f"/app/templates/{template.id}",
    } | ({"reason": template.reason} if template.reason else {})


def _broadcast(summary: BroadcastSummary, timezone: str) -> dict[str, Any]:
    broadcast, funnel = summary.broadcast, summary.counts.funnel
    return {
        "name": broadcast.name,
        "state": broadcast.state.value,
        "people": funnel["audience"],
        "sent": funnel["sent"],
        "delivered": funnel["delivered"],
        "read": funnel["read"],
        "replied": funnel["replied"],
        "failed": funnel["failed"],
        "left_out": funnel["skipped"],
        "rates": {
            "delivered_of_sent": _percent(funnel["delivered"], funnel["sent"]),
            "read_of_delivered": _percent(funnel["read"], funnel["delivered"]),
            "replied_of_delivered": _percent(funnel["replied"], funnel["delivered"]),
            "failed_of_people": _percent(funnel["failed"], funnel["audience"]),
        },
        "template": broadcast.template.name if broadcast.template else None,
        "audience": describe_audience(broadcast),
        "scheduled": _moment(broadcast.scheduled_at, timezone),
        "started": _moment(broadcast.started_at, timezone),
        "finished": _moment(broadcast.finished_at, timezone),
        "id": broadcast.id,
        "link": f"/app/broadcasts/{broadcast.id}",
    }


def _number(channel: Channel) -> dict[str, Any]:
    digits = "".join(sign for sign in channel.display_phone_number if sign.isdecimal())
    return {
        "name": channel.verified_name,
        "ends_with": digits[-_LAST_DIGITS:],
        "state": channel.state.value,
        "quality": channel.quality_rating.lower(),
        "limit": limit_words(channel.messaging_limit),
        "messages_per_second": channel.rate_per_second,
        "link": f"/app/channels/{channel.id}",
    } | ({"reason": channel.state_reason} if channel.state_reason else {})


def _causes(counts: BroadcastCounts, state: str) -> list[Mapping[str, Any]]:
    lines = broadcast_reports.cause_lines(counts, state)
    return [{"cause": line.title, "people": line.count, "advice": line.advice} for line in lines]


def _count_tagged(workspace_id: int, tag: str) -> dict[str, Any]:
    found = contact_lists.find_tag(workspace_id, tag)
    if found is None:
        raise Invalid({"tag": f"There is no tag “{tag}”. Ask without a tag to see which there are."})
    counted = count_audience(workspace_id, {"tags": [found.name]})
    return {
        "tag": found.name,
        "contacts": counted.total,
        "opted_out": counted.opted_out,
        "may_get_offers": counted.to_send,
        "link": f"/app/contacts?tag={found.name}" if found.name.isalnum() else "/app/contacts",
    }


def _find_broadcast(workspace_id: int, broadcast_id: int | None, name: str) -> Broadcast:
    if broadcast_id is not None:
        try:
            return broadcasts.get_broadcast(workspace_id, broadcast_id)
        except NotFound:
            raise Invalid({"broadcast": f"There is no broadcast with the id {broadcast_id}."}) from None
    states = () if name else _BEGUN
    page = broadcast_reports.list_broadcasts(workspace_id, states=states, search=name or None, limit=1)
    if not page.items:
        words = f"No broadcast is called “{name}”." if name else "No broadcast has been sent yet."
        raise Invalid({"broadcast": words})
    return page.items[0].broadcast


def _known_state(state: str) -> BroadcastState:
    try:
        return BroadcastState(state)
    except ValueError:
        raise Invalid({"state": f"“{state}” is not one of {', '.join(BroadcastState)}."}) from None


def _percent(part: int, whole: int) -> str | None:
    return f"{100 * part / whole:.1f}%" if whole else None


def _moment(moment: datetime | None, timezone: str) -> str | None:
    """In words: digits in a row would look like a phone number and be hidden."""
    return say_moment(moment, timezone, now()) if moment else None
