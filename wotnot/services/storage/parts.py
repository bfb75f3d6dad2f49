"""A file that was stored in parts, read as one."""

import io
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from wotnot.services.storage.base import Storage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PartsFile(io.RawIOBase):
    """The parts of a file read as one, from any place."""

    def __init__(self, kept: Storage, parts: Sequence[tuple[str, int]]) -> None:
        """`parts` are keys and sizes in their order. Raises MissingFileError when the first is gone, StorageError."""
        self._kept, self._parts = kept, parts
        self._size = sum(size for _, size in parts)
        self._place = 0
        self._open: tuple[int, IO[bytes]] | None = None
        if parts:
            self._part(0)  # a file that is gone is said before an answer begins

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, target: "WriteableBuffer") -> int:
        room, start = memoryview(target), 0
        for number, (_, size) in enumerate(self._parts):
            if start <= self._place < start + size:
                part = self._part(number)
                part.seek(self._place - start)
                piece = part.read(min(len(room), start + size - self._place))
                room[: len(piece)] = piece
                self._place += len(piece)
                return len(piece)
            start += size
        return 0

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
        super().close()

    def _part(self, number: int) -> IO[bytes]:
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
            self._open = (number, self._kept.open(self._parts[number][0]))
        return self._open[1]
