"""The sender: one process that serves every channel, each at its own pace and never faster.

It plans about a second ahead. Each round it asks the leaky bucket for slots, claims that many messages, and hands them to
the pipeline, which posts each at its slot; a second thread records what came back in groups. Three rules hold it
together: claim and commit before calling out, record after; what may have left is never queued again; what this process
knows dies with it harmlessly, because the claims are rows and the departures are in the journal.
"""

import gc
import logging
import math
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from wotnot import clock
from wotnot.config import Config
from wotnot.extensions import db, redis
from wotnot.services import broadcast_holds, broadcast_sweeps, broadcasts, crypto, failure_watch, outbox, queue
from wotnot.services.broadcast_files import FilesNotReadyError
from wotnot.services.broadcast_readiness import say_keys
from wotnot.services.limit_rooms import LimitRooms
from wotnot.services.outbox import Claim, Outcome, Release
from wotnot.services.rate_limit import HORIZON_SECONDS, Grant, LeakyBucket, Pace, Wish
from wotnot.services.send_journal import SendJournal
from wotnot.services.send_pipeline import Lane, Parcel, SendPipeline
from wotnot.services.send_recorder import Recorder
from wotnot.services.send_streams import (
    BroadcastStream,
    ChannelFacts,
    Snapshot,
    load_stream,
    read_snapshot,
    single_body,
)
from wotnot.services.whatsapp.dispatch import Dispatcher
from wotnot.services.whatsapp.payloads import MissingVariable, UnsupportedTemplate

logger = logging.getLogger(__name__)

ALIVE_KEY = "wotnot:sender:alive"
ROUND_SECONDS = 0.05
LOOK_SECONDS = 0.25
FINISH_SECONDS = 1.0
WATCH_SECONDS = 2.0
HOLD_SECONDS = 10
QUIET_SECONDS = 0.5
THREADS = 256
SHUTDOWN_SECONDS = 10.0
_NEW_BROADCAST = "Cancel it, and send to those who wait with a new broadcast."


class Sender:
    """Sends what is due until nothing has been for `idle_seconds`, `stop` is called or `max_seconds` are over."""

    def __init__(
        self,
        app: Flask,
        *,
        pace: Pace | None = None,
        threads: int = THREADS,
        idle_seconds: float = 5.0,
        max_seconds: float = 3000.0,
    ) -> None:
        """Open the journal and start the threads. `pace` is the leaky bucket unless a bench wants none."""
        config: Config = app.extensions["wotnot.config"]
        self.id = uuid.uuid4().hex
        self._keys = config.encryption_keys
        self._pace = pace or LeakyBucket(redis.client)
        self._idle_seconds, self._max_seconds = idle_seconds, max_seconds
        self._journal = SendJournal.create(config.journal_path, self.id)
        dispatcher = Dispatcher(config.graph_api_url, config.graph_api_version, connections=threads)
        self._pipeline = SendPipeline(dispatcher, self._journal.prepare, threads=threads)
        self._recorder = Recorder(app, self.id, self._pipeline.results, self._pace)
        self._stopping = threading.Event()
        self._lanes: dict[int, Lane] = {}
        self._ends: dict[int, float] = {}
        self._streams: dict[int, BroadcastStream] = {}
        self._snapshot = Snapshot()
        self._rooms = LimitRooms()
        self._claimed = 0

    def stop(self) -> None:
        """Ask the loop to end: nothing more is claimed, what was not posted goes back."""
        self._stopping.set()

    def run(self) -> dict[str, int]:
        """The loop. Answers how many messages were claimed and settled."""
        _keep_what_is_loaded()
        started = busy_at = time.monotonic()
        looked_at = finished_at = watched_at = 0.0
        while not self._stopping.is_set() and self._recorder.is_alive:
            now = time.monotonic()
            try:
                if now - looked_at >= LOOK_SECONDS:
                    self._look()
                    looked_at = now
                self._plan(now)
                if now - finished_at >= FINISH_SECONDS and self._any_quiet(now):
                    broadcast_sweeps.finish_drained()
                    finished_at = now
                if now - watched_at >= WATCH_SECONDS and self._streams:
                    failure_watch.watch_failures()
                    watched_at = now
            except (SQLAlchemyError, RedisError) as error:
                # PostgreSQL or Redis is away: without them nobody knows what is due or how fast. Wait for them.
                logger.warning("the sender waits for its stores: %s", type(error).__name__)
                db.session.remove()
                self._stopping.wait(0.5)
            if self._snapshot.channels or self._recorder.settled < self._claimed:
                busy_at = now
            if now - busy_at > self._idle_seconds or now - started > self._max_seconds:
                break
            self._stopping.wait(ROUND_SECONDS)
        return self._shut_down()

    # ------------------------------------------------------------ what there is to do

    def _look(self) -> None:
        """Read what is active. A broadcast that is not, or no longer, takes its claimed messages back at once."""
        self._snapshot = read_snapshot()
        active = {broadcast_id for broadcast_id, _ in self._snapshot.broadcasts}
        for stream in self._streams.values():
            stream.active = stream.id in active and self._snapshot.versions[stream.id] == stream.version
        for gone in [key for key, stream in self._streams.items() if not stream.active]:
            del self._streams[gone]
        for broadcast_id in active - self._streams.keys():
            self._open_stream(broadcast_id)
        for facts in self._snapshot.channels.values():
            self._update_lane(facts)
        redis.client.set(ALIVE_KEY, self.id, px=3000)

    def _open_stream(self, broadcast_id: int) -> None:
        try:
            stream = load_stream(broadcast_id)
        except UnsupportedTemplate as error:
            broadcasts.stop_broadcast(broadcast_id, str(error))
            return
        except FilesNotReadyError:
            return  # the upload is a job of its own; the next look may find it done
        if stream is None:
            broadcasts.stop_broadcast(broadcast_id, "Its template was deleted. Choose another one in a new broadcast.")
            return
        if lacking := stream.lacking():
            words = f"Its template has changed and needs a value for {say_keys(lacking)}. {_NEW_BROADCAST}"
            broadcasts.stop_broadcast(broadcast_id, words)
            return
        self._streams[broadcast_id] = stream
        broadcast_holds.note_going(broadcast_id)

    def _update_lane(self, facts: ChannelFacts) -> None:
        token = crypto.decrypt(facts.token_encrypted, self._keys)
        lane = self._lanes.get(facts.id)
        if lane is None:
            self._lanes[facts.id] = Lane(facts.id, facts.phone_number_id, token)
        else:
            lane.token = token

    def _any_quiet(self, now: float) -> bool:
        return any(stream.quiet_until > now for stream in self._streams.values())

    # ------------------------------------------------------------ planning

    def _plan(self, now: float) -> None:
        """Reserve slots for every channel that runs low, claim as many messages, schedule them, return the rest."""
        streams = self._streams_by_channel(now)
        wishes = [wish for channel_id in streams if (wish := self._wish(channel_id)) is not None]
        if not wishes:
            return
        grants = {grant.channel_id: grant for grant in self._pace.reserve(wishes) if grant.count}
        if not grants:
            return
        for channel_id, grant in grants.items():
            self._ends[channel_id] = grant.end
            self._lanes[channel_id].interval = grant.interval
        claims = self._claim(grants, streams, now)
        self._schedule(grants, claims, now)

    def _streams_by_channel(self, now: float) -> dict[int, list[BroadcastStream]]:
        channels: dict[int, list[BroadcastStream]] = {channel_id: [] for channel_id in self._snapshot.waiting}
        for stream in self._streams.values():
            if stream.quiet_until <= now:
                channels.setdefault(stream.channel_id, []).append(stream)
        return channels

    def _wish(self, channel_id: int) -> Wish | None:
        """Slots for the coming horizon, once half of the last ones are used up; fewer while the channel is slowed."""
        rate, lane = self._snapshot.channels[channel_id].rate, self._lanes[channel_id]
        pace = min(rate, 1 / lane.interval) if lane.interval else rate
        ahead = max(1, math.ceil(pace * HORIZON_SECONDS))
        if lane.planned > ahead // 2:
            return None
        return Wish(
            channel_id, rate, max(1, math.ceil(rate * HORIZON_SECONDS) - lane.planned), self._ends.get(channel_id, 0.0)
        )

    def _claim(
        self, grants: dict[int, Grant], streams: dict[int, list[BroadcastStream]], now: float
    ) -> dict[int, list[Claim]]:
        """Claim for the granted slots: single messages first, the rest shared evenly among a channel's broadcasts."""
        claims: dict[int, list[Claim]] = defaultdict(list)
        waiting = [(grant.channel_id, grant.count) for grant in grants.values() if self._is_waiting(grant.channel_id)]
        if waiting:
            self._take(claims, outbox.claim_for_channels(waiting, self.id))
        shares = [
            share
            for channel_id, grant in grants.items()
            for share in self._share(channel_id, grant.count - len(claims[channel_id]), streams[channel_id])
        ]
        if shares:
            found = outbox.claim_for_broadcasts(shares, self.id)
            self._take(claims, found)
            self._note_quiet(shares, found, now)
            for channel_id, count in Counter(claim.channel_id for claim in found).items():
                self._rooms.take(self._snapshot.channels[channel_id], count)
        return claims

    def _share(self, channel_id: int, count: int, streams: Sequence[BroadcastStream]) -> list[tuple[int, int]]:
        """The slots of a channel over its broadcasts, as far as its number's limit has room."""
        facts = self._snapshot.channels[channel_id]
        if count <= 0 or not streams or (room := self._rooms.left(facts)) is None:
            return _share(count, streams)
        if room == 0 and not self._lanes[channel_id].planned:  # who is planned has a place: a hold would take it back
            self._rooms.close(facts)
        return _share(min(count, room), streams)

    def _take(self, claims: dict[int, list[Claim]], found: Iterable[Claim]) -> None:
        for claim in found:
            claims[claim.channel_id].append(claim)
            self._claimed += 1

    def _is_waiting(self, channel_id: int) -> bool:
        return channel_id in self._snapshot.waiting

    def _note_quiet(self, shares: Sequence[tuple[int, int]], found: Sequence[Claim], now: float) -> None:
        counts: dict[int | None, int] = defaultdict(int)
        for claim in found:
            counts[claim.broadcast_id] += 1
        for broadcast_id, asked in shares:
            if counts[broadcast_id] < asked:
                self._streams[broadcast_id].quiet_until = now + QUIET_SECONDS

    def _schedule(self, grants: dict[int, Grant], claims: dict[int, list[Claim]], now: float) -> None:
        for channel_id, grant in grants.items():
            lane = self._lanes[channel_id]
            parcels: list[Parcel] = []
            for claim in claims[channel_id]:
                parcel = self._pack(claim, lane, now + grant.first_in + len(parcels) * grant.interval)
                if parcel is not None:
                    parcels.append(parcel)
            self._pipeline.put(lane, parcels)
            if len(parcels) < grant.count:
                self._pace.give_back(grant, grant.count - len(parcels))

    def _pack(self, claim: Claim, lane: Lane, slot: float) -> Parcel | None:
        """A parcel for the pipeline. What cannot be filled fails here, and whoever wants quiet now is left alone: neither uses
        a slot."""
        if claim.broadcast_id is None:
            return Parcel(claim, lane, single_body(claim), slot, _never)
        stream = self._streams[claim.broadcast_id]
        if until := stream.quiet_for(claim):
            self._recorder.put(Release(claim.id, until, hold_reason="quiet"))
            queue.enqueue_once("hold_quiet", stream.id, every_seconds=HOLD_SECONDS)
            return None
        try:
            body, values = stream.body_for(claim)
        except MissingVariable as error:
            self._recorder.put(_cannot_fill(claim, error))
            return None
        return Parcel(claim, lane, body, slot, stream.stopped, values)

    # ------------------------------------------------------------ the end

    def _shut_down(self) -> dict[str, int]:
        self._pipeline.close()
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._recorder.settled < self._claimed and self._recorder.is_alive and time.monotonic() < deadline:
            time.sleep(0.02)
        self._recorder.close()
        if self._recorder.settled >= self._claimed:
            self._journal.close()
        # Otherwise the journal stays: it is unlocked when this process ends, and whoever finds it settles the rest.
        return {"claimed": self._claimed, "settled": self._recorder.settled}


def _keep_what_is_loaded() -> None:
    """Spare the garbage collector the modules: a look through them halts every thread for a quarter of a second."""
    gc.collect()
    gc.freeze()


def _never() -> bool:
    return False


def _share(count: int, streams: Sequence[BroadcastStream]) -> list[tuple[int, int]]:
    """`count` slots over the broadcasts of a channel, the older ones taking what does not divide."""
    if count <= 0 or not streams:
        return []
    each, rest = divmod(count, len(streams))
    shares = ((stream.id, each + (1 if place < rest else 0)) for place, stream in enumerate(streams))
    return [(broadcast_id, share) for broadcast_id, share in shares if share]


def _cannot_fill(claim: Claim, error: MissingVariable) -> Outcome:
    names = ", ".join(f"{{{{{key}}}}}" for key in error.keys)
    return Outcome(
        claim.id,
        claim.broadcast_id,
        "failed",
        clock.now(),
        error_code=132000,
        error_title=f"No value for {names}",
    )
