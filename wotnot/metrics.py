"""Counters that outlive a process, and the text that Prometheus reads.

Every process counts into one Redis hash, so that /metrics tells the same whichever process answers; a Redis that is away or
was emptied costs counts and nothing else. Gauges are asked of the stores at the moment of reading, each in bounded time.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import RedisError
from rq import Queue, Worker
from sqlalchemy import text
from sqlalchemy.orm import Session

from wotnot.extensions import db, redis
from wotnot.services.queue import QUEUES

logger = logging.getLogger(__name__)

_HASH = "wotnot:counters"
STATEMENT_MILLISECONDS = 2000

# Every counter there is: name → what it counts.
COUNTERS = {
    "sends": "Messages by what came of posting them",
    "webhook_deliveries": "Webhook deliveries: forged at the door, or taken from the inbox",
    "webhook_changes": "Changes inside deliveries by kind",
    "shop_deliveries": "Deliveries of shops: what became of them at the door, and applied from the inbox or kept aside",
    "stream_refusals": "Live streams refused because too many are open",
    "count_differences": "Counts that the nightly recount found wrong and mended, by table",
    "answer_refusals": "Answers of a model refused because too many are being written",
}


def count(name: str, label: str = "", by: int = 1) -> None:
    """Add to a counter of COUNTERS. Never raises for a Redis that is away: what is counted matters more than the count.

    Raises KeyError for a name that COUNTERS does not list.
    """
    if name not in COUNTERS:
        raise KeyError(name)
    try:
        redis.client.hincrby(_HASH, f"{name}|{label}", by)
    except RedisError:
        logger.debug("a count was lost: Redis is away")


def collect() -> Iterator[Metric]:
    """All metrics. A store that does not answer is missing from them, and `wotnot_up` says so with 0."""
    up = GaugeMetricFamily("wotnot_up", "Whether a store answered while these numbers were read", labels=["store"])
    for store, parts in (("redis", _redis_metrics), ("postgresql", _database_metrics)):
        try:
            yield from list(parts())
            up.add_metric([store], 1)
        except Exception:
            logger.exception("metrics of %s could not be read", store)
            up.add_metric([store], 0)
    yield up


def _redis_metrics() -> Iterable[Metric]:
    yield _gauge("wotnot_queue_jobs", "Jobs that wait", "queue", {n: _queue(n).count for n in QUEUES})
    failed = {n: _queue(n).failed_job_registry.count for n in QUEUES}
    yield _gauge("wotnot_queue_failed_jobs", "Jobs that failed and are kept for a look", "queue", failed)
    yield _gauge("wotnot_workers", "Workers alive", "queue", workers_by_queue())
    counts = cast(dict[bytes, bytes], redis.client.hgetall(_HASH))
    for name, words in COUNTERS.items():
        family = CounterMetricFamily(f"wotnot_{name}", words, labels=["kind"])
        for key, value in sorted(counts.items()):
            counter, _, label = key.decode().partition("|")
            if counter == name:
                family.add_metric([label], int(value))
        yield family


def _database_metrics() -> Iterable[Metric]:
    with bounded_session() as session:
        for name, words, label, statement in _QUESTIONS:
            rows = session.execute(text(statement)).all()
            yield _gauge(name, words, label, {str(row[0]): float(row[1] or 0) for row in rows})


# Each is answered from an index or from the tallies, never by reading the ledger.
_QUESTIONS = (
    (
        "wotnot_messages_today",
        "Messages of today and yesterday (each workspace's own days) by where they are now",
        "state",
        "SELECT state, sum(delta) FROM message_tallies WHERE day >= current_date - 1 GROUP BY state",
    ),
    (
        "wotnot_webhook_backlog",
        "Deliveries stored and not yet applied; poison is kept for a look",
        "state",
        "SELECT state, count(*) FROM webhook_events WHERE state IN ('pending', 'poison') GROUP BY state",
    ),
    (
        "wotnot_webhook_oldest_seconds",
        "Age of the oldest delivery not yet applied",
        "state",
        "SELECT 'pending', extract(epoch FROM now() - min(received_at)) FROM webhook_events WHERE state = 'pending'",
    ),
    (
        "wotnot_broadcasts",
        "Broadcasts that are not at rest",
        "state",
        "SELECT state, count(*) FROM broadcasts WHERE state IN ('scheduled', 'expanding', 'sending') GROUP BY state",
    ),
)


@contextmanager
def bounded_session() -> Iterator[Session]:
    """A session whose statements are given up after STATEMENT_MILLISECONDS."""
    with Session(db.engine) as session:
        session.execute(text(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}"))
        yield session


def workers_by_queue() -> dict[str, int]:
    """How many workers are alive on each queue. RQ forgets a dead one's key after its time to live."""
    workers = Worker.all(connection=redis.client)
    return {name: sum(1 for worker in workers if name in worker.queue_names()) for name in QUEUES}


def _queue(name: str) -> Queue:
    return Queue(name, connection=redis.client)


def _gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
