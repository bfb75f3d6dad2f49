"""Gemini through google-generativeai. Sources: the package's version 0.8.6 and Google's REST reference v1beta."""

import warnings
from typing import Any

from wotnot.services.ai.errors import AiFault, FaultKind, kind_of_status
from wotnot.services.ai.wire import Progress, Request, TextSink, Written, run_bounded

_ROLES = {"user": "user", "model": "model"}
_SCHEMA_WORDS = {"type", "format", "description", "nullable", "enum", "properties", "required", "items"}
_FINISHED, _TOO_LONG = "STOP", "MAX_TOKENS"


def write(request: Request, *, on_text: TextSink | None = None, seconds: float = 45.0) -> Written:
    """Have Gemini write; with `on_text` piece by piece. Takes `seconds` at most. Raises AiFault."""
    load()
    return run_bounded(lambda progress: _call(request, progress), on_text, seconds)


def load() -> Any:
    """The package: 30 MB, so only where somebody writes. It warns that its successor has another interface; we know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import google.generativeai as genai
    return genai


def _call(request: Request, progress: Progress) -> Written:
    from google.api_core import retry

    client = _client(request)
    answers: list[Any] = []
    # The library drops what it could not read without closing it, and a dropped stream keeps its socket.
    client.transport._session.hooks["response"].append(lambda answer, **_: answers.append(answer))  # noqa: SLF001
    # Without a retry of our own the library would repeat a 503 for ten minutes.
    options = {"timeout": progress.seconds_left, "retry": retry.Retry(predicate=lambda _error: False)}
    try:
        return _ask(client, request, progress, options)
    except AiFault:
        raise
    except Exception as error:
        kind = next((kind for cause, kind in _known_errors() if isinstance(error, cause)), None)
        if kind is None:
            raise
        raise _fault_of(error, kind) from error
    finally:
        for answer in answers:
            answer.close()
        client.transport.close()


def _known_errors() -> list[tuple[type[Exception], FaultKind]]:
    """What the library and those below it raise, the first that fits."""
    from google.api_core import exceptions
    from google.protobuf.json_format import ParseError
    from requests import exceptions as http

    types = load().types
    broken = (ParseError, http.JSONDecodeError, ValueError, TypeError, AttributeError, KeyError)
    return [
        (types.BlockedPromptException, FaultKind.BLOCKED),
        (types.StopCandidateException, FaultKind.BLOCKED),
        (exceptions.GoogleAPIError, FaultKind.AWAY),
        (http.Timeout, FaultKind.SILENT),
        (http.ChunkedEncodingError, FaultKind.CUT),
        (http.JSONDecodeError, FaultKind.BROKEN),
        (http.RequestException, FaultKind.UNREACHABLE),
        # The library reads the body before it looks whether it is one: HTML, a list, or half a stream end up here.
        *((cause, FaultKind.BROKEN) for cause in broken),
    ]


def _client(request: Request) -> Any:
    """A client of its own for each call.

    `genai.configure` keeps the key for the whole process, where the next workspace's call would find it.
    """
    from google.ai import generativelanguage
    from google.api_core.client_options import ClientOptions

    options = ClientOptions(api_endpoint=request.base_url.rstrip("/"), api_key=request.api_key)
    return generativelanguage.GenerativeServiceClient(transport="rest", client_options=options)


def _ask(client: Any, request: Request, progress: Progress, options: dict[str, Any]) -> Written:
    genai = load()
    model = genai.GenerativeModel(request.model.removeprefix("models/"), system_instruction=request.system or None)
    model._client = client  # noqa: SLF001 — the library's own place for it; see _client
    config: dict[str, Any] = {"max_output_tokens": request.max_tokens}
    if request.json_schema is not None:
        config |= {"response_mime_type": "application/json", "response_schema": _plain_schema(request.json_schema)}
    contents = [{"role": _ROLES[turn.role], "parts": [turn.text]} for turn in request.turns]
    answer = model.generate_content(
        contents, generation_config=config, stream=progress.wants_text, request_options=options
    )
    pieces = []
    for chunk in answer if progress.wants_text else (answer,):
        piece = _text_of(chunk)
        pieces.append(piece)
        progress.say(piece)
    return _finish(answer, "".join(pieces))


def _text_of(chunk: Any) -> str:
    """The text of an answer or a piece of one; the library's own `.text` raises where there is none."""
    parts = chunk.candidates[0].content.parts if chunk.candidates else ()
    return "".join(part.text for part in parts)


def _finish(answer: Any, text: str) -> Written:
    if answer.prompt_feedback.block_reason:
        raise AiFault(FaultKind.BLOCKED, answer.prompt_feedback.block_reason.name)
    if not answer.candidates:
        raise AiFault(FaultKind.BROKEN, "no candidates")
    finish = answer.candidates[0].finish_reason.name
    if finish == _TOO_LONG:
        raise AiFault(FaultKind.LONG)
    if finish == "FINISH_REASON_UNSPECIFIED":
        raise AiFault(FaultKind.CUT)
    if finish != _FINISHED:
        raise AiFault(FaultKind.BLOCKED, finish)
    usage = answer.usage_metadata
    return Written(text, usage.prompt_token_count, usage.candidates_token_count, None, finish.lower())


def _fault_of(error: Exception, kind: FaultKind) -> AiFault:
    words = str(getattr(error, "message", "") or error)[:300]
    status = getattr(error, "code", None)
    is_refusal = isinstance(status, int) and "Unknown error trying to retrieve streaming response" not in words
    return AiFault(kind_of_status(int(status), words) if is_refusal and status else kind, words)


def _plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with only the words that Gemini's Schema knows; it raises on any other."""
    plain = {key: value for key, value in schema.items() if key in _SCHEMA_WORDS}
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {name: _plain_schema(part) for name, part in plain["properties"].items()}
    if isinstance(plain.get("items"), dict):
        plain["items"] = _plain_schema(plain["items"])
    return plain
