"""What the processes of one start are told about models."""

import pytest

from launcher import environment
from launcher.paths import Paths

BASE = {"PORT": "8000"}


def test_the_sandbox_stands_in_for_both_providers(tmp_paths: Paths) -> None:
    told = environment.with_sandbox(BASE, tmp_paths, 5080)
    assert told["GEMINI_API_URL"] == told["SANDBOX_URL"]
    assert told["OPENROUTER_BASE_URL"] == told["SANDBOX_URL"] + "/api/v1"
    assert told["GEMINI_API_KEY"] == told["OPENROUTER_API_KEY"] == environment.SANDBOX_AI_KEY


@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_URL"])
def test_whoever_has_a_key_keeps_the_real_ones(tmp_paths: Paths, name: str) -> None:
    told = environment.with_sandbox(BASE | {name: "mine"}, tmp_paths, 5080)
    assert {key for key in told if key.startswith(("GEMINI", "OPENROUTER"))} == {name}
