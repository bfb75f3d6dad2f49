"""The processes behind the web: RQ workers and rq-scheduler, made to survive a Redis that forgot everything."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq_scheduler import Scheduler

from wotnot.extensions import db, redis
from wotnot.services import queue as jobs
from wotnot.tasks import schedule

logger = logging.getLogger(__name__)

SCHEDULER_INTERVAL_SECONDS = 1


class AppWorker(Worker):
    """An RQ worker whose jobs run inside the app, on a database connection that was not inherited by the fork."""

    def perform_job(self, job: Job, queue: Queue) -> bool:
        """Run one job in an app context of its own."""
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 — the documented way to pass the app on
        with app.app_context():
            db.engine.dispose(close=False)
            return bool(super().perform_job(job, queue))


class ReconcilingScheduler(Scheduler):
    """rq-scheduler that puts its periodic jobs back when Redis has lost them."""

    def enqueue_jobs(self) -> Any:
        """Reconcile, then enqueue what is due."""
        schedule.reconcile(self)
        return super().enqueue_jobs()


def run_worker(queues: Iterable[str]) -> None:
    """Work until told to stop (SIGTERM, Ctrl-C). Starts the sender at once when its queue is among `queues`."""
    names = list(queues)
    worker = AppWorker([Queue(name, connection=redis.client) for name in names], connection=redis.client)
    if "send" in names:
        jobs.enqueue_now("send_due")
    worker.work(with_scheduler=False, logging_level="WARNING")


def run_scheduler() -> None:
    """Run the scheduler until told to stop; Redis being away is waited out."""
    while True:
        try:
            scheduler = ReconcilingScheduler(connection=redis.client, interval=SCHEDULER_INTERVAL_SECONDS)
            scheduler.run()
            return
        except RedisError:
            logger.warning("Redis is away; the scheduler tries again in a second")
            time.sleep(1)
