"""Where things are on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one running WotNot, all below `var`."""

    var: Path

    @classmethod
    def from_env(cls) -> "Paths":
        """`WOTNOT_VAR` lets a second WotNot (a test's, say) run beside the first with data of its own."""
        return cls(Path(os.environ.get("WOTNOT_VAR") or ROOT / "var").resolve())

    @property
    def logs(self) -> Path:
        """One file a process, rotated by the launcher."""
        return self.var / "log"

    @property
    def run(self) -> Path:
        """The lock, the remembered ports and the record of what was started."""
        return self.var / "run"

    @property
    def secrets(self) -> Path:
        """The secrets made at the first start; mode 600."""
        return self.var / "secrets.env"

    @property
    def environment(self) -> Path:
        """The settings of the last start, for `bin/flask`; mode 600."""
        return self.run / "environment"

    @property
    def started(self) -> Path:
        """The record of what the launcher started."""
        return self.run / "started.json"

    @property
    def ports(self) -> Path:
        """The ports of the last start, so that addresses stay the same."""
        return self.run / "ports.json"

    @property
    def postgres(self) -> Path:
        """The embedded database's cluster."""
        return self.var / "postgres"

    @property
    def redis(self) -> Path:
        """The embedded Redis's append-only file."""
        return self.var / "redis"

    @property
    def sandbox(self) -> Path:
        """What the sandbox remembers between starts."""
        return self.var / "sandbox"

    def make(self) -> None:
        """Create the folders that the launcher writes to. All but `var` are closed to other users of the machine."""
        self.var.mkdir(parents=True, exist_ok=True)
        for folder in (self.logs, self.run, self.redis, self.sandbox):
            folder.mkdir(mode=0o700, exist_ok=True)
