"""Gemini through google-generativeai. Sources: the package's version 0.8.6 and Google's REST reference v1beta."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from wotnot.services.ai.errors import AiFault, FaultKind, kind_of_status
from wotnot.services.ai.wire import Progress, Request, Stream, ToolCall, Turn, Written, run_bounded

_ROLES = {"user": "user", "model": "model"}
_SCHEMA_WORDS = {"type", "format", "description", "nullable", "enum", "properties", "required", "items"}
_FINISHED, _TOO_LONG = "STOP", "MAX_TOKENS"
_FAULTS = {
    _TOO_LONG: FaultKind.LONG,
    "FINISH_REASON_UNSPECIFIED": FaultKind.CUT,
    "MALFORMED_FUNCTION_CALL": FaultKind.BROKEN,
}


def stream(request: Request, *, seconds: float = 45.0, wants_text: bool = True) -> Stream:
    """Have Gemini write, piece by piece if `wants_text`. Takes `seconds` at most. Raises AiFault."""
    load()
    return run_bounded(lambda progress: _call(request, progress), wants_text=wants_text, seconds=seconds)


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
    answer = model.generate_content(
        [{"role": _ROLES[turn.role], "parts": _parts(turn)} for turn in request.turns],
        generation_config=config,
        stream=progress.wants_text,
        request_options=options,
        **_tools(request),
    )
    pieces: list[str] = []
    calls: list[ToolCall] = []
    for chunk in answer if progress.wants_text else (answer,):
        parts = chunk.candidates[0].content.parts if chunk.candidates else ()
        piece = "".join(part.text for part in parts)  # the library's own `.text` raises where there is none
        calls += _calls_in(parts, len(calls))
        pieces.append(piece)
        progress.say(piece)
    return _finish(answer, "".join(pieces), calls)


def _tools(request: Request) -> dict[str, Any]:
    """The tools as arguments of the call. A function that takes nothing must have no parameters at all."""
    if not request.tools:
        return {}
    functions = [
        {"name": tool.name, "description": tool.description}
        | ({"parameters": _plain_schema(tool.parameters)} if tool.parameters.get("properties") else {})
        for tool in request.tools
    ]
    mode = {"function_calling_config": {"mode": "auto" if request.may_call else "none"}}
    return {"tools": [{"function_declarations": functions}], "tool_config": mode}


def _parts(turn: Turn) -> list[Any]:
    """What was said, asked for and answered, as Google's parts."""
    from google.ai import generativelanguage as parts

    said: list[Any] = [turn.text] if turn.text or not (turn.calls or turn.results) else []
    said += [parts.FunctionCall(name=call.name, args=dict(call.arguments or {})) for call in turn.calls]
    # As text: Google's own kind of object makes 4711 a 4711.0 and forgets what came first.
    said += [parts.FunctionResponse(name=result.call.name, response={"result": result.json}) for result in turn.results]
    return said


def _calls_in(parts: Sequence[Any], known: int) -> list[ToolCall]:
    """The tools asked for, with ids of ours: Google matches answers by name and order."""
    asked = [part.function_call for part in parts if part.function_call.name]
    return [
        ToolCall(f"call-{known + index}", call.name, type(call).to_dict(call).get("args") or {})
        for index, call in enumerate(asked)
    ]


def _finish(answer: Any, text: str, calls: Sequence[ToolCall]) -> Written:
    if answer.prompt_feedback.block_reason:
        raise AiFault(FaultKind.BLOCKED, answer.prompt_feedback.block_reason.name)
    if not answer.candidates:
        raise AiFault(FaultKind.BROKEN, "no candidates")
    finish = answer.candidates[0].finish_reason.name
    if finish != _FINISHED:
        raise AiFault(_FAULTS.get(finish, FaultKind.BLOCKED), finish)
    usage = answer.usage_metadata
    return Written(text, usage.prompt_token_count, usage.candidates_token_count, None, finish.lower(), calls)


def _fault_of(error: Exception, kind: FaultKind) -> AiFault:
    words = str(getattr(error, "message", "") or error)[:300]
    status = getattr(error, "code", None)
    is_refusal = isinstance(status, int) and "Unknown error trying to retrieve streaming response" not in words
    return AiFault(kind_of_status(int(status), words) if is_refusal and status else kind, words)


def _plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with only the words that Gemini's Schema knows; it raises on any other."""
    plain = {key: value for key, value in schema.items() if key in _SCHEMA_WORDS}
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {name: _plain_schema(part) for name, part in plain["properties"].items()}
    if isinstance(plain.get("items"), dict):
        plain["items"] = _plain_schema(plain["items"])
    return plain
