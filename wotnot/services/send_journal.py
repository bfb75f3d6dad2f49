"""What a sender was about to put on the wire, in a file that survives its death.

A claimed message whose sender was killed either left the machine or did not, and only the second may go out again. The
database cannot tell them apart without a write for each message; a memory-mapped file can: marking one costs less than a
microsecond, and the kernel keeps the page when the process is gone. The sender sets the mark in the very step before its
body goes to the socket (`whatsapp/dispatch.py`), so that a kill between the two is next to impossible.

The file is locked while its owner lives, so "dead" is a fact and not a time-out. After a power cut the page may be lost,
which the boot id shows; then, and when the file is on another host, every claimed message counts as having left.
"""

import fcntl
import itertools
import mmap
import os
import struct
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"wotnot-journal-1"
HEADER_BYTES = 64
CAPACITY = 262_144
"""Marks kept; far more than a sender ever holds claimed at once, so an overwritten mark is long recorded."""

_MARK = struct.Struct("<q")
_NOTHING = bytes(_MARK.size)
_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Mark:
    """One place in the journal: `pages[place] = packed` sets it, a single step that no other thread can cut in two."""

    pages: mmap.mmap
    place: slice
    packed: bytes

    def set(self) -> None:
        """The message is leaving now."""
        self.pages[self.place] = self.packed

    def clear(self) -> None:
        """The message did not leave after all."""
        self.pages[self.place] = _NOTHING


class SendJournal:
    """The journal of one sender; owned from `create` to `close`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Take the locked `file` at `path`; use `create`."""
        self._path = path
        self._file = file
        self._map = mmap.mmap(file.fileno(), HEADER_BYTES + CAPACITY * _MARK.size)
        self._next = itertools.count()

    @classmethod
    def create(cls, folder: Path, sender_id: str) -> "SendJournal":
        """A new, locked journal for `sender_id`. Raises OSError when the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        path = _path(folder, sender_id)
        file = path.open("x+b")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write((MAGIC + _boot_id()).ljust(HEADER_BYTES, b"\0"))
        file.truncate(HEADER_BYTES + CAPACITY * _MARK.size)
        file.flush()
        return cls(path, file)

    def prepare(self, message_id: int) -> "Mark":
        """The mark that says this message has left, ready to be set. Safe from many threads: each gets its own place."""
        start = HEADER_BYTES + next(self._next) % CAPACITY * _MARK.size
        return Mark(self._map, slice(start, start + _MARK.size), _MARK.pack(message_id))

    def close(self) -> None:
        """End of a sender that recorded everything it claimed: the journal is of no more use."""
        self._map.close()
        self._path.unlink(missing_ok=True)
        self._file.close()


class DeadJournal:
    """The journal of a sender that died, locked by whoever recovers it."""

    def __init__(self, path: Path, file: BinaryIO, left: AbstractSet[int] | None) -> None:
        """`left` are the ids that may have gone out, None when the file cannot say."""
        self._path = path
        self._file = file
        self.left = left

    def discard(self) -> None:
        """Everything the dead sender held is settled."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def is_here(folder: Path, sender_id: str) -> bool:
    """Whether this host holds the journal of `sender_id`, dead or alive."""
    return _path(folder, sender_id).exists()


def open_all_dead(folder: Path) -> dict[str, DeadJournal]:
    """The journals of senders that died on this host, locked, by sender id.

    One that lives, or that somebody else recovers right now, is not among them.
    """
    found = ((path.stem, _open_dead(path)) for path in folder.glob("*.journal"))
    return {sender_id: journal for sender_id, journal in found if journal is not None}


def _open_dead(path: Path) -> DeadJournal | None:
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return DeadJournal(path, file, _read_marks(file))


def _read_marks(file: BinaryIO) -> AbstractSet[int] | None:
    header = file.read(HEADER_BYTES)
    if header != (MAGIC + _boot_id()).ljust(HEADER_BYTES, b"\0"):
        return None
    body = file.read()
    return {mark for (mark,) in _MARK.iter_unpack(body[: len(body) // _MARK.size * _MARK.size]) if mark}


def _boot_id() -> bytes:
    with suppress(OSError):
        return _BOOT_ID_FILE.read_text().strip().encode()
    return f"boot-unknown-{os.getppid()}".encode()


def _path(folder: Path, sender_id: str) -> Path:
    return folder / f"{sender_id}.journal"
