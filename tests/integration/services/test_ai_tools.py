"""Tools in both protocols, against the real sandbox: asked for, answered, streamed and whole, and where there are none."""

import json
from typing import Any

import pytest

from tests.sandbox_control import SandboxControl
from wotnot.services import ai
from wotnot.services.ai.errors import FaultKind

PROVIDERS = ["gemini", "openrouter"]
TOOLS = [
    ai.Tool("list_numbers", "The numbers.", {"type": "object", "properties": {}}),
    ai.Tool(
        "report_broadcast",
        "One broadcast.",
        {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                "state": {"type": "string", "enum": ["sent", "draft"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    ),
    ai.Tool(
        "draft_template",
        "Draft.",
        {"type": "object", "properties": {"body": {"type": "string"}}, "required": ["body"]},
    ),
]


def request(sandbox: SandboxControl, provider: str, *turns: ai.Turn, **changes: Any) -> ai.Request:
    fields: dict[str, Any] = {
        "system": "Help.",
        "turns": turns or [ai.Turn("user", "How did the last broadcast go?")],
        "model": "gemini-2.5-flash",
        "api_key": "sandbox-ai-key",
        "base_url": sandbox.url if provider == "gemini" else f"{sandbox.url}/api/v1",
        "tools": TOOLS,
    }
    return ai.Request(**fields | changes)


def sink(streamed: bool) -> Any:
    return (lambda _text: None) if streamed else None


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_tool_is_asked_for_and_its_answer_is_worded(sandbox: SandboxControl, provider: str, streamed: bool) -> None:
    question = ai.Turn("user", "How did the last broadcast go?")
    asked = ai.write(provider, request(sandbox, provider, question), on_text=sink(streamed))

    (call,) = asked.calls
    assert (call.name, dict(call.arguments or {}), asked.text) == ("report_broadcast", {}, "")
    assert call.id

    result = ai.ToolResult(call, json.dumps({"name": "Spring", "delivered": 4711, "link": "/app/broadcasts/7"}))
    turns = (question, ai.Turn("model", "", asked.calls), ai.Turn("user", "", results=[result]))
    told = ai.write(provider, request(sandbox, provider, *turns), on_text=sink(streamed))

    assert not told.calls
    assert "[Spring](/app/broadcasts/7): delivered 4,711" in told.text
    assert "sandbox" in told.text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_arguments_arrive_whole(sandbox: SandboxControl, provider: str, streamed: bool) -> None:
    question = ai.Turn("user", "Draft a template that says “thank you, José”.")
    (call,) = ai.write(provider, request(sandbox, provider, question), on_text=sink(streamed)).calls
    assert call.name == "draft_template"
    assert call.arguments is not None
    assert "thank you, José" in call.arguments["body"]
    assert call.arguments["buttons"][0]["type"] == "QUICK_REPLY"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_must_answer_in_words_asks_for_nothing(sandbox: SandboxControl, provider: str) -> None:
    written = ai.write(provider, request(sandbox, provider, may_call=False))
    assert not written.calls
    assert written.text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_that_knows_no_tools(sandbox: SandboxControl, provider: str, streamed: bool) -> None:
    sandbox.set(ai_trouble="no_tools")
    with pytest.raises(ai.AiFault) as caught:
        ai.write(provider, request(sandbox, provider), on_text=sink(streamed))
    assert caught.value.kind in {FaultKind.REQUEST, FaultKind.MODEL}
    facts = 'Help.\nFacts: {"last_broadcasts": {"delivered": 4711}}'
    told = ai.write(provider, request(sandbox, provider, tools=(), system=facts), on_text=sink(streamed))
    assert "delivered 4,711" in told.text


def test_arguments_that_are_no_json_are_told_as_none(sandbox: SandboxControl) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "list_numbers", "arguments": '{"count": '}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]}
    sandbox.post("/sandbox/faults", {"kind": "error", "on": "chat/completions", "status": 200, "body": body})
    (asked,) = ai.write("openrouter", request(sandbox, "openrouter")).calls
    assert asked.arguments is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_is_closed_ends_its_call(sandbox: SandboxControl, provider: str) -> None:
    sandbox.set(ai_trouble="drip")
    stream = ai.stream(provider, request(sandbox, provider, ai.Turn("user", "Hello")))
    assert next(piece for piece in stream if piece)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)
