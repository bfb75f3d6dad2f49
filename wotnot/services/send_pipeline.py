"""From a claimed message to its outcome: wait for the slot, post from a pool of threads, collect what came back.

One thread releases parcels at their slots and never faster than the channel's pace, also when it is late: late parcels
are not allowed to bunch up. The pool posts. Outcomes wait in `results` for the sender to record them in groups.
"""

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import NamedTuple

from wotnot.services.outbox import Claim
from wotnot.services.send_journal import Departure
from wotnot.services.whatsapp.dispatch import Answer, Dispatcher

CATCH_UP = 0.98
"""A late channel may space its parcels this much closer than its pace, to make up for being late."""

BURST_SECONDS = 0.03
"""Being late by less than this is made up for at once: a thread wakes up a little late each time, and without it every
such moment would be lost for good. The gate lets no more of them into any one second than its slack."""

GATE_SLACK = 1.03
"""What may leave in one second, as a multiple of the pace."""

STALE_SECONDS = 30.0
"""A parcel this late goes back to the queue: its claim may look abandoned to others by then."""


class Gate:
    """The last check before the wire: no more than the pace and a few per cent leave in any one second.

    Releasing on time is not enough: threads that waited for the interpreter may reach the socket in a bunch.
    """

    def __init__(self) -> None:
        """Nothing has left yet."""
        self._left: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self, interval: float) -> None:
        """Return when one more may leave at a pace of one each `interval` seconds; 0 is no limit."""
        if interval <= 0:
            return
        most = max(1, math.ceil(GATE_SLACK / interval))
        with self._lock:
            now = time.monotonic()
            moment = max(now, self._left[-most] + 1.0) if len(self._left) >= most else now
            self._left.append(moment)
            while len(self._left) > most:
                self._left.popleft()
        if moment > now:
            time.sleep(moment - now)


@dataclass(slots=True, eq=False)
class Lane:
    """One channel's pace inside this process, and its parcels in the order of their slots."""

    channel_id: int
    phone_number_id: str
    token: str
    interval: float = 0.0
    paced_to: float = 0.0
    gate: Gate = field(default_factory=Gate)
    waiting: "deque[Parcel]" = field(default_factory=deque)

    @property
    def planned(self) -> int:
        """Parcels that have not been released yet."""
        return len(self.waiting)

    def next_moment(self) -> float:
        """When the first waiting parcel may go: at its slot, and never closer than the pace to the one before."""
        return max(self.waiting[0].slot, self.paced_to + CATCH_UP * self.interval)

    def note_release(self, now: float) -> None:
        """Move the pace on by one parcel, keeping no more than a short burst of what was missed."""
        self.paced_to = max(self.paced_to + CATCH_UP * self.interval, now - BURST_SECONDS)


@dataclass(slots=True, eq=False)
class Parcel:
    """A message ready to go: the `body` to post at `slot` (monotonic seconds), unless `stopped` says otherwise."""

    claim: Claim
    lane: Lane
    body: bytes
    slot: float
    stopped: Callable[[], bool]
    values: dict[str, str] | None = None


class Returned(NamedTuple):
    """What came back: the answer, or None for a parcel that was not posted."""

    parcel: Parcel
    answer: Answer | None


@dataclass(slots=True)
class _Agenda:
    """Lanes with waiting parcels by the moment of their first one."""

    lanes: list[tuple[float, int, Lane]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    order: Iterator[int] = field(default_factory=itertools.count)

    def add(self, lane: Lane) -> None:
        heapq.heappush(self.lanes, (lane.next_moment(), next(self.order), lane))


class SendPipeline:
    """The threads between planning and recording. `results` yields one Returned for every parcel put in."""

    def __init__(self, dispatcher: Dispatcher, prepare: Callable[[int], Departure], *, threads: int) -> None:
        """Post with `dispatcher`, at most `threads` at once; each message leaves through what `prepare` makes for its id."""
        self.results: SimpleQueue[Returned] = SimpleQueue()
        self._dispatcher = dispatcher
        self._prepare = prepare
        self._threads = threads
        self._started = 0
        self._free = threading.Semaphore(0)
        self._todo: SimpleQueue[Parcel | None] = SimpleQueue()
        self._agenda = _Agenda()
        self._closing = False
        self._clock = threading.Thread(target=self._release_on_time, name="send-clock", daemon=True)
        self._clock.start()

    def put(self, lane: Lane, parcels: Sequence[Parcel]) -> None:
        """Take parcels of one lane, in the order of their slots; each is posted then or comes back unposted."""
        if not parcels:
            return
        with self._agenda.changed:
            was_idle = not lane.waiting
            lane.waiting.extend(parcels)
            if was_idle:
                self._agenda.add(lane)
                self._agenda.changed.notify()

    def close(self) -> None:
        """Stop: what was not posted comes back at once, what is on the wire when it is answered."""
        with self._agenda.changed:
            self._closing = True
            self._agenda.changed.notify()
        self._clock.join()
        for _ in range(self._started):
            self._todo.put(None)

    def _release_on_time(self) -> None:
        while (lane := self._wait_for_lane()) is not None:
            parcel = lane.waiting[0]
            if self._must_return(parcel):
                self.results.put(Returned(parcel, None))
            else:
                self._wait_for_thread()
                lane.note_release(time.monotonic())
                self._todo.put(parcel)
            with self._agenda.changed:
                lane.waiting.popleft()
                if lane.waiting:
                    self._agenda.add(lane)

    def _must_return(self, parcel: Parcel) -> bool:
        return self._closing or parcel.stopped() or time.monotonic() - parcel.slot > STALE_SECONDS

    def _wait_for_lane(self) -> Lane | None:
        """The lane whose first parcel's moment has come, taken off the agenda; None when closed and empty."""
        agenda = self._agenda
        with agenda.changed:
            while True:
                if not agenda.lanes:
                    if self._closing:
                        return None
                    agenda.changed.wait()
                    continue
                pause = agenda.lanes[0][0] - time.monotonic()
                if self._closing or pause <= 0:
                    return heapq.heappop(agenda.lanes)[2]
                agenda.changed.wait(pause)

    def _wait_for_thread(self) -> None:
        """Take a free thread, starting one more while there are fewer than allowed."""
        if self._free.acquire(blocking=False):
            return
        if self._started < self._threads:
            self._started += 1
            threading.Thread(target=self._work, name=f"send-{self._started}", daemon=True).start()
            return
        self._free.acquire()

    def _work(self) -> None:
        while (parcel := self._todo.get()) is not None:
            answer = None
            if not (self._closing or parcel.stopped()):
                answer = self._post(parcel)
            self.results.put(Returned(parcel, answer))
            self._free.release()

    def _post(self, parcel: Parcel) -> Answer:
        lane, message_id = parcel.lane, parcel.claim.id

        def leaving() -> Departure:
            lane.gate.wait(lane.interval)
            return self._prepare(message_id)

        return self._dispatcher.post(lane.phone_number_id, lane.token, parcel.body, leaving)
