"""Password rules and hashes (bcrypt)."""

import bcrypt

MIN_CHARACTERS = 10
# bcrypt reads no more than 72 bytes. A longer password is refused, because cutting it would let a wrong end through.
MAX_BYTES = 72
ROUNDS = 12


def complaint(password: str) -> str | None:
    """Why a password cannot be taken, as a sentence; None when it can."""
    size = len(password.encode())
    if "\0" in password:
        return "A password cannot hold a NUL character."
    if len(password) < MIN_CHARACTERS:
        return f"Use at least {MIN_CHARACTERS} characters. A few words in a row are easy to remember and hard to guess."
    if size > MAX_BYTES:
        return f"Use at most {MAX_BYTES} characters (accented letters and emoji count more than once)."
    if len(set(password)) < 3:
        return "This is one character over and over. Mix in others."
    return None


def hash_password(password: str, rounds: int = ROUNDS) -> str:
    """The bcrypt hash. `rounds` is the work factor: each step doubles the time (12 ≈ 0.25 s)."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def is_password(password: str, password_hash: str) -> bool:
    """Whether `password` made `password_hash`; False for one that could never have been taken."""
    encoded = password.encode()
    return len(encoded) <= MAX_BYTES and b"\0" not in encoded and bcrypt.checkpw(encoded, password_hash.encode())
