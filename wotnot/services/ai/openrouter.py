"""OpenRouter, and every server that speaks OpenAI's protocol, through openai. Source: the package and OpenRouter's reference."""

from typing import Any

from wotnot.services.ai.errors import AiFault, FaultKind, kind_of_status
from wotnot.services.ai.wire import Progress, Request, TextSink, Written, run_bounded

_ROLES = {"user": "user", "model": "assistant"}
_MICROS = 1_000_000


def write(request: Request, *, on_text: TextSink | None = None, seconds: float = 45.0) -> Written:
    """Have the model write; with `on_text` piece by piece. Takes `seconds` at most. Raises AiFault."""
    load()
    return run_bounded(lambda progress: _call(request, progress), on_text, seconds)


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
    messages = [{"role": "system", "content": request.system}] if request.system else []
    messages += [{"role": _ROLES[turn.role], "content": turn.text} for turn in request.turns]
    body: dict[str, Any] = {"model": request.model, "messages": messages, "max_tokens": request.max_tokens}
    if with_schema:
        shape = {"name": "answer", "strict": True, "schema": request.json_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if progress.wants_text:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = client.with_options(timeout=progress.seconds_left).chat.completions.create(**body)
    if progress.wants_text:
        return _read_stream(answer, progress)
    return _read_whole(answer)


def _read_whole(answer: Any) -> Written:
    if isinstance(answer, str):
        raise AiFault(FaultKind.BROKEN, answer[:300])
    if not answer.choices:
        raise _fault_in_body(getattr(answer, "error", None), "no choices")
    choice = answer.choices[0]
    _check_finish(choice.finish_reason)
    if getattr(choice.message, "refusal", None):
        raise AiFault(FaultKind.BLOCKED, str(choice.message.refusal)[:300])
    return _written(choice.message.content or "", answer.usage, choice.finish_reason)


def _read_stream(chunks: Any, progress: Progress) -> Written:
    pieces: list[str] = []
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
        pieces.append(piece)
        progress.say(piece)
    _check_finish(finish)  # a connection that was closed early raises nothing, it only lacks this
    return _written("".join(pieces), usage, str(finish))


def _check_finish(finish: str | None) -> None:
    kinds = {"length": FaultKind.LONG, "content_filter": FaultKind.BLOCKED, "error": FaultKind.AWAY}
    if not finish:
        raise AiFault(FaultKind.CUT)
    if finish in kinds:
        raise AiFault(kinds[finish])


def _written(text: str, usage: Any, finish: str) -> Written:
    cost = getattr(usage, "cost", None)
    micros = round(cost * _MICROS) if isinstance(cost, int | float) else None
    prompt = getattr(usage, "prompt_tokens", None) or 0
    answer = getattr(usage, "completion_tokens", None) or 0
    return Written(text, prompt, answer, micros, finish)


def _fault_in_body(body: object, words: str) -> AiFault:
    """The fault that an `error` object inside an answer tells; its code is an HTTP status, sometimes as text."""
    told = body if isinstance(body, dict) else {}
    code, message = str(told.get("code", "")), str(told.get("message", words))[:300]
    if not told:
        return AiFault(FaultKind.BROKEN, message)
    return AiFault(kind_of_status(int(code), message) if code.isdecimal() else FaultKind.AWAY, message)
