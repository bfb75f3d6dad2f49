"""Uploaded bytes: in memory, or in a folder when the sandbox has one."""

from __future__ import annotations

from pathlib import Path


class Files:
    """Bytes by a key of letters, digits, dashes and underscores."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data`; with a folder, either whole or not at all."""
        if self._folder is None:
            self._memory[key] = data
            return
        part = self._folder / f"{key}.part"
        part.write_bytes(data)
        part.replace(self._folder / key)

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, or None."""
        if self._folder is None:
            return self._memory.get(key)
        path = self._folder / key
        return path.read_bytes() if path.is_file() else None

    def drop(self, key: str) -> None:
        """Forget a key."""
        self._memory.pop(key, None)
        if self._folder:
            (self._folder / key).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        self._memory.clear()
        if self._folder:
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)
