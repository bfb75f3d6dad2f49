"""`python -m sandbox`: run until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import gc
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
    _collect_the_young_only()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(run(config))
    except OSError as error:
        print(f"The sandbox could not start: {error}", file=sys.stderr)
        return 1
    return 0


def _collect_the_young_only() -> None:
    """A full collection looks at all that was ever sent to us, and nobody is answered meanwhile: 0.1 s at 20,000 messages, which
    then seem to come all at once. Little of what it would find is garbage, so it is left for a hundred times as long.
    """
    gc.freeze()
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 100 * old)


if __name__ == "__main__":
    sys.exit(main())
