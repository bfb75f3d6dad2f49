"""What tests of several folders share: the server's settings for models that write."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.sandbox_control import SandboxControl
from wotnot import Config


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
