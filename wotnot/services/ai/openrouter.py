"""OpenRouter, and every server that speaks OpenAI's protocol, through openai. Source: the package and OpenRouter's reference."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from wotnot.services.ai.errors import AiFault, FaultKind, kind_of_status
from wotnot.services.ai.wire import Progress, Request, Stream, Tool, ToolCall, Turn, Written, run_bounded

_ROLES = {"user": "user", "model": "assistant"}
_CHOICES = {True: "auto", False: "none"}
_MICROS = 1_000_000


def stream(request: Request, *, seconds: float = 45.0, wants_text: bool = True) -> Stream:
    """Have the model write, piece by piece if `wants_text`. Takes `seconds` at most. Raises AiFault."""
    load()
    return run_bounded(lambda progress: _call(request, progress), wants_text=wants_text, seconds=seconds)


def load() -> Any:
    """The package: 30 MB, so only where somebody writes."""
    import openai

    return openai


def _call(request: Request, progress: Progress) -> Written:
    openai = load()
    try:
        # A redirect could lead from an address that was checked to one inside the network.
        http = openai.DefaultHttpxClient(follow_redirects=False)
        with openai.OpenAI(
            api_key=request.api_key,
            base_url=request.base_url,
            timeout=progress.seconds_left,
            max_retries=0,
            http_client=http,
            default_headers={"X-Title": "WotNot"},
        ) as client:
            return _ask(client, request, progress)
    except openai.APITimeoutError as error:
        raise AiFault(FaultKind.SILENT, str(error)) from error
    except openai.APIConnectionError as error:
        raise AiFault(FaultKind.UNREACHABLE, str(error)) from error
    except openai.APIStatusError as error:
        raise AiFault(kind_of_status(error.status_code, str(error)), str(error)[:300]) from error
    except openai.APIError as error:  # inside a stream: no status, the body says what it was
        raise _fault_in_body(error.body, str(error)) from error
    except openai.OpenAIError as error:
        raise AiFault(FaultKind.REQUEST, str(error)[:300]) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise AiFault(FaultKind.BROKEN, str(error)[:300]) from error


def _ask(client: Any, request: Request, progress: Progress) -> Written:
    openai = load()
    try:
        return _post(client, request, progress, with_schema=request.json_schema is not None)
    except openai.BadRequestError as error:
        # Many compatible servers know no schemas; the prompt describes the JSON as well.
        if request.json_schema is None or "api key" in str(error).lower():
            raise
        return _post(client, request, progress, with_schema=False)


def _post(client: Any, request: Request, progress: Progress, *, with_schema: bool) -> Written:
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    for turn in request.turns:
        messages += _messages(turn)
    body: dict[str, Any] = {"model": request.model, "messages": messages, "max_tokens": request.max_tokens}
    if with_schema:
        shape = {"name": "answer", "strict": True, "schema": request.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if request.tools:
        body |= {"tools": [_function(tool) for tool in request.tools], "tool_choice": _CHOICES[request.may_call]}
    if progress.wants_text:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = client.with_options(timeout=progress.seconds_left).chat.completions.create(**body)
    if progress.wants_text:
        return _read_stream(answer, progress)
    return _read_whole(answer)


def _function(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


def _messages(turn: Turn) -> list[dict[str, Any]]:
    """A turn as OpenAI's messages: each tool's answer is one of its own."""
    if turn.results:
        return [{"role": "tool", "tool_call_id": result.call.id, "content": result.json} for result in turn.results]
    message: dict[str, Any] = {"role": _ROLES[turn.role], "content": turn.text}
    if turn.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _packed(call)}}
            for call in turn.calls
        ]
    return [message]


def _packed(call: ToolCall) -> str:
    return json.dumps(dict(call.arguments or {}), ensure_ascii=False)


def _read_whole(answer: Any) -> Written:
    if isinstance(answer, str):
        raise AiFault(FaultKind.BROKEN, answer[:300])
    if not answer.choices:
        raise _fault_in_body(getattr(answer, "error", None), "no choices")
    choice = answer.choices[0]
    _check_finish(choice.finish_reason)
    if getattr(choice.message, "refusal", None):
        raise AiFault(FaultKind.BLOCKED, str(choice.message.refusal)[:300])
    calls = _Calls()
    calls.take(choice.message.tool_calls or ())
    return _written(choice.message.content or "", answer.usage, choice.finish_reason, calls.whole())


def _read_stream(chunks: Any, progress: Progress) -> Written:
    pieces: list[str] = []
    calls = _Calls()
    finish, usage = None, None
    for chunk in chunks:
        usage = chunk.usage or usage
        if getattr(chunk, "error", None):
            raise _fault_in_body(chunk.error, "")
        if not chunk.choices:  # the last one only counts tokens
            continue
        choice = chunk.choices[0]
        finish = choice.finish_reason or finish
        piece = (choice.delta.content if choice.delta else None) or ""
        calls.take((choice.delta.tool_calls if choice.delta else None) or ())
        pieces.append(piece)
        progress.say(piece)
    _check_finish(finish)  # a connection that was closed early raises nothing, it only lacks this
    return _written("".join(pieces), usage, str(finish), calls.whole())


class _Calls:
    """Tools that are asked for, put together from their pieces: the first has id and name, the others go on with the text."""

    def __init__(self) -> None:
        self._found: dict[int, list[str]] = {}

    def take(self, pieces: Iterable[Any]) -> None:
        """Add what an answer or a piece of one says. A whole answer numbers nothing."""
        for place, piece in enumerate(pieces):
            index = getattr(piece, "index", None)
            call = self._found.setdefault(place if index is None else index, ["", "", ""])
            call[0] = piece.id or call[0]
            if piece.function is not None:
                call[1] = piece.function.name or call[1]
                call[2] += piece.function.arguments or ""

    def whole(self) -> list[ToolCall]:
        """The calls, each with an id."""
        return [
            ToolCall(id_ or f"call-{at}", name, _read_arguments(text)) for at, (id_, name, text) in self._found.items()
        ]


def _read_arguments(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _check_finish(finish: str | None) -> None:
    kinds = {"length": FaultKind.LONG, "content_filter": FaultKind.BLOCKED, "error": FaultKind.AWAY}
    if not finish:
        raise AiFault(FaultKind.CUT)
    if finish in kinds:
        raise AiFault(kinds[finish])


def _written(text: str, usage: Any, finish: str, calls: Sequence[ToolCall]) -> Written:
    cost = getattr(usage, "cost", None)
    micros = round(cost * _MICROS) if isinstance(cost, int | float) else None
    prompt = getattr(usage, "prompt_tokens", None) or 0
    answer = getattr(usage, "completion_tokens", None) or 0
    return Written(text, prompt, answer, micros, finish, calls)


def _fault_in_body(body: object, words: str) -> AiFault:
    """The fault that an `error` object inside an answer tells; its code is an HTTP status, sometimes as text."""
    told = body if isinstance(body, dict) else {}
    code, message = str(told.get("code", "")), str(told.get("message", words))[:300]
    if not told:
        return AiFault(FaultKind.BROKEN, message)
    return AiFault(kind_of_status(int(code), message) if code.isdecimal() else FaultKind.AWAY, message)
