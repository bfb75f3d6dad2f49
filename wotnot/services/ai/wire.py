"""What every provider takes and gives, and the deadline that holds whatever the provider does."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wotnot.services.ai.errors import AiFault, FaultKind

LONGEST_CALL_SECONDS = 55.0
HEARTBEAT_SECONDS = 2.0
"""How long a stream is silent at most: whoever passes it on notices only by writing that nobody reads any more."""
_SIGNS_A_TOKEN = 4

TextSink = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may ask for. `parameters` is a JSON schema of an object; without properties it takes nothing."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `arguments` is None when they are not a JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered to a call, as JSON."""

    call: ToolCall
    json: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that was said: by the `user` or by the `model`.

    A model's turn may ask for tools (`calls`), the user's turn after it then carries what they answered (`results`).
    """

    role: Literal["user", "model"]
    text: str
    calls: Sequence[ToolCall] = ()
    results: Sequence[ToolResult] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model, with the key it is paid by and the address it goes to.

    `base_url` is the provider's root: with Gemini without a version, with OpenAI's protocol up to and with /v1.
    """

    system: str
    turns: Sequence[Turn]
    model: str
    api_key: str
    base_url: str
    json_schema: dict[str, Any] | None = None
    max_tokens: int = 4000
    tools: Sequence[Tool] = ()
    may_call: bool = True
    """Whether it may ask for `tools` now, or has to answer in words."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote whole; `cost_micros` is in millionths of a US dollar where the provider tells it.

    With `calls` it wants those tools' answers before it goes on.
    """

    text: str
    prompt_tokens: int
    answer_tokens: int
    cost_micros: int | None
    finish: str
    calls: Sequence[ToolCall] = ()


def estimate(request: Request, text: str) -> Written:
    """What a call took that was given up after `text`: nobody tells its tokens, but somebody pays for them."""
    said = (len(turn.text) + sum(len(one.json) for one in turn.results) for turn in request.turns)
    asked = len(request.system) + sum(said)
    return Written(text, asked // _SIGNS_A_TOKEN, len(text) // _SIGNS_A_TOKEN, None, "stopped")


class Progress:
    """What the thread that talks to the provider reports to, and learns from that nobody waits any more."""

    def __init__(self, *, wants_text: bool, seconds: float) -> None:
        """`seconds` is the time that is left."""
        self.wants_text = wants_text
        self.events: queue.SimpleQueue[str | Written | BaseException] = queue.SimpleQueue()
        self.abandoned = threading.Event()
        self._until = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Until the deadline, at least a moment: libraries take 0 for "no limit"."""
        return max(0.05, self._until - time.monotonic())

    def say(self, text: str) -> None:
        """Hand on a piece of text. Raises AiFault when nobody waits for it any more, which ends the thread."""
        if self.abandoned.is_set():
            raise AiFault(FaultKind.SILENT, "nobody waits any more")
        if text and self.wants_text:
            self.events.put(text)


Stream = Generator[str, None, Written]
"""Pieces of text as they are written, "" now and then while there are none; returns the whole."""


def run_bounded(work: Callable[[Progress], Written], *, wants_text: bool, seconds: float) -> Stream:
    """Run `work` in a thread of its own and wait for it `seconds` at most, whatever its sockets do.

    A read timeout begins anew with each byte, so a server that drips could hold the caller for ever; it holds only the
    thread, which ends at its next piece. Closing the generator abandons the call. Raises AiFault.
    """
    progress = Progress(wants_text=wants_text, seconds=min(seconds, LONGEST_CALL_SECONDS))

    def report() -> None:
        try:
            progress.events.put(work(progress))
        except BaseException as error:  # noqa: BLE001 — it goes on to the caller, in the caller's thread
            progress.events.put(error)

    threading.Thread(target=report, name="ai-call", daemon=True).start()
    try:
        while True:
            event = _next_event(progress)
            if isinstance(event, Written):
                return event
            if isinstance(event, BaseException):
                raise event
            yield event
    finally:
        progress.abandoned.set()


def _next_event(progress: Progress) -> str | Written | BaseException:
    """What came, or "" after some silence. Raises AiFault at the deadline."""
    left = progress.seconds_left
    try:
        return progress.events.get(timeout=min(left, HEARTBEAT_SECONDS))
    except queue.Empty:
        if left <= HEARTBEAT_SECONDS:
            raise AiFault(FaultKind.SILENT, "the deadline has passed") from None
        return ""
