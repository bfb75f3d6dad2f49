"""Hours in which people want to be left alone, on their own clock: until when, and when they begin. Pure.

Where somebody may be in several zones it is quiet for them while it is quiet in any. Where that is the whole day, since a
number without a place may be anywhere from Guam to Puerto Rico, the workspace's own zone decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_LONGEST = timedelta(hours=48)
_MINUTE = timedelta(minutes=1)
_REMEMBERED = 20_000


@dataclass(slots=True)
class QuietHours:
    """Nothing goes out from `begin` to `end` (wall clock; over midnight when `begin` is later). `home` is the zone of
    whoever tells none."""

    begin: time
    end: time
    home: str
    _known: dict[tuple[tuple[str, ...], datetime], datetime | None] = field(default_factory=dict)

    def until(self, zones: tuple[str, ...], moment: datetime) -> datetime | None:
        """When somebody in one of `zones` may be written to again; None when they may be at `moment`."""
        # Quiet hours begin and end with a minute, so one answer is good for all of it.
        key = zones, moment.replace(second=0, microsecond=0)
        if key not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[key] = self._end_of_quiet(zones or (self.home,), key[1])
        return self._known[key]

    def periods(self, zones: tuple[str, ...], first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Every quiet time that overlaps the moments from `first` to `last`, the earliest first."""
        moment = first
        while moment <= last:
            end = self.until(zones, moment)
            if end is None:
                moment = self._next_begin(zones or (self.home,), moment)
                continue
            yield moment, end
            moment = end

    def _end_of_quiet(self, zones: tuple[str, ...], moment: datetime) -> datetime | None:
        ends_at = moment
        while ends := [self._end_in(zone, ends_at) for zone in zones if self._is_quiet(zone, ends_at)]:
            ends_at = max(ends)
            if ends_at - moment > _LONGEST:
                return self._end_of_quiet((self.home,), moment)
        return ends_at if ends_at > moment else None

    def _is_quiet(self, zone: str, moment: datetime) -> bool:
        clock = moment.astimezone(ZoneInfo(zone)).time()
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def _end_in(self, zone: str, moment: datetime) -> datetime:
        """When the clock next shows `end`. A time that summer time skips is over as soon as the clock has passed it."""
        found = _next(zone, moment, self.end)
        while found - _MINUTE > moment and not self._is_quiet(zone, found - _MINUTE):
            found -= _MINUTE
        return found

    def _next_begin(self, zones: tuple[str, ...], moment: datetime) -> datetime:
        return min(_next(zone, moment, self.begin) for zone in {*zones, self.home})


def _next(zone: str, moment: datetime, clock: time) -> datetime:
    """The first moment after this one at which the clock of `zone` shows `clock`, in UTC."""
    local = moment.astimezone(ZoneInfo(zone))
    shown = datetime.combine(local.date(), clock, ZoneInfo(zone)).replace(fold=local.fold)
    found = shown.astimezone(UTC)
    if found > moment:
        return found
    return (shown + timedelta(days=1)).replace(fold=0).astimezone(UTC)
