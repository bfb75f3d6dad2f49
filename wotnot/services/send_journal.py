"""Which messages a sender has put on the wire, in a file that survives its death.

A claimed message whose sender was killed either left the machine or did not, and only the second may go out again. The
database cannot tell them apart without a write for each message; a memory-mapped file can, because the kernel keeps its
pages when the process is gone.

On Linux the note is exact. A message leaves through `sendmmsg(2)`, whose header lies in the file: the kernel itself writes
`msg_len` there, in the same system call that takes the bytes. A kill comes before that call or after it, never between,
so there is no moment at which a message is gone and not noted, or noted and not gone. Elsewhere the note is made one step
before the write.

The file is locked while its owner lives, so "dead" is a fact and not a time-out. After a power cut the page may be lost,
which the boot id shows; then, and when the file is on another host, every claimed message counts as having left.
"""

import ctypes
import errno
import fcntl
import itertools
import mmap
import os
import socket
import sys
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

MAGIC = b"wotnot-journal-2"
HEADER_BYTES = 64
CAPACITY = 131_072
"""Notes kept: at full speed the last 90 seconds, and no request lives that long, so an overwritten one is long recorded."""

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


class _Bytes(ctypes.Structure):
    """`struct iovec`: where the bytes lie."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct msghdr`: an ordinary message to a socket that is connected."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vector_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Note(ctypes.Structure):
    """One place in the file. The first two fields are a `struct mmsghdr`: the kernel writes `taken` when it took bytes."""

    _fields_ = (
        ("header", _Header),
        ("taken", ctypes.c_uint),
        ("bytes", _Bytes),
        ("message_id", ctypes.c_int64),
    )


_NOTE_BYTES = ctypes.sizeof(_Note)
# Called without letting go of the interpreter: the sockets do not block, and waiting to get it back costs more than the call.
_libc = ctypes.PyDLL(None, use_errno=True)
_IS_EXACT = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8


class Departure:
    """One message about to leave. Made by `SendJournal.prepare`; used once."""

    def __init__(self, note: _Note) -> None:
        """Take an empty `note` with its message's id in it."""
        self._note = note

    @property
    def has_left(self) -> bool:
        """Whether any byte may be on the wire."""
        return bool(self._note.taken)

    def send(self, sock: socket.socket, data: bytes) -> None:
        """Put `data` on the wire; from then on the file says so. Raises OSError; `has_left` tells if before or after."""
        taken = self._hand_over(sock.fileno(), data)
        if taken < len(data):
            # The kernel's buffer was full. What waits here is a part of a message, which no receiver can act on.
            self._note.taken = 1
            sock.sendall(data[taken:])

    def _hand_over(self, descriptor: int, data: bytes) -> int:
        """Offer `data` to the kernel without waiting; how many bytes it took."""
        if not _IS_EXACT:
            return 0
        note, start = self._note, ctypes.c_char_p(data)
        note.bytes.base, note.bytes.length = ctypes.cast(start, ctypes.c_void_p).value, len(data)
        note.header.vector, note.header.vector_length = ctypes.addressof(note.bytes), 1
        sent = _libc.sendmmsg(descriptor, ctypes.byref(note), 1, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        if sent == 1:
            return int(note.taken)
        error = ctypes.get_errno()
        if error in {errno.EAGAIN, errno.EINTR}:
            return 0
        raise OSError(error, os.strerror(error))


class SendJournal:
    """The journal of one sender; owned from `create` to `close`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Take the locked `file` at `path`; use `create`."""
        self._path = path
        self._file = file
        pages = mmap.mmap(file.fileno(), HEADER_BYTES + CAPACITY * _NOTE_BYTES)
        self._notes = (_Note * CAPACITY).from_buffer(pages, HEADER_BYTES)
        self._next = itertools.count()

    @classmethod
    def create(cls, folder: Path, sender_id: str) -> "SendJournal":
        """A new, locked journal for `sender_id`. Raises OSError when the folder cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        path = _path(folder, sender_id)
        file = path.open("x+b")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write((MAGIC + _boot_id()).ljust(HEADER_BYTES, b"\0"))
        file.truncate(HEADER_BYTES + CAPACITY * _NOTE_BYTES)
        file.flush()
        return cls(path, file)

    def prepare(self, message_id: int) -> Departure:
        """The departure of a message, noted when it happens. Safe from many threads: each gets a place of its own."""
        note = self._notes[next(self._next) % CAPACITY]
        note.taken = 0
        note.message_id = message_id
        return Departure(note)

    def close(self) -> None:
        """End of a sender that recorded everything it claimed: the journal is of no more use."""
        self._path.unlink(missing_ok=True)
        self._file.close()


class DeadJournal:
    """The journal of a sender that died, locked by whoever recovers it."""

    def __init__(self, path: Path, file: BinaryIO, left: AbstractSet[int] | None) -> None:
        """`left` are the ids that went out, None when the file cannot say."""
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
    return DeadJournal(path, file, _read_notes(file))


def _read_notes(file: BinaryIO) -> AbstractSet[int] | None:
    header = file.read(HEADER_BYTES)
    if header != (MAGIC + _boot_id()).ljust(HEADER_BYTES, b"\0"):
        return None
    body = file.read()
    notes = (_Note * (len(body) // _NOTE_BYTES)).from_buffer_copy(body)
    return {note.message_id for note in notes if note.taken}


def _boot_id() -> bytes:
    with suppress(OSError):
        return _BOOT_ID_FILE.read_text().strip().encode()
    return f"boot-unknown-{os.getppid()}".encode()


def _path(folder: Path, sender_id: str) -> Path:
    return folder / f"{sender_id}.journal"
