"""What is enqueued is worked on: queues have consumers, jobs import, what is periodic exists."""

import inspect
import pkgutil
from importlib import import_module

import pytest

from launcher import procfile
from launcher.paths import ROOT
from wotnot import tasks
from wotnot.services.queue import JOBS, QUEUES
from wotnot.tasks.schedule import PERIODIC

COMMANDS = procfile.read(ROOT / "Procfile")


def test_every_queue_has_a_consumer_and_every_consumer_a_queue() -> None:
    words = [command.split() for command in COMMANDS.values()]
    consumed = [queue for line in words if "worker" in line for queue in line[line.index("worker") + 1 :]]
    assert set(consumed) == set(QUEUES)


def test_the_procfile_has_a_process_for_each_pace_of_work() -> None:
    names = ["release", "web", "events", "shops", "tends", "worker", "bulk", "sender", "scheduler"]
    assert list(COMMANDS) == names


@pytest.mark.parametrize("name", JOBS)
def test_every_job_names_a_task_and_a_queue(name: str) -> None:
    job = JOBS[name]
    module, _, function = job.path.rpartition(".")
    assert function == name, "a job is called what its task is called"
    assert callable(getattr(import_module(module), function))
    assert job.queue in QUEUES
    assert job.timeout > 0


def test_every_task_has_a_job() -> None:
    found = set()
    for module in pkgutil.iter_modules(tasks.__path__, "wotnot.tasks."):
        if module.name != "wotnot.tasks.schedule":
            members = inspect.getmembers(import_module(module.name), inspect.isfunction)
            found |= {
                f"{module.name}.{name}" for name, one in members if one.__module__ == module.name and name[0] != "_"
            }
    assert found == {job.path for job in JOBS.values()}


def test_everything_periodic_is_a_job_and_planned_once() -> None:
    names = [periodic.name for periodic in PERIODIC]
    assert set(names) <= set(JOBS)
    assert len(names) == len(set(names))
