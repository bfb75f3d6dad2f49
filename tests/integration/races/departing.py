"""Run by `test_departures`: posts messages from many threads as fast as it can until it is killed.

python -m tests.integration.races.departing URL FOLDER [FILE OF AUTHORITIES]
"""

import itertools
import json
import sys
import threading
from pathlib import Path

from wotnot.services.send_journal import SendJournal
from wotnot.services.whatsapp.dispatch import Dispatcher

THREADS = 16


def main(url: str, folder: str, authorities: str = "") -> None:
    """Post 1, 2, 3 … for ever."""
    journal = SendJournal.create(Path(folder), "departing")
    dispatcher = Dispatcher(url, "v1", connections=THREADS, authorities=authorities)
    numbers = itertools.count(1)

    def work() -> None:
        for number in numbers:
            body = json.dumps({"number": number}).encode()
            dispatcher.post("1", "token", body, lambda number=number: journal.prepare(number))  # type: ignore[misc]

    for _ in range(THREADS):
        threading.Thread(target=work, daemon=True).start()
    sys.stdout.write("departing\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
