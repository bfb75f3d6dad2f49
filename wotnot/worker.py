"""The processes behind the web: RQ workers and rq-scheduler, made to survive a Redis that forgot everything."""

import ctypes
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq_scheduler import Scheduler
from sqlalchemy.exc import SQLAlchemyError

from wotnot.extensions import db, redis
from wotnot.services import queue as jobs
from wotnot.services import readiness
from wotnot.tasks import schedule

logger = logging.getLogger(__name__)

SCHEDULER_INTERVAL_SECONDS = 1
GIVES_WAY = 5
PR_SET_PDEATHSIG = 1
"""prctl(2)"""


class AppWorker(Worker):
    """An RQ worker whose jobs run inside the app, on a database connection that was not inherited by the fork."""

    def perform_job(self, job: Job, *rest: Any) -> bool:
        """Run one job in an app context of its own."""
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 — the documented way to pass the app on
        with app.app_context():
            db.engine.dispose(close=False)
            return bool(super().perform_job(job, *rest))

    def main_work_horse(self, *arguments: Any) -> None:
        """Run in the forked process: it must not outlive a worker that was killed."""
        end_with_parent(self.pid)
        super().main_work_horse(*arguments)

    def handle_warm_shutdown_request(self) -> None:
        """Pass the request on to the running job. The sender finishes cleanly; any other is rolled back and run again."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)


def end_with_parent(parent: int | None) -> None:
    """Ask the kernel for a SIGTERM when `parent` dies, and take it now if it has. Linux only; elsewhere a job ends when done."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed between the fork and the line above
            os.kill(os.getpid(), signal.SIGTERM)


class ReconcilingScheduler(Scheduler):
    """rq-scheduler that puts its periodic jobs back when Redis has lost them."""

    def enqueue_jobs(self) -> Any:
        """Reconcile, then enqueue what is due."""
        schedule.reconcile(self)
        return super().enqueue_jobs()


def run_worker(queues: Iterable[str]) -> None:
    """Work until told to stop (SIGTERM, Ctrl-C). Starts the sender at once when its queue is among `queues`."""
    readiness.refuse_wrong_storage(current_app.extensions["wotnot.config"])
    _prepare_for_jobs()
    names = list(queues)
    worker = AppWorker([Queue(name, connection=redis.client) for name in names], connection=redis.client)
    if "send" in names:
        jobs.enqueue_now("send_due")
    else:
        # Pages go first: a batch that has to wait grows and costs less for each. A message has its own moment to go out.
        os.nice(GIVES_WAY)
    worker.work(with_scheduler=False, logging_level="WARNING")


def _prepare_for_jobs() -> None:
    """Do once what each job, in a process of its own, would do again: import its code, learn the database's ways."""
    for path in {job.path.rpartition(".")[0] for job in jobs.JOBS.values()}:
        import_module(path)
    with suppress(SQLAlchemyError), db.engine.connect():  # where it is away, each job finds out for itself
        pass
    db.engine.dispose()
    gc.freeze()


def run_scheduler() -> Any:
    """Run the scheduler until told to stop; Redis being away is waited out."""
    while True:
        try:
            scheduler = ReconcilingScheduler(connection=redis.client, interval=SCHEDULER_INTERVAL_SECONDS)
            return scheduler.run()
        except RedisError:
            logger.warning("Redis is away; the scheduler tries again in a second")
            time.sleep(1)
