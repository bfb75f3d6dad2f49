"""Rate limits, each kept as one number: the theoretical arrival time of the generic cell rate algorithm."""

from __future__ import annotations

from collections import deque

# Meta allows one message every six seconds to the same person and lends a burst of 45.
PAIR_INTERVAL_S = 6.0
PAIR_BURST = 45

# A number may run ahead of its rate by one second's worth of messages.
THROUGHPUT_BURST_S = 1.0


def next_arrival(arrival: float, now: float, interval_s: float, lent_s: float) -> float | None:
    """The new theoretical arrival time after one more message at `now`, or None when the limit is hit.

    `interval_s` is the time one message costs, `lent_s` how far ahead of time the sender may run.
    """
    start = arrival if arrival > now else now
    if start - now > lent_s - interval_s + 1e-9:
        return None
    return start + interval_s


class RollingCount:
    """How many events happened in the last `period_s` seconds."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._times: deque[float] = deque()

    def add_if_below(self, limit: int, now: float) -> bool:
        """Count one more event unless `limit` is reached; tell whether it was counted."""
        while self._times and self._times[0] <= now - self.period_s:
            self._times.popleft()
        if len(self._times) >= limit:
            return False
        self._times.append(now)
        return True
