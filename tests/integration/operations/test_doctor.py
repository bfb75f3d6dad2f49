"""`flask doctor` finds what is wrong, and says what to do about it."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests import factories
from tests.sandbox_control import SandboxControl
from tests.servers import Processes, wait_until
from wotnot.commands import doctor
from wotnot.extensions import db
from wotnot.services import crypto


def findings() -> dict[str, str]:
    return {finding.what: finding.advice for finding in doctor.examine()}


def advice_of(what: str) -> str:
    return next(advice for name, advice in findings().items() if name.startswith(what))


@pytest.fixture
def workspace(committed: Any, sandbox: SandboxControl) -> Iterator[Any]:
    return factories.make_workspace()


def test_it_sees_that_nothing_works_on_the_queues(workspace: Any) -> None:
    assert "sender" in advice_of("Queue send")
    assert "scheduler" in advice_of("Scheduler")
    assert "PUBLIC_URL" in advice_of("Webhook")


def test_a_number_with_a_good_token_is_well_and_one_with_a_bad_token_is_not(workspace: Any, app: Flask) -> None:
    keys = app.extensions["wotnot.config"].encryption_keys
    good = factories.make_channel(workspace, phone_number_id=SandboxControl.PHONE_NUMBER_ID)
    assert advice_of(f"Number {good.display_phone_number}") == ""
    good.token_encrypted = crypto.encrypt("expired-token", keys)
    db.session.commit()
    assert "token" in advice_of(f"Number {good.display_phone_number}")
    good.token_encrypted = "not encrypted with our keys"
    db.session.commit()
    assert "ENCRYPTION_KEYS" in advice_of(f"Number {good.display_phone_number}")


def test_all_is_well_when_everything_runs(workspace: Any, live_server: str, processes: Processes, app: Flask) -> None:
    processes.start_worker("events", "shops", "tends", "default", "media", "bulk", "ailing")
    processes.start_worker("send")
    processes.start("scheduler", "flask", "--app", "wsgi", "scheduler")
    wait_until(lambda: not any(findings().values()), 30, "the doctor to be content")
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 0, result.output
    assert "✓ Database and migrations" in result.output
    processes.stop()
    result = app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    assert "✗ Webhook" in result.output
