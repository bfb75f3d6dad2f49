"""Models that write: one request, one answer, one kind of fault, whoever the provider is."""

from wotnot.services.ai import gemini, openrouter
from wotnot.services.ai.errors import AiFault, FaultKind
from wotnot.services.ai.wire import LONGEST_CALL_SECONDS, Request, TextSink, Turn, Written

__all__ = ["LONGEST_CALL_SECONDS", "AiFault", "FaultKind", "Request", "TextSink", "Turn", "Written", "write"]


def write(provider: str, request: Request, *, on_text: TextSink | None = None, seconds: float = 45.0) -> Written:
    """Have `provider` ("gemini", or anything else for OpenAI's protocol) write. Takes `seconds` at most. Raises AiFault."""
    speak = gemini.write if provider == "gemini" else openrouter.write
    return speak(request, on_text=on_text, seconds=seconds)
