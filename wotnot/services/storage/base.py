"""What every storage can do, and how it says that it cannot."""

import secrets
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from wotnot.errors import NotFound, Unavailable


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


class FileTooLargeError(ValueError):
    """The stream holds more than the limit; nothing of it was kept."""


class MissingFileError(NotFound):
    """There is no file with this key."""

    def __init__(self) -> None:
        """Say so in words that fit any page."""
        super().__init__("The content of this file")


class StorageError(Unavailable):
    """The storage does not answer, or refuses; `reason` is a sentence for whoever runs the installation."""

    default_code = "storage_unavailable"

    def __init__(self, reason: str) -> None:
        """People are told to try again; the reason is for logs and `doctor`."""
        super().__init__("Files cannot be reached right now. Try again in a moment.")
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class MisconfiguredStorageError(StorageError):
    """Waiting does not help: the bucket, the key or the folder is not what it has to be."""


class Storage(Protocol):
    """Bytes by key. `is_remote` says that calls go out on the network, so that no transaction may be open meanwhile."""

    is_remote: bool

    def save(self, stream: Readable, *, limit: int, key: str = "") -> tuple[str, int]:
        """Copy `stream` in pieces under a new key, or under `key` in place of what it holds; answer key and size in bytes.

        Raises FileTooLargeError as soon as more than `limit` bytes have come, StorageError. Whatever goes wrong, nothing
        of it stays behind.
        """

    def open(self, key: str) -> IO[bytes]:
        """The content, to be read in pieces and from any place. Raises MissingFileError, StorageError."""

    def on_disk(self, key: str, *, keep_changes: bool = False) -> AbstractContextManager[Path]:
        """The content as a file on this machine while the block runs; with `keep_changes` what it became is stored.

        Raises MissingFileError, StorageError.
        """

    def delete(self, key: str) -> None:
        """Remove a file; one that is gone already is fine. Raises StorageError."""

    def remove_partials(self, *, older_than: float) -> int:
        """Remove what a process that was killed while it saved left `older_than` seconds ago; answer how many."""

    def check(self) -> None:
        """Prove that files can be kept. Raises MisconfiguredStorageError, or StorageError for what may pass."""


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(16)
