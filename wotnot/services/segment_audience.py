"""Segments as a broadcast's audience: what they stand for now, and what they stood for when it started.

A draft names its segments, so a change to one is a change to the draft. Starting spells them out into `Broadcast.frozen`: the
list is made in batches, and every batch must ask the same question, whatever is changed or deleted meanwhile. An audience that
names a segment which is gone is nobody's, also when it was to be left out: never is it everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from wotnot.errors import Invalid
from wotnot.models import Broadcast
from wotnot.services import segments
from wotnot.services.segment_rules import is_fleeting
from wotnot.services.segment_sql import Context
from wotnot.services.segment_words import say_definition

_GONE = "A segment that was deleted"


@dataclass(frozen=True, slots=True)
class Settled:
    """An audience with every segment spelled out. `filter` is whom it is made of, `filters` whom it leaves out; `context`
    is there when there are any.
    """

    audience: Mapping[str, Any]
    exclude: Mapping[str, Any]
    context: Context | None = None
    filter: Mapping[str, Any] | None = None
    filters: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def is_filtered(self) -> bool:
        """Whether more than tags and lists decides."""
        return self.context is not None

    @property
    def is_fleeting(self) -> bool:
        """Whether its people may change although no contact does."""
        return any(map(is_fleeting, (*self.filters, *([self.filter] if self.filter else ()))))

    @property
    def question(self) -> list[Any]:
        """What it asks, as JSON: the same question has the same answer while no contact changes."""
        asked: list[Any] = [self.audience, self.exclude]
        if self.context is not None:
            asked += [self.filter, list(self.filters), self.context.timezone, str(self.context.today)]
        return asked


def settle(workspace_id: int, audience: Mapping[str, Any], exclude: Mapping[str, Any]) -> Settled:
    """Spell out the segments of a clean audience as they are now; asks nothing where there are none."""
    ids = _ids(audience, exclude)
    if not ids and "filter" not in audience:
        return Settled(audience, exclude)
    found = {one.id: one for one in segments.find_segments(workspace_id, ids)}
    if len(found) < len(set(ids)):
        return Settled({}, {})
    definitions = {one: segment.definition for one, segment in found.items()}
    return Settled(
        {name: value for name, value in audience.items() if name not in {"segment_id", "filter"}},
        {name: value for name, value in exclude.items() if name != "segment_ids"},
        segments.context_of(workspace_id),
        audience.get("filter") or definitions.get(audience.get("segment_id", 0)),
        tuple(definitions[one] for one in exclude.get("segment_ids", ())),
    )


def freeze(broadcast: Broadcast) -> None:
    """Keep what the segments of a broadcast that starts stand for. Joins the caller's transaction."""
    settled = settle(broadcast.workspace_id, broadcast.audience, broadcast.exclude)
    broadcast.frozen = None
    if settled.context is not None:
        broadcast.frozen = {
            "timezone": settled.context.timezone,
            "today": str(settled.context.today),
            "filter": settled.filter,
            "filters": list(settled.filters),
            "names": {str(one): name for one, name in names_of(broadcast).items()},
        }


def settle_frozen(broadcast: Broadcast) -> Settled:
    """The audience as it was when the broadcast started."""
    kept = broadcast.frozen
    if kept is None:
        return settle(broadcast.workspace_id, broadcast.audience, broadcast.exclude)
    return Settled(
        {name: value for name, value in broadcast.audience.items() if name not in {"segment_id", "filter"}},
        {name: value for name, value in broadcast.exclude.items() if name != "segment_ids"},
        Context(broadcast.workspace_id, kept["timezone"], date.fromisoformat(kept["today"])),
        kept["filter"],
        tuple(kept["filters"]),
    )


def check_audience(workspace_id: int, audience: Mapping[str, Any], exclude: Mapping[str, Any]) -> None:
    """Raise Invalid on `audience` or `exclude` for segments, or broadcasts of a filter, that the workspace does not have."""
    ids = _ids(audience, exclude)
    known = {one.id for one in segments.find_segments(workspace_id, ids)}
    errors = {}
    if audience.get("segment_id", None) is not None and audience["segment_id"] not in known:
        errors["audience"] = "This segment does not exist in this workspace. Choose another."
    if set(exclude.get("segment_ids", ())) - known:
        errors["exclude"] = "One of these segments does not exist in this workspace. Choose others."
    if errors:
        raise Invalid(errors)
    if "filter" in audience:
        segments.check_definition(workspace_id, audience["filter"], "audience.filter")


def is_missing(broadcast: Broadcast) -> tuple[bool, bool]:
    """Whether a segment is gone that a broadcast goes to, and whether one is that it leaves out."""
    ids = _ids(broadcast.audience, broadcast.exclude)
    gone = set(ids) - {one.id for one in segments.find_segments(broadcast.workspace_id, ids)}
    return broadcast.audience.get("segment_id") in gone, bool(gone & set(broadcast.exclude.get("segment_ids", ())))


def names_of(broadcast: Broadcast) -> dict[int, str]:
    """The names of the segments that a broadcast speaks of; those that are gone have the name they had when it started."""
    kept = {int(one): name for one, name in (broadcast.frozen or {}).get("names", {}).items()}
    ids = _ids(broadcast.audience, broadcast.exclude)
    return {one: kept.get(one, _GONE) for one in ids} | {
        one.id: one.name for one in segments.find_segments(broadcast.workspace_id, ids)
    }


def is_named(broadcast: Broadcast) -> bool:
    """Whether a broadcast goes to a segment or to a filter of its own, which `say_audience` names."""
    return not broadcast.audience.keys().isdisjoint(("segment_id", "filter"))


def say_audience(broadcast: Broadcast) -> str:
    """The segment or filter that a broadcast goes to, in words; "" where it goes to something else."""
    if "segment_id" in broadcast.audience:
        return names_of(broadcast)[broadcast.audience["segment_id"]]
    if "filter" in broadcast.audience:
        wanted = broadcast.audience["filter"]
        return say_definition(wanted, segments.name_broadcasts(broadcast.workspace_id, [wanted]))
    return ""


def say_left_out(broadcast: Broadcast) -> str:
    """Tags and segments that a broadcast leaves out, by name."""
    names = names_of(broadcast) if broadcast.exclude.get("segment_ids") else {}
    left_out = [names[one] for one in broadcast.exclude.get("segment_ids", ())]
    return ", ".join([*broadcast.exclude.get("tags", ()), *left_out])


def _ids(audience: Mapping[str, Any], exclude: Mapping[str, Any]) -> list[int]:
    chosen = [audience["segment_id"]] if "segment_id" in audience else []
    return [*chosen, *exclude.get("segment_ids", ())]
