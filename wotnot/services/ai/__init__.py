"""Models that write: one request, one answer, one kind of fault, whoever the provider is."""

from wotnot.services.ai import gemini, openrouter
from wotnot.services.ai.errors import AiFault, FaultKind
from wotnot.services.ai.wire import (
    LONGEST_CALL_SECONDS,
    Request,
    Stream,
    TextSink,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Written,
    estimate,
)

__all__ = [
    "LONGEST_CALL_SECONDS",
    "AiFault",
    "FaultKind",
    "Request",
    "Stream",
    "TextSink",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Turn",
    "Written",
    "estimate",
    "stream",
    "write",
]


def stream(provider: str, request: Request, *, seconds: float = 45.0, wants_text: bool = True) -> Stream:
    """Have `provider` ("gemini", or anything else for OpenAI's protocol) write, piece by piece.

    Takes `seconds` at most, and ends when the generator is closed. Raises AiFault.
    """
    speak = gemini.stream if provider == "gemini" else openrouter.stream
    return speak(request, seconds=seconds, wants_text=wants_text)


def write(provider: str, request: Request, *, on_text: TextSink | None = None, seconds: float = 45.0) -> Written:
    """The same at once; `on_text` is told each piece. Takes `seconds` at most. Raises AiFault."""
    pieces = stream(provider, request, seconds=seconds, wants_text=on_text is not None)
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            written: Written = end.value
            return written
        if on_text and piece:
            on_text(piece)
