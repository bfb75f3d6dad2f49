"""How considerate a workspace's broadcasts are, as somebody chose it. Owns `pace_settings`.

`failure_watch.py`, `quiet_hours.py`, `frequency_caps.py` and `limit_rooms.py` act on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import time
from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, PaceSetting
from wotnot.services.transaction import transaction

MAX_CAP, MAX_CAP_DAYS, MAX_RESERVE, MAX_ZONE_FIELD = 100, 90, 50, 100


@dataclass(frozen=True, slots=True)
class PaceSetup:
    """The columns of `PaceSetting`, or its defaults. Times are on the clock of whoever gets the message."""

    stop_percent: int | None = 30
    quiet_from: time | None = None
    quiet_to: time | None = None
    quiet_all: bool = False
    zone_field: str = ""
    cap_messages: int | None = None
    cap_days: int = 7
    reserve_percent: int = 5

    @property
    def has_quiet_hours(self) -> bool:
        """Whether there are hours in which nothing goes out."""
        return self.quiet_from is not None


_NAMES = tuple(asdict(PaceSetup()))


def get_setup(workspace_id: int) -> PaceSetup:
    """What the workspace chose, else the defaults."""
    return _setup(db.session.get(PaceSetting, workspace_id))


def setup_of(broadcast: Broadcast) -> PaceSetup:
    """The same for a broadcast's workspace, read once for as long as the broadcast is at hand."""
    return _setup(broadcast.pace)


def _setup(row: PaceSetting | None) -> PaceSetup:
    return PaceSetup(**{name: getattr(row, name) for name in _NAMES}) if row else PaceSetup()


def save_setup(workspace_id: int, typed: Mapping[str, Any]) -> PaceSetup:
    """Save what was typed on the page, text or true; empty means off. All complaints together in one Invalid.

    `stop_percent`, `quiet_from` and `quiet_to` (21:00), `quiet_all`, `zone_field`, `cap_messages`, `cap_days`,
    `reserve_percent`.
    """
    readers: dict[str, Callable[[str], Any]] = {
        "stop_percent": _number(1, 100, empty=None),
        "quiet_from": _read_time,
        "quiet_to": _read_time,
        "zone_field": _read_field,
        "cap_messages": _number(1, MAX_CAP, empty=None),
        "cap_days": _number(1, MAX_CAP_DAYS, empty=PaceSetup().cap_days),
        "reserve_percent": _number(0, MAX_RESERVE, empty=0),
    }
    values: dict[str, Any] = {"quiet_all": bool(typed.get("quiet_all"))}
    errors: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            values[name] = read(str(typed.get(name) or "").strip())
        except ValueError as error:
            errors[name] = str(error)
    if not errors and (values["quiet_from"] is None) != (values["quiet_to"] is None):
        missing = "quiet_from" if values["quiet_from"] is None else "quiet_to"
        errors[missing] = "Give both times, or leave both empty for no quiet hours."
    elif not errors and values["quiet_from"] is not None and values["quiet_from"] == values["quiet_to"]:
        errors["quiet_to"] = "The two times are the same, so nothing would ever be sent. Choose another one."
    if errors:
        raise Invalid(errors)
    return _save(workspace_id, values)


def _save(workspace_id: int, values: Mapping[str, Any]) -> PaceSetup:
    changed = {**values, "updated_at": func.clock_timestamp()}
    with transaction() as session:
        statement = insert(PaceSetting).values(workspace_id=workspace_id, **changed)
        session.execute(statement.on_conflict_do_update(index_elements=["workspace_id"], set_=changed))
        session.expire_all()
    return get_setup(workspace_id)


def _number(least: int, most: int, *, empty: int | None) -> Callable[[str], int | None]:
    def read(typed: str) -> int | None:
        if not typed:
            return empty
        if not typed.isascii() or not typed.isdecimal() or not least <= int(typed[:9]) <= most:
            raise ValueError(f"Give a whole number from {least} to {most}, or leave it empty.")
        return int(typed)

    return read


def _read_time(typed: str) -> time | None:
    if not typed:
        return None
    try:
        moment = time.fromisoformat(typed)
    except ValueError:
        raise ValueError("Give a time, such as 21:00.") from None
    if moment.tzinfo is not None:
        raise ValueError("Give the time without a zone; it is each person's own.")
    return moment.replace(second=0, microsecond=0)


def _read_field(typed: str) -> str:
    if len(typed) > MAX_ZONE_FIELD or "\x00" in typed:
        raise ValueError(f"A field has at most {MAX_ZONE_FIELD} characters.")
    return typed
