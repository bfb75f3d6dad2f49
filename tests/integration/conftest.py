"""What tests of several folders share: the server's settings for models that write, and a clock that moves."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.sandbox_control import SandboxControl
from wotnot import Config, clock


@pytest.fixture
def ai_server(
    app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch, sandbox: SandboxControl
) -> Callable[..., None]:
    """Both providers are the sandbox, with keys of the server's. Call it to change the settings."""

    def change(**changes: Any) -> None:
        usual = {
            "gemini_api_url": sandbox.url,
            "openrouter_base_url": f"{sandbox.url}/api/v1",
            "gemini_api_key": "sandbox-server-key",
            "openrouter_api_key": "sandbox-server-key",
            "sandbox_url": sandbox.url,
        }
        monkeypatch.setitem(app.extensions, "wotnot.config", replace(config, **usual | changes))

    change()
    return change


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[timedelta], None]]:
    """Move the clock from now."""
    start = clock.now()

    def move(by: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + by)

    yield move
    monkeypatch.undo()
