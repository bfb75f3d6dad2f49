"""A lean HTTP client in a process of its own, so that a server and not its caller is what gets measured.

Requests are ready bytes and answers are only cut where they end: about 40 µs of CPU a request, where `requests` takes 650.
"""

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Answers:
    """Latencies in seconds in the order of the requests' ends, how many ended with each status, and how long all took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, latency: float) -> None:
        """Count one answer."""
        self.latencies.append(latency)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the answers kept to."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def request_bytes(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """One HTTP/1.1 request on a connection that stays open."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def closed_loop(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Answers:
    """`connections` callers that each send the next request as soon as they have their answer."""
    answers: Answers = in_process(_closed_loop, port, requests, connections, seconds)
    return answers


def open_loop(port: int, requests: Sequence[bytes], *, rate: float, connections: int = 64) -> Answers:
    """Each request at its own moment whatever became of those before; a late start counts as the server's latency."""
    answers: Answers = in_process(_open_loop, port, requests, rate, connections)
    return answers


def walk(port: int, requests: Sequence[bytes], *, connections: int, rounds: int) -> list[Answers]:
    """`connections` callers that each make all `requests` in an order of their own, `rounds` times; Answers for each."""
    found: list[Answers] = in_process(_walk, port, requests, connections, rounds)
    return found


def in_process(load: Callable[..., Any], *arguments: object) -> Any:
    """The coroutine function `load` in a process of its own; what it answers."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, load, *arguments).result()


def _run(load: Callable[..., Any], *arguments: object) -> Any:
    return asyncio.run(load(*arguments))


async def _closed_loop(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Answers:
    answers = Answers()
    started = time.perf_counter()

    async def call(place: int) -> None:
        connection = Connection(port)
        for request in islice(cycle(requests), place * len(requests) // connections, None):
            sent_at = time.perf_counter()
            if sent_at - started > seconds:
                break
            answers.add(await connection.fetch(request), time.perf_counter() - sent_at)
        connection.close()

    await asyncio.gather(*map(call, range(connections)))
    answers.seconds = time.perf_counter() - started
    return answers


async def _open_loop(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Answers:
    answers = Answers()
    started = time.perf_counter() + 0.2
    waiting = enumerate(requests)

    async def call() -> None:
        connection = Connection(port)
        for place, request in waiting:
            due_at = started + place / rate
            await asyncio.sleep(due_at - time.perf_counter())
            answers.add(await connection.fetch(request), time.perf_counter() - due_at)
        connection.close()

    await asyncio.gather(*(call() for _ in range(connections)))
    answers.seconds = time.perf_counter() - started
    return answers


async def _walk(port: int, requests: Sequence[bytes], connections: int, rounds: int) -> list[Answers]:
    answers = [Answers() for _ in requests]

    async def call(place: int) -> None:
        connection = Connection(port)
        rng = random.Random(place)
        for _ in range(rounds):
            for index in rng.sample(range(len(requests)), len(requests)):
                sent_at = time.perf_counter()
                answers[index].add(await connection.fetch(requests[index]), time.perf_counter() - sent_at)
        connection.close()

    await asyncio.gather(*map(call, range(connections)))
    return answers


class Connection:
    """One kept connection; opened at the first request and again when the server has closed it."""

    def __init__(self, port: int) -> None:
        """Nothing connects yet."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def fetch(self, request: bytes) -> int:
        """Send `request` and read the whole answer; its status. Raises ConnectionError when there is none."""
        for attempt in range(2):
            if self._streams is None:
                self._streams = await asyncio.open_connection(HOST, self._port, limit=2**22)
            try:
                return await self._exchange(*self._streams, request)
            except (asyncio.IncompleteReadError, ConnectionError):
                # A server may close a kept connection at any time; once is no fault.
                self.close()
                if attempt:
                    raise
        raise ConnectionError

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"\r\ncontent-length: ")
        if not found:
            raise ValueError(f"an answer without a length: {head!r}")
        if length := int(rest.partition(b"\r\n")[0]):
            await reader.readexactly(length)
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
