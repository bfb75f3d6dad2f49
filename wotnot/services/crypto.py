"""Secrets at rest: encrypted with the newest key, readable with any of them, so that keys can be rotated."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class UnreadableSecret(Exception):  # noqa: N818 — named for what it is
    """A stored secret fits none of the keys: ENCRYPTION_KEYS lost the one it was written with."""


def encrypt(secret: str, keys: Sequence[str]) -> str:
    """`secret` as text that only the holder of the first of `keys` (Fernet keys, newest first) can read."""
    return _box(keys).encrypt(secret.encode()).decode()


def decrypt(encrypted: str, keys: Sequence[str]) -> str:
    """The secret that `encrypt` hid. Raises UnreadableSecret when no key fits or the text was tampered with."""
    try:
        return _box(keys).decrypt(encrypted.encode()).decode()
    except InvalidToken as error:
        raise UnreadableSecret("No key in ENCRYPTION_KEYS can read this secret.") from error


def rotate(encrypted: str, keys: Sequence[str]) -> str:
    """The same secret under the newest key. Raises UnreadableSecret."""
    return encrypt(decrypt(encrypted, keys), keys)


def _box(keys: Sequence[str]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
