"""What a request to a model says, read from both protocols."""

from __future__ import annotations

import json
from typing import Any

from sandbox.ai_chat import Chat
from sandbox.jsonio import Json


def gemini_said(body: Json) -> list[str]:
    """What was said so far, a text for each turn."""
    return [
        " ".join(str(part.get("text", "")) for part in _rows(turn.get("parts"))) for turn in _rows(body.get("contents"))
    ]


def openai_said(body: Json) -> list[str]:
    """The same of OpenAI's messages."""
    return [str(turn.get("content") or "") for turn in _rows(body.get("messages")) if turn.get("role") != "system"]


def gemini_chat(body: Json) -> Chat:
    """The talk in Google's request. Enums come as numbers: 3 is NONE."""
    system = body.get("systemInstruction") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    chat = Chat(
        system=" ".join(str(part.get("text", "")) for part in _rows(system.get("parts"))),
        tools=[
            str(function.get("name"))
            for tool in _rows(body.get("tools"))
            for function in _rows(tool.get("functionDeclarations"))
        ],
        may_call=calling.get("mode") not in (3, "NONE"),
    )
    for turn in _rows(body.get("contents")):
        for part in _rows(turn.get("parts")):
            answer = part.get("functionResponse")
            if isinstance(answer, dict):
                result = (answer.get("response") or {}).get("result")
                found = result if isinstance(result, dict) else _object(str(result))
                chat.answered.append((str(answer.get("name")), found))
            elif turn.get("role") == "user" and part.get("text"):
                chat.question, chat.answered = str(part["text"]), []
    return chat


def openai_chat(body: Json) -> Chat:
    """The talk in OpenAI's request: a tool's answer names its call, and the call names the tool."""
    chat = Chat(
        tools=[str((tool.get("function") or {}).get("name")) for tool in _rows(body.get("tools"))],
        may_call=body.get("tool_choice") != "none",
    )
    names: dict[str, str] = {}
    for turn in _rows(body.get("messages")):
        role, content = turn.get("role"), str(turn.get("content") or "")
        if role == "system":
            chat.system = content
        elif role == "user":
            chat.question, chat.answered = content, []
        elif role == "tool":
            chat.answered.append((names.get(str(turn.get("tool_call_id")), ""), _object(content)))
        for call in _rows(turn.get("tool_calls")):
            names[str(call.get("id"))] = str((call.get("function") or {}).get("name"))
    return chat


def _rows(value: Any) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _object(text: str) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
