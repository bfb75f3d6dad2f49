"""The processes' output files, and what the launcher itself says."""

import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

LARGEST = 10 * 1024 * 1024  # bytes; then the file is kept as .1 and begun again
KEPT = 3


class LogFile:
    """A file that a process appends to, rotated by copying and emptying: the process keeps its handle and notices nothing."""

    def __init__(self, path: Path) -> None:
        """`path` is created when first opened."""
        self.path = path

    def open(self) -> BinaryIO:
        """Opened for appending, so that emptying the file moves every writer back to its start."""
        return self.path.open("ab")

    def note(self, line: str) -> None:
        """Add a line of the launcher's own."""
        with self.open() as file:
            file.write(f"--- {_now()} {line}\n".encode())

    def rotate_if_large(self) -> None:
        """Keep LARGEST bytes in the file and KEPT older files beside it."""
        if not self.path.exists() or self.path.stat().st_size < LARGEST:
            return
        for number in range(KEPT - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
        with self.path.open("r+b") as file:
            file.truncate(0)


def say(line: str) -> None:
    """One line to the person in the terminal."""
    print(f"{_now()}  {line}", file=sys.stderr, flush=True)


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
