"""Files in a folder of this machine, or of a volume that all machines share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wotnot.services.storage.base import (
    FileTooLargeError,
    MisconfiguredStorageError,
    MissingFileError,
    Readable,
    StorageError,
    new_key,
)

_CHUNK = 1 << 20


class LocalStorage:
    """Everything lies flat under `root`; what is being written ends with .part."""

    is_remote = False

    def __init__(self, root: Path) -> None:
        """`root` is made when the first file comes."""
        self._root = root

    def save(self, stream: Readable, *, limit: int, key: str = "") -> tuple[str, int]:
        """See Storage."""
        partial = self._root / f"{new_key()}.part"
        key = key or new_key()
        with self._refusals():
            self._root.mkdir(parents=True, exist_ok=True)
            out = partial.open("xb")
        try:
            with out:
                size = self._copy(stream, out, limit)
            with self._refusals():
                partial.rename(self._root / key)
        finally:
            partial.unlink(missing_ok=True)
        return key, size

    def open(self, key: str) -> IO[bytes]:
        """See Storage."""
        return self._path(key).open("rb")

    @contextmanager
    def on_disk(self, key: str, *, keep_changes: bool = False) -> Iterator[Path]:  # noqa: ARG002 — they are kept as it is
        """See Storage. It is the file itself."""
        yield self._path(key)

    def delete(self, key: str) -> None:
        """See Storage."""
        if key:
            (self._root / key).unlink(missing_ok=True)

    def remove_partials(self, *, older_than: float) -> int:
        """See Storage."""
        limit = time.time() - older_than
        stale = [path for path in self._root.glob("*.part") if path.stat().st_mtime < limit]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    def check(self) -> None:
        """See Storage."""
        probe = self._root / f"{new_key()}.part"
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            words = (
                f"STORAGE_PATH {self._root} cannot be written to ({error.strerror}). Give this process the right to."
            )
            raise MisconfiguredStorageError(words) from error

    def _path(self, key: str) -> Path:
        path = self._root / key
        if not key or not path.is_file():
            raise MissingFileError
        return path

    def _copy(self, stream: Readable, out: IO[bytes], limit: int) -> int:
        size = 0
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise FileTooLargeError(f"more than {limit} bytes")
            with self._refusals():
                out.write(chunk)
        return size

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """The disk's errors as ours; those of the stream that is read stay as they are."""
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self._root} cannot be written to: {error.strerror or error}.") from error
