"""Keys at rest are replaced without losing a secret."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests import factories
from tests.cast import Cast
from wotnot.extensions import Base
from wotnot.services import channels, crypto
from wotnot.services.key_rotation import SECRETS


@pytest.fixture
def keys(app: Flask, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A new key before the old one; answers (new, old)."""
    config = app.extensions["wotnot.config"]
    new, old = Fernet.generate_key().decode(), config.encryption_keys[0]
    monkeypatch.setitem(app.extensions, "wotnot.config", replace(config, encryption_keys=(new, old)))
    return new, old


def test_every_secret_is_known() -> None:
    columns = {column for table in Base.metadata.tables.values() for column in table.columns}
    sealed = {str(column) for column in columns if column.name.endswith("_encrypted")}
    assert {str(column.property.columns[0]) for _, _, column in SECRETS} == sealed


def test_secrets_move_to_the_newest_key(cast: Cast, app: Flask, session: Any, keys: tuple[str, str]) -> None:
    new, old = keys
    channel = factories.make_channel(cast.workspace, token_encrypted=crypto.encrypt("a token", [old]))
    done = app.test_cli_runner().invoke(args=["rotate-keys"])
    assert done.exit_code == 0, done.output
    assert "1 written anew" in done.output
    session.expire_all()
    assert crypto.decrypt(channel.token_encrypted, [new]) == "a token"
    assert channels.token_of(channel) == "a token"
    assert app.test_cli_runner().invoke(args=["rotate-keys"]).exit_code == 0


def test_a_secret_that_no_key_reads_is_said_and_kept(
    cast: Cast, app: Flask, session: Any, keys: tuple[str, str]
) -> None:
    lost = crypto.encrypt("lost", [Fernet.generate_key().decode()])
    channel = factories.make_channel(cast.workspace, token_encrypted=lost)
    done = app.test_cli_runner().invoke(args=["rotate-keys"])
    assert done.exit_code == 1
    assert "1 that no key can read" in done.output
    session.expire_all()
    assert channel.token_encrypted == lost
