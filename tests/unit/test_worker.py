"""A job's process ends with the worker that forked it."""

import os
import signal
import sys

import pytest

from wotnot.worker import end_with_parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")


def test_a_job_of_a_living_worker_goes_on() -> None:
    """Its parent is who forked it."""
    assert _fork_for(os.getpid()) == 0


def test_a_job_whose_worker_died_first_ends_at_once() -> None:
    """Killed between the fork and the job's request to be told: nobody would tell it any more."""
    assert os.WTERMSIG(_fork_for(os.getpid() + 1)) == signal.SIGTERM


def _fork_for(parent: int) -> int:
    """Be the job of `parent` in a process of its own; how that ended, as wait(2) says."""
    job = os.fork()
    if job == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_parent(parent)
        os._exit(0)
    return os.waitpid(job, 0)[1]
