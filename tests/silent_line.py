"""A way to a server whose open event streams can fall silent, as after sleep or in another network: nobody is told."""

import itertools
import socket
import threading
from contextlib import suppress

STREAM = b"GET /app/stream"


class SilentLine:
    """Hands bytes on between a browser and the server at `port`; `address` is where the browser finds it."""

    def __init__(self, port: int) -> None:
        """Listen on a port of its own."""
        self._target = port
        self._silent: set[int] = set()
        self._streams: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def stream_count(self) -> int:
        """Streams that were opened so far."""
        return len(self._streams)

    def fall_silent(self) -> None:
        """From now on nothing comes through the streams that are open; new connections are fine."""
        self._silent |= self._streams

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            for line in itertools.count():
                browser, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for source, target in ((browser, server), (server, browser)):
                    threading.Thread(target=self._pump, args=(source, target, line), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, line: int) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if data.startswith(STREAM):
                    self._streams.add(line)
                if line not in self._silent:
                    target.sendall(data)
        if line not in self._silent:
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)
