"""Making the API misbehave on purpose: the next N answers, for those who test how a client takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from sandbox.errors import CODES, GraphError
from sandbox.jsonio import Json, refuse, respond
from sandbox.messages_api import hang

KINDS = ("error", "drop_before", "drop_after", "hang_before", "hang_after", "delay")


@dataclass(slots=True)
class Fault:
    """What happens to the next `count` requests whose path ends with `on` ("" for any).

    `before` means: before the request is processed. An error answers `status` with `body` and `headers`, or with the envelope of `code`.
    """

    kind: str
    count: int = 1
    on: str = "messages"
    skip: int = 0
    code: int = 131000
    status: int = 0
    body: Any = None
    headers: Json = field(default_factory=dict)
    delay_s: float = 0.0


class Faults:
    """The queue of planned misbehaviour."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(self, data: Json) -> Fault:
        """Plan a fault; raise ValueError when it makes no sense."""
        unknown = set(data) - set(Fault.__slots__)
        if unknown:
            raise ValueError(f"unknown field {sorted(unknown)[0]}")
        if data.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        fault = Fault(**data)
        numbers = (fault.count, fault.skip, fault.code, fault.status)
        if any(type(n) is not int or n < 0 for n in numbers) or fault.count < 1:
            raise ValueError("count, skip, code and status must be whole numbers, count at least 1")
        if fault.code not in CODES or (fault.status and not 200 <= fault.status <= 599):
            raise ValueError("code must be a known error code and status between 200 and 599")
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Behave again."""
        self._planned.clear()

    def as_list(self) -> list[Json]:
        """What is still planned."""
        return [asdict(fault) for fault in self._planned]

    def __bool__(self) -> bool:
        return bool(self._planned)

    def next_for(self, path: str) -> Fault | None:
        """Use up one fault for a request to this path."""
        for fault in self._planned:
            if not path.endswith(fault.on):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.count -= 1
            if not fault.count:
                self._planned.remove(fault)
            return fault
        return None


async def misbehave(
    fault: Fault, request: web.BaseRequest, process: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request the way a fault says."""
    if fault.kind == "error":
        return _error(fault)
    if fault.kind == "delay":
        await asyncio.sleep(fault.delay_s)
        return await process()
    answer: web.StreamResponse = web.Response(status=500)
    if fault.kind.endswith("_after"):
        answer = await process()
    if fault.kind.startswith("drop"):
        if request.transport:
            request.transport.abort()
    else:
        await hang(request)
    return answer


def _error(fault: Fault) -> web.Response:
    if fault.body is None:
        error = GraphError(fault.code)
        error.http = fault.status or error.http
        return refuse(error)
    if isinstance(fault.body, str):
        headers = {"Content-Type": "text/plain; charset=utf-8"} | {k: str(v) for k, v in fault.headers.items()}
        return web.Response(status=fault.status or 500, body=fault.body.encode(), headers=headers)
    return respond(fault.body, fault.status or 500)
