"""`python -m sandbox`: run until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys

from sandbox.app import Sandbox
from sandbox.config import Config


async def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sandbox = Sandbox(config)
    port = await sandbox.start()
    print(f"Sandbox ready on http://{config.host}:{port}/", flush=True)
    await stop.wait()
    await sandbox.stop()


def main() -> int:
    """Parse, run, and turn a port in use into one clear line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s sandbox %(levelname)s %(message)s")
    config = Config.parse(sys.argv[1:], os.environ)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run(config))
    except OSError as error:
        print(f"The sandbox could not start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
