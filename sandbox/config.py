"""Command line and environment, parsed once at start."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.settings import InvalidSettings, Settings


@dataclass(frozen=True)
class Config:
    """Where the sandbox listens, what it remembers and the settings it starts with."""

    host: str
    port: int
    app_id: str
    data: Path | None
    settings: Settings

    @classmethod
    def parse(cls, argv: Sequence[str], env: Mapping[str, str]) -> Config:
        """Read options, each also settable as SANDBOX_<NAME>; exit with one clear line when something is wrong."""
        parser = _parser(env)
        args = parser.parse_args(argv)
        try:
            settings = Settings.from_env(env)
            given = {name: getattr(args, name) for name in _SETTING_OPTIONS if getattr(args, name) is not None}
            settings.update(given)
            port = int(args.port)
        except (InvalidSettings, ValueError) as error:
            parser.error(str(error))
        if not 0 <= port <= 65535:
            parser.error("port: must be between 0 and 65535")
        return cls(args.host, port, args.app_id, Path(args.data) if args.data else None, settings)


_SETTING_OPTIONS = ("webhook_url", "app_secret", "verify_token", "latency_ms", "rate_per_second")


def _parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local look-alike of the WhatsApp Cloud API."
    )
    parser.add_argument("--host", default=env.get("SANDBOX_HOST", "127.0.0.1"))
    parser.add_argument("--port", default=env.get("SANDBOX_PORT", "5080"), help="0 picks a free one (default 5080)")
    parser.add_argument("--app-id", default=env.get("SANDBOX_APP_ID", "500000000000001"))
    parser.add_argument(
        "--data", default=env.get("SANDBOX_DATA", ""), help="folder to remember things in (default: forget)"
    )
    parser.add_argument("--webhook-url", help="where status and message webhooks are posted")
    parser.add_argument("--app-secret", help="signs the webhooks")
    parser.add_argument("--verify-token", help="sent in the webhook handshake")
    parser.add_argument("--latency-ms", help="how long POST /messages takes to answer")
    parser.add_argument("--rate", dest="rate_per_second", help="messages a second a number may send, 0 for no limit")
    return parser
