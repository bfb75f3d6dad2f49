"""The sender's memory: what came back from the pipeline goes into the ledger in groups, whatever the database does.

Recording never gives up while the process lives: an outcome that is not recorded would have to be guessed later.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from wotnot import clock, metrics
from wotnot.extensions import db
from wotnot.models import Consent
from wotnot.services import broadcasts, channels, consent, events, outbox, pace, translations
from wotnot.services.outbox import Claim, Outcome, Release
from wotnot.services.rate_limit import Pace
from wotnot.services.send_pipeline import Returned
from wotnot.services.send_verdicts import Verdict, judge
from wotnot.services.whatsapp.errors import ErrorKind, GraphFault

logger = logging.getLogger(__name__)

GROUP_SIZE = 200
GROUP_SECONDS = 0.25
TELL_SECONDS = 0.5


class Recorder:
    """A thread that records outcomes. `settled` counts the claims whose fate is committed."""

    def __init__(self, app: Flask, sender_id: str, results: SimpleQueue[Returned], speed: Pace) -> None:
        """Start recording what arrives in `results`."""
        self.settled = 0
        self._app = app
        self._sender_id = sender_id
        self._results = results
        self._speed = speed
        self._ready: SimpleQueue[Outcome | Release] = SimpleQueue()
        self._told: dict[int, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="send-recorder", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it records. When not, nothing more may be sent: nobody would know of it."""
        return self._thread.is_alive()

    def put(self, fact: Outcome | Release) -> None:
        """Record what needed no posting: an outcome, or that a message goes back into the queue."""
        self._ready.put(fact)

    def close(self) -> None:
        """Record what is there and end; waits for a commit that is under way."""
        self._closing.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        try:
            with self._app.app_context():
                self._settle_all()
        except Exception:
            logger.exception("recording broke; the sender ends, and the next one settles what it held")

    def _settle_all(self) -> None:
        while True:
            returned, ready = self._collect()
            if returned or ready:
                self._settle(returned, ready)
            elif self._closing.is_set():
                return

    def _collect(self) -> tuple[list[Returned], list[Outcome | Release]]:
        """What came in, at most a group; waits a moment for company."""
        returned: list[Returned] = []
        deadline = time.monotonic() + GROUP_SECONDS
        while len(returned) < GROUP_SIZE and (left := deadline - time.monotonic()) > 0:
            try:
                returned.append(self._results.get(timeout=left))
            except Empty:
                break
        ready: list[Outcome | Release] = []
        while len(ready) < GROUP_SIZE:
            try:
                ready.append(self._ready.get_nowait())
            except Empty:
                break
        return returned, ready

    def _settle(self, returned: Sequence[Returned], ready: Sequence[Outcome | Release]) -> None:
        now = clock.now()
        judged = [
            (item.parcel.claim, judge(item.parcel.claim, item.answer, item.parcel.values, now)) for item in returned
        ]
        outcomes = [fact for fact in ready if isinstance(fact, Outcome)]
        outcomes += [verdict.outcome for _, verdict in judged if verdict.outcome]
        releases = [fact for fact in ready if isinstance(fact, Release)]
        releases += [verdict.release for _, verdict in judged if verdict.release]
        # Stops first: a released message must not be claimed again by a broadcast that is about to pause.
        self._stop(judged)
        self._record(outcomes)
        self._release(releases)
        self.settled += len(outcomes) + len(releases)
        self._slow_down(judged)
        self._note_opt_outs(judged)
        self._tell(judged, outcomes)

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        """Record all of them; when one row refuses, the others are recorded without it, and it without what Meta said."""
        if not outcomes:
            return
        try:
            self._insist(partial(outbox.record_outcomes, outcomes))
        except (SQLAlchemyError, ValueError):  # ValueError: text that no statement can carry, such as a NUL
            if len(outcomes) > 1:
                half = len(outcomes) // 2
                self._record(outcomes[:half])
                self._record(outcomes[half:])
            else:
                logger.exception("an outcome could not be recorded as it was")
                self._insist(partial(outbox.record_outcomes, [_without_words(outcomes[0])]))

    def _release(self, releases: Sequence[Release]) -> None:
        if releases:
            self._insist(partial(outbox.release, releases, self._sender_id))

    def _insist(self, write: Callable[[], object]) -> object:
        """Call `write` until the database takes it. Raises only what another try cannot help."""
        while True:
            try:
                return write()
            except (OperationalError, InterfaceError, DBAPIError) as error:
                if not isinstance(error, OperationalError | InterfaceError) and not error.connection_invalidated:
                    raise
                logger.warning("recording waits for the database: %s", type(error.orig).__name__)
                db.session.remove()
                time.sleep(0.3)

    def _stop(self, judged: Sequence[tuple[Claim, Verdict]]) -> None:
        """Pause the broadcasts, and for a dead token the channels, that Meta will take nothing more from."""
        stops = {(claim.channel_id, claim.broadcast_id): (claim, v.stop) for claim, v in judged if v.stop}
        for claim, fault in stops.values():
            if fault.kind is ErrorKind.AUTH:
                reason = channels.reason_of(fault)
                self._insist(partial(channels.stop_channel, claim.workspace_id, claim.channel_id, reason))
            if claim.broadcast_id is not None:
                self._insist(partial(_pause, claim.broadcast_id, claim.template_id, fault))

    def _slow_down(self, judged: Sequence[tuple[Claim, Verdict]]) -> None:
        for channel_id in {claim.channel_id for claim, verdict in judged if verdict.too_fast}:
            try:
                share = self._speed.slow_down(channel_id)
                logger.warning("channel %s was told to slow down; now at %.0f %%", channel_id, share * 100)
            except RedisError:
                logger.warning("Redis is away; the pace stops anyway")

    def _note_opt_outs(self, judged: Sequence[tuple[Claim, Verdict]]) -> None:
        people: dict[int, list[int]] = {}
        for claim, verdict in judged:
            if verdict.opted_out and claim.contact_id is not None:
                people.setdefault(claim.workspace_id, []).append(claim.contact_id)
        for workspace_id, contact_ids in people.items():
            self._insist(
                partial(
                    consent.record_consent,
                    workspace_id,
                    contact_ids,
                    Consent.OPTED_OUT,
                    source="whatsapp",
                    note="Meta refused: this person stopped marketing from your business.",
                )
            )

    def _tell(self, judged: Sequence[tuple[Claim, Verdict]], outcomes: Sequence[Outcome]) -> None:
        """Let open pages know, at most twice a second a broadcast."""
        for state, count in Counter(outcome.state for outcome in outcomes).items():
            metrics.count("sends", state, count)
        accepted = Counter(o.broadcast_id for o in outcomes if o.state == "accepted" and o.broadcast_id)
        for broadcast_id, count in accepted.items():
            pace.note_accepted(broadcast_id, count)
        now = time.monotonic()
        for workspace_id, broadcast_id in {(c.workspace_id, c.broadcast_id) for c, _ in judged if c.broadcast_id}:
            if now - self._told.get(broadcast_id, 0.0) >= TELL_SECONDS:
                self._told[broadcast_id] = now
                events.publish_now(workspace_id, f"broadcast:{broadcast_id}", "broadcasts")
        single = {(c.workspace_id, c.contact_id) for c, _ in judged if not c.broadcast_id}
        for workspace_id in {workspace_id for workspace_id, _ in single}:
            topics = [f"contact:{contact_id}" for where, contact_id in single if where == workspace_id]
            events.publish_now(workspace_id, "conversations", *topics)


def _without_words(outcome: Outcome) -> Outcome:
    """What is known of a message without anything that came from outside. Its receipt names it by our own id, and brings Meta's."""
    return replace(outcome, wamid=None, error_title=None)


def _pause(broadcast_id: int, template_id: int | None, fault: GraphFault) -> None:
    """Pause a broadcast because of `fault`; with several languages its reason says which one Meta would not take."""
    which = translations.name_translation(broadcast_id, template_id) if fault.kind is ErrorKind.TEMPLATE else ""
    where = f" Meta said so about {which}." if which else ""
    broadcasts.stop_broadcast(broadcast_id, f"{fault.title}. {fault.advice}{where}")
