"""Secrets at rest."""

import pytest
from cryptography.fernet import Fernet

from wotnot.services import crypto

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_a_secret_survives_a_new_key_and_can_be_moved_to_it() -> None:
    stored = crypto.encrypt("EAAG-token", [OLD])
    assert "token" not in stored
    assert crypto.decrypt(stored, [NEW, OLD]) == "EAAG-token"
    moved = crypto.rotate(stored, [NEW, OLD])
    assert crypto.decrypt(moved, [NEW]) == "EAAG-token"


@pytest.mark.parametrize(
    "stored", ["", "x", "gAAAAAB", crypto.encrypt("secret", [OLD])[:-2]], ids=["none", "letter", "begun", "cut off"]
)
def test_what_no_key_fits_is_said_and_not_guessed(stored: str) -> None:
    with pytest.raises(crypto.UnreadableSecret):
        crypto.decrypt(stored, [NEW])


def test_a_lost_key_loses_the_secret() -> None:
    with pytest.raises(crypto.UnreadableSecret):
        crypto.decrypt(crypto.encrypt("secret", [OLD]), [NEW])
