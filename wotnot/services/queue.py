"""Background work by name: the job table, and the only place that knows RQ.

PostgreSQL is the truth, so a job is a hint that something may be due: it may be lost (a sweep enqueues it again) and it
may run twice (each one claims its rows). Services name a job; the dotted path is resolved by the worker.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import RedisError
from rq import Queue
from rq_scheduler import Scheduler

from wotnot.extensions import redis
from wotnot.services.transaction import on_commit


@dataclass(frozen=True, slots=True)
class Job:
    """Where a job runs (`queue`), what it calls (`path`) and after how many seconds it is given up (`timeout`)."""

    queue: str
    path: str
    timeout: int = 300


JOBS: dict[str, Job] = {
    # events: short, must never wait behind anything long
    "drain_webhooks": Job("events", "wotnot.tasks.webhooks.drain_webhooks", 600),
    "sweep_webhooks": Job("events", "wotnot.tasks.webhooks.sweep_webhooks", 60),
    "sweep_sender": Job("events", "wotnot.tasks.sending.sweep_sender", 60),
    "sweep_broadcasts": Job("events", "wotnot.tasks.broadcasts.sweep_broadcasts", 60),
    "sweep_imports": Job("events", "wotnot.tasks.imports.sweep_imports", 60),
    "sweep_exports": Job("events", "wotnot.tasks.exports.sweep_exports", 60),
    "sweep_inbound_media": Job("events", "wotnot.tasks.media.sweep_inbound_media", 60),
    "sweep_conversations": Job("events", "wotnot.tasks.webhooks.sweep_conversations", 60),
    "tell_read": Job("events", "wotnot.tasks.webhooks.tell_read", 60),
    "tell_typing": Job("events", "wotnot.tasks.webhooks.tell_typing", 60),
    "start_broadcast": Job("events", "wotnot.tasks.broadcasts.start_broadcast", 60),
    "check_budgets": Job("events", "wotnot.tasks.costs.check_budgets", 60),
    "send_mail": Job("default", "wotnot.tasks.mail.send_mail", 60),
    # default: may take minutes
    "expand_broadcast": Job("default", "wotnot.tasks.broadcasts.expand_broadcast", 3600),
    "shift_moments": Job("default", "wotnot.tasks.sending.shift_moments", 1800),
    "hold_quiet": Job("default", "wotnot.tasks.sending.hold_quiet", 600),
    "sync_templates": Job("default", "wotnot.tasks.templates.sync_templates", 300),
    "refresh_channels": Job("default", "wotnot.tasks.channels.refresh_channels", 300),
    "refresh_account": Job("default", "wotnot.tasks.channels.refresh_account", 300),
    "note_limit_uses": Job("default", "wotnot.tasks.channels.note_limit_uses", 300),
    "recount": Job("bulk", "wotnot.tasks.housekeeping.recount", 7200),
    "compact_tallies": Job("default", "wotnot.tasks.housekeeping.compact_tallies", 300),
    "price_missing": Job("default", "wotnot.tasks.costs.price_missing", 3600),
    "purge_expired": Job("default", "wotnot.tasks.housekeeping.purge_expired", 600),
    # media: files from and to Meta, which take as long as the network does
    "fetch_inbound_media": Job("media", "wotnot.tasks.media.fetch_inbound_media", 600),
    "upload_broadcast_files": Job("media", "wotnot.tasks.media.upload_broadcast_files", 600),
    # shops: what shops told becomes messages; short, and nothing of it goes out on the network but to Meta
    "drain_shops": Job("shops", "wotnot.tasks.shops.drain_shops", 600),
    "sweep_shops": Job("shops", "wotnot.tasks.shops.sweep_shops", 60),
    "sweep_customer_imports": Job("events", "wotnot.tasks.shops.sweep_customer_imports", 60),
    "sweep_promotions": Job("events", "wotnot.tasks.promotions.sweep_promotions", 60),
    "make_promotion": Job("media", "wotnot.tasks.promotions.make_promotion", 300),
    # tends: shops asked, which take as long as they do; those in trouble are `ailing`, so that they delay no other
    "tend_shop": Job("tends", "wotnot.tasks.shops.tend_shop", 300),
    "tend_ailing_shop": Job("ailing", "wotnot.tasks.shops.tend_ailing_shop", 300),
    "ask_unpaid": Job("tends", "wotnot.tasks.shops.ask_unpaid", 120),
    "ask_ailing_unpaid": Job("ailing", "wotnot.tasks.shops.ask_ailing_unpaid", 120),
    "link_past_orders": Job("default", "wotnot.tasks.shops.link_past_orders", 300),
    # bulk: whole files
    "check_import": Job("bulk", "wotnot.tasks.imports.check_import", 7200),
    "run_import": Job("bulk", "wotnot.tasks.imports.run_import", 7200),
    "run_customer_import": Job("bulk", "wotnot.tasks.shops.run_customer_import", 7200),
    "build_export": Job("bulk", "wotnot.tasks.exports.build_export", 7200),
    # send: one long job that serves every channel
    "send_due": Job("send", "wotnot.tasks.sending.send_due", 3600),
}

QUEUES = ("events", "shops", "tends", "default", "media", "bulk", "ailing", "send")


def enqueue(name: str, *args: object) -> None:
    """Run job `name` with `args` soon, once the running transaction has committed."""
    on_commit(lambda: enqueue_now(name, *args))


def enqueue_now(name: str, *args: object) -> None:
    """Run job `name` soon. For callers with nothing to commit, such as a sweep.

    Raises RedisError when Redis is away; a row waits for the sweep then.
    """
    job = JOBS[name]
    queue = Queue(job.queue, connection=redis.client)
    queue.enqueue(job.path, args=args, job_timeout=job.timeout, result_ttl=60, failure_ttl=86400, description=name)


def enqueue_once(name: str, *args: object, every_seconds: int = 5) -> None:
    """Like `enqueue_now`, but at most once in `every_seconds` unless `clear_once` was called since.

    Cheap enough for a hot path: one Redis round trip when the job waits already. Redis being away is not an error here.
    """
    try:
        if redis.client.set(_once_key(name, args), b"1", nx=True, ex=every_seconds):
            enqueue_now(name, *args)
    except RedisError:
        return


def clear_once(name: str, *args: object) -> None:
    """Let the next `enqueue_once` of this job through: called by the job itself when it starts."""
    redis.client.delete(_once_key(name, args))


def enqueue_at(moment: datetime, name: str, *args: object, key: str) -> None:
    """Run job `name` at `moment` through rq-scheduler, after commit; the same `key` replaces the earlier plan.

    The schedule lives in Redis only, so the row's own time stays the truth and a sweep repairs a lost plan.
    """
    job = JOBS[name]

    def plan() -> None:
        scheduler = Scheduler(queue_name=job.queue, connection=redis.client)
        scheduler.cancel(f"plan-{key}")
        scheduler.enqueue_at(
            moment.astimezone(UTC).replace(tzinfo=None),  # rq-scheduler takes naive UTC
            job.path,
            *args,
            job_id=f"plan-{key}",
            timeout=job.timeout,
            queue_name=job.queue,
            job_description=name,
        )

    on_commit(plan)


def depths() -> dict[str, int]:
    """How many jobs wait in each queue."""
    return {name: len(Queue(name, connection=redis.client)) for name in QUEUES}


def _once_key(name: str, args: tuple[object, ...]) -> str:
    return ":".join(["wotnot:once", name, *map(str, args)])
