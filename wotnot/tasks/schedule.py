"""What is periodic: one line a job. Each is a sweep that is safe to run twice and repairs what a lost job left behind."""

from dataclasses import dataclass
from datetime import UTC, datetime

from rq_scheduler import Scheduler

from wotnot.services.queue import JOBS


@dataclass(frozen=True, slots=True)
class Periodic:
    """Run job `name` of the job table every `seconds`."""

    name: str
    seconds: int

    @property
    def job_id(self) -> str:
        """The id under which rq-scheduler keeps it."""
        return f"periodic-{self.name}"


PERIODIC = (
    Periodic("sweep_sender", 5),
    Periodic("sweep_broadcasts", 10),
    Periodic("sweep_webhooks", 5),
    Periodic("sweep_imports", 15),
    Periodic("sweep_exports", 15),
    Periodic("sweep_inbound_media", 15),
    Periodic("sweep_conversations", 60),
    Periodic("sweep_shops", 5),
    Periodic("link_past_orders", 60),
    Periodic("sweep_promotions", 10),
    Periodic("sweep_customer_imports", 15),
    Periodic("compact_tallies", 60),
    Periodic("check_budgets", 10),
    Periodic("refresh_channels", 900),
    Periodic("sync_templates", 900),
    Periodic("note_limit_uses", 300),
    Periodic("recount", 3600),
    Periodic("purge_expired", 3600),
)


def reconcile(scheduler: Scheduler) -> list[str]:
    """Put the periodic jobs that Redis does not know into its schedule, due now; answer their names."""
    known = {member.decode() for member in scheduler.connection.zrange(scheduler.scheduled_jobs_key, 0, -1)}
    missing = [periodic for periodic in PERIODIC if periodic.job_id not in known]
    for periodic in missing:
        job = JOBS[periodic.name]
        scheduler.schedule(
            scheduled_time=datetime.now(UTC).replace(tzinfo=None),
            func=job.path,
            interval=periodic.seconds,
            id=periodic.job_id,
            queue_name=job.queue,
            timeout=job.timeout,
            description=periodic.name,
        )
    return [periodic.name for periodic in missing]
