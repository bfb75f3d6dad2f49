"""What every provider takes and gives, and the deadline that holds whatever the provider does."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wotnot.services.ai.errors import AiFault, FaultKind

LONGEST_CALL_SECONDS = 55.0

TextSink = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that was said: by the `user` or by the `model`."""

    role: Literal["user", "model"]
    text: str


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


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote whole; `cost_micros` is in millionths of a US dollar where the provider tells it."""

    text: str
    prompt_tokens: int
    answer_tokens: int
    cost_micros: int | None
    finish: str


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


def run_bounded(work: Callable[[Progress], Written], on_text: TextSink | None, seconds: float) -> Written:
    """Run `work` in a thread of its own and wait for it `seconds` at most, whatever its sockets do.

    A read timeout begins anew with each byte, so a server that drips could hold the caller for ever; it holds only the
    thread, which ends at its next piece. `on_text` is called in the caller's thread. Raises AiFault.
    """
    progress = Progress(wants_text=on_text is not None, seconds=min(seconds, LONGEST_CALL_SECONDS))

    def report() -> None:
        try:
            progress.events.put(work(progress))
        except BaseException as error:  # noqa: BLE001 — it goes on to the caller, in the caller's thread
            progress.events.put(error)

    threading.Thread(target=report, name="ai-call", daemon=True).start()
    try:
        while True:
            event = progress.events.get(timeout=progress.seconds_left)
            if isinstance(event, Written):
                return event
            if isinstance(event, BaseException):
                raise event
            if on_text:
                on_text(event)
    except queue.Empty:
        raise AiFault(FaultKind.SILENT, "the deadline has passed") from None
    finally:
        progress.abandoned.set()
