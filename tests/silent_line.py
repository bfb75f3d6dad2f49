"""A way to a server whose open event streams can fall silent, as after sleep or in another network: nobody is told."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

STREAM = b"GET /app/stream"


class SilentLine:
    """Hands bytes on between a browser and the server at `port`; `address` is where the browser finds it."""

    def __init__(self, port: int) -> None:
        """Listen on a port of its own."""
        self._target = port
        self._silent: set[socket.socket] = set()
        self._streams: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [self._start(self._accept)]

    @property
    def stream_count(self) -> int:
        """Streams that were opened so far."""
        return len(self._streams)

    def fall_silent(self) -> None:
        """From now on nothing comes through the streams that are open; new connections are fine."""
        self._silent |= self._streams

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        _end(self._listener)
        for one in list(self._open):
            _end(one)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                self._threads.append(self._start(self._connect, browser))

    def _connect(self, browser: socket.socket) -> None:
        with browser, socket.create_connection(("127.0.0.1", self._target)) as server:
            self._open |= {browser, server}
            back = self._start(self._pump, server, browser, browser)
            self._pump(browser, server, browser)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, browser: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if data.startswith(STREAM):
                    self._streams.add(browser)
                if browser not in self._silent:
                    target.sendall(data)
        _end(source)
        _end(target)

    @staticmethod
    def _start(work: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
