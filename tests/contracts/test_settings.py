"""Every setting is in .env.example with a line that explains it, and nothing else is."""

import re
import runpy
from dataclasses import fields

import pytest

from launcher.paths import ROOT
from wotnot import Config

EXAMPLE = (ROOT / ".env.example").read_text()
NOT_SETTINGS = {"testing"}  # set by tests in code, never by the environment


def test_every_setting_is_in_the_example() -> None:
    listed = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", EXAMPLE, re.MULTILINE))
    known = {field.name.upper() for field in fields(Config) if field.name not in NOT_SETTINGS}
    assert known - listed == set(), "missing from .env.example"
    assert listed - known == set(), "in .env.example, but not settings"


def test_every_setting_of_the_example_is_explained() -> None:
    blocks = [block for block in re.split(r"\n(?=# )", EXAMPLE) if re.search(r"^[A-Z][A-Z0-9_]*=", block, re.MULTILINE)]
    assert blocks
    assert all(block.startswith("# ") for block in blocks[1:])


def test_gunicorn_and_the_product_mean_the_same_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The product gives long answers a share of them, so it has to know how many there are."""
    (known,) = (field.default for field in fields(Config) if field.name == "web_threads")
    monkeypatch.delenv("WEB_THREADS", raising=False)
    assert runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"] == known
    assert f"WEB_THREADS={known}" in EXAMPLE


def test_the_example_alone_names_what_is_missing() -> None:
    """A copied, unfilled example must not start anything with guessed secrets."""
    pairs = dict(line.split("=", 1) for line in EXAMPLE.splitlines() if re.match(r"[A-Z][A-Z0-9_]*=", line))
    assert pairs["SECRET_KEY"] == pairs["ENCRYPTION_KEYS"] == pairs["FACEBOOK_APP_SECRET"] == ""
