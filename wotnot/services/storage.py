"""Uploaded files on disk, under one folder that every process of the installation shares. A leaf.

A file is known by its key, a random name that says nothing about its owner; a half-written file never has a key.
"""

import secrets
import time
from pathlib import Path
from typing import Protocol

_CHUNK = 1 << 20


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


class FileTooLargeError(ValueError):
    """The stream holds more than the limit; nothing of it was kept."""


def save(root: Path, stream: Readable, *, limit: int) -> tuple[str, int]:
    """Copy `stream` under `root` in chunks; answer its key and its size in bytes.

    Raises FileTooLargeError as soon as more than `limit` bytes have come. Whatever goes wrong, nothing stays behind.
    """
    root.mkdir(parents=True, exist_ok=True)
    key = secrets.token_hex(16)
    partial = root / f"{key}.part"
    try:
        size = _copy(stream, partial, limit)
        partial.rename(root / key)
    finally:
        partial.unlink(missing_ok=True)
    return key, size


def path_of(root: Path, key: str) -> Path:
    """Where the file with this key lies."""
    return root / key


def size_of(root: Path, key: str) -> int:
    """The file's size in bytes; 0 when it is gone."""
    try:
        return path_of(root, key).stat().st_size if key else 0
    except FileNotFoundError:
        return 0


def delete(root: Path, key: str) -> None:
    """Remove a file; one that is gone already is fine."""
    if key:
        (root / key).unlink(missing_ok=True)


def remove_partials(root: Path, *, older_than: float) -> int:
    """Remove what a process that was killed while it saved left behind, if it is `older_than` seconds; answer how many."""
    limit = time.time() - older_than
    stale = [path for path in root.glob("*.part") if path.stat().st_mtime < limit]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _copy(stream: Readable, target: Path, limit: int) -> int:
    size = 0
    with target.open("xb") as out:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise FileTooLargeError(f"more than {limit} bytes")
            out.write(chunk)
    return size
