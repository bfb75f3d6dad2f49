"""Which passwords are taken, and that hashes tell them apart to the last byte."""

import pytest

from wotnot.services import passwords


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 10"),
        ("123456789", "at least 10"),
        ("ñandú", "at least 10"),
        ("パスワード", "at least 10"),
        ("é" * 36 + "x", "at most 72"),
        ("x" * 73, "at most 72"),
        ("abababababab", "over and over"),
        ("good\x00password", "NUL"),
    ],
)
def test_what_cannot_be_a_password(password, words):
    assert words in passwords.complaint(password)


@pytest.mark.parametrize(
    "password", ["a few words", "0123456789" * 7 + "ab", "日本語のパスワードです", " spaces count "]
)
def test_what_can(password):
    assert passwords.complaint(password) is None
    hashed = passwords.hash_password(password, 4)
    assert passwords.is_password(password, hashed)
    assert not passwords.is_password(password[:-1], hashed)
    assert not passwords.is_password(password + "x", hashed)


def test_a_password_beyond_the_limit_never_matches_its_beginning():
    begin = "0123456789" * 7 + "ab"
    assert not passwords.is_password(begin + "c", passwords.hash_password(begin, 4))


def test_the_work_factor_is_not_a_token_one():
    assert passwords.ROUNDS >= 12
