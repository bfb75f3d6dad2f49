"""Gemini's and OpenAI's protocols, so that writing with AI can be tried and tested without a key.

What is written follows from the request alone. Prompts are read for lines such as "Business: …" and "Variables: …";
a request that wants JSON gets message drafts, one that offers tools a talk (ai_chat.py), any other a plain sentence. Every
answer says that it is the sandbox's.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from sandbox.ai_chat import Chat, Reply, reply
from sandbox.ai_drafts import write_answer
from sandbox.ai_requests import gemini_chat, gemini_said, openai_chat, openai_said
from sandbox.errors import GraphError
from sandbox.jsonio import Json, read_json, respond
from sandbox.messages_api import hang
from sandbox.settings import Settings

_GEMINI = re.compile(r"v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent|countTokens)$")
_ENDINGS = ("/chat/completions", "/v1beta/models", "/v1/models", "/models")
_PIECE, _SMALL_PIECE = 24, 8
_PREFIX = "sandbox-"
_CREATED = 1790000000

Answer = web.StreamResponse


def is_ai_path(path: str) -> bool:
    """Whether a request is for a model rather than for WhatsApp."""
    return bool(_GEMINI.search(path)) or path.endswith(_ENDINGS)


class AiApi:
    """Both protocols. `ai_trouble` in the settings says what goes wrong."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def handle(self, request: web.BaseRequest, path: str) -> Answer:
        """Answer a request to a model."""
        found = _GEMINI.search(path)
        is_gemini = bool(found) or "/v1beta/" in path
        key = request.headers.get("x-goog-api-key", "") if is_gemini else _bearer(request)
        if not key.startswith(_PREFIX):
            return _refuse_gemini() if is_gemini else _refuse_openai(401, "No auth credentials found")
        if request.method == "GET":
            return respond(_GEMINI_MODELS if is_gemini else _OPENAI_MODELS)
        try:
            body = await read_json(request)
        except GraphError as error:
            return _refuse_openai(400, error.details)
        if self._settings.ai_trouble == "silent":
            await hang(request)
        if found:
            return await self._gemini(request, body, found[1], found[2])
        return await self._openai(request, body)

    # --- Gemini ---------------------------------------------------------------------------------------------------

    async def _gemini(self, request: web.BaseRequest, body: Json, model: str, call: str) -> Answer:
        said = gemini_said(body)
        if call == "countTokens":
            return respond({"totalTokens": _tokens(" ".join(said))})
        trouble = self._settings.ai_trouble
        if trouble == "blocked":
            refused = {"promptFeedback": {"blockReason": "SAFETY"}}
            return respond([refused] if call.startswith("stream") else refused)
        if trouble == "no_tools" and body.get("tools"):
            return _refuse_gemini("Function calling is not enabled for this model.")
        wants_json = (body.get("generationConfig") or {}).get("responseMimeType") == "application/json"
        answer = self._write(said, gemini_chat(body), wants_json=wants_json)
        usage = {"promptTokenCount": _tokens(" ".join(said)), "candidatesTokenCount": _tokens(answer.text)}
        usage["totalTokenCount"] = sum(usage.values())
        finish = "MAX_TOKENS" if trouble == "too_long" else "STOP"
        if call == "generateContent":
            last = None if trouble == "cut" else finish
            return respond(_gemini_chunk(_gemini_parts(answer), last, model) | {"usageMetadata": usage})
        return await self._gemini_stream(request, answer, finish, model, usage)

    async def _gemini_stream(
        self, request: web.BaseRequest, answer: Reply, finish: str, model: str, usage: Json
    ) -> web.StreamResponse:
        """An array of answers, piece by piece, as Google streams without `alt=sse`."""
        trouble = self._settings.ai_trouble
        pieces = _replies(answer)
        stream = await _begin(request, "application/json")
        for number, piece in enumerate(pieces):
            await self._pause()
            is_last = number == len(pieces) - 1
            if number and trouble in ("cut", "midstream"):
                error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
                await stream.write(b"," + json.dumps(error).encode() + b"]" if trouble == "midstream" else b"")
                break
            chunk = _gemini_chunk(_gemini_parts(piece), finish if is_last else None, model)
            chunk |= {"usageMetadata": usage} if is_last else {}
            await stream.write((b"," if number else b"[") + json.dumps(chunk).encode() + b"\n")
        else:
            await stream.write(b"]")
        await stream.write_eof()
        return stream

    # --- OpenAI and OpenRouter ------------------------------------------------------------------------------------

    async def _openai(self, request: web.BaseRequest, body: Json) -> Answer:
        said = openai_said(body)
        trouble = self._settings.ai_trouble
        if trouble == "no_tools" and body.get("tools"):
            return _refuse_openai(404, "No endpoints found that support tool use.")
        answer = self._write(said, openai_chat(body), wants_json="response_format" in body)
        finish = {"too_long": "length", "blocked": "content_filter", "cut": None}.get(trouble, "stop")
        finish = "tool_calls" if answer.tool and finish == "stop" else finish
        usage = {"prompt_tokens": _tokens(" ".join(said)), "completion_tokens": _tokens(answer.text)}
        usage["total_tokens"] = sum(usage.values())
        about = {"id": "gen-sandbox", "created": _CREATED, "model": f"sandbox/{body.get('model')}"}
        about["provider"] = "Sandbox"
        usage_with_cost = usage | {"cost": usage["total_tokens"] / 1_000_000}
        if body.get("stream"):
            return await self._openai_stream(request, answer, finish, about, usage_with_cost)
        message: Json = {"role": "assistant", "content": answer.text or None, "refusal": None}
        message |= {"tool_calls": [_openai_call(answer)]} if answer.tool else {}
        choice = {"index": 0, "finish_reason": finish, "message": message}
        return respond(about | {"object": "chat.completion", "choices": [choice], "usage": usage_with_cost})

    async def _openai_stream(
        self, request: web.BaseRequest, answer: Reply, finish: str | None, about: Json, usage: Json
    ) -> web.StreamResponse:
        trouble = self._settings.ai_trouble
        stream = await _begin(request, "text/event-stream")
        await stream.write(b": SANDBOX PROCESSING\n\n")
        for number, delta in enumerate(_openai_deltas(answer)):
            await self._pause()
            if number and trouble == "cut":
                await stream.write_eof()
                return stream
            if number and trouble == "midstream":
                broken = {"error": {"code": 502, "message": "Provider disconnected"}}
                await _event(stream, about | broken | _choice({"content": ""}, "error"))
                await stream.write_eof()
                return stream
            await _event(stream, about | _choice(delta, None))
        await _event(stream, about | _choice({"content": ""}, finish))
        await _event(stream, about | {"object": "chat.completion.chunk", "choices": [], "usage": usage})
        await stream.write(b"data: [DONE]\n\n")
        await stream.write_eof()
        return stream

    def _write(self, said: list[str], chat: Chat, *, wants_json: bool) -> Reply:
        """Message drafts for who writes messages; a talk for who offers tools, or gives the facts in their stead."""
        trouble = self._settings.ai_trouble
        if not (chat.tools or "\nFacts: " in chat.system):
            return Reply(write_answer(said, wants_json=wants_json, trouble=trouble))
        answer = reply(chat, trouble)
        return Reply(answer.text[: len(answer.text) // 2]) if trouble == "too_long" and answer.text else answer

    async def _pause(self) -> None:
        wait = self._settings.ai_piece_ms / 1000
        if self._settings.ai_trouble == "drip":
            wait = 0.4  # a piece now and then, so that no read timeout of a client ever strikes
        if wait:
            await asyncio.sleep(wait)


_GEMINI_MODELS = {
    "models": [
        {
            "name": "models/gemini-2.5-flash",
            "displayName": "The sandbox, not Gemini",
            "supportedGenerationMethods": ["generateContent"],
        }
    ]
}
_OPENAI_MODELS = {"data": [{"id": "sandbox/writer", "name": "The sandbox, not a model"}]}


def _bearer(request: web.BaseRequest) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip()


def _refuse_gemini(message: str = "") -> web.Response:
    if message:
        return respond({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}, 400)
    message = "API key not valid. Please pass a valid API key."
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    return respond({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}, 400)


def _refuse_openai(status: int, message: str) -> web.Response:
    return respond({"error": {"code": status, "message": message}}, status)


def _gemini_parts(answer: Reply) -> list[Json]:
    if answer.tool:
        return [{"functionCall": {"name": answer.tool, "args": answer.arguments}}]
    return [{"text": answer.text}]


def _gemini_chunk(parts: list[Json], finish: str | None, model: str) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": f"sandbox/{model}"}


def _openai_call(answer: Reply) -> Json:
    packed = json.dumps(answer.arguments)
    return {"id": f"call_{answer.tool}", "type": "function", "function": {"name": answer.tool, "arguments": packed}}


def _openai_deltas(answer: Reply) -> list[Json]:
    """The pieces of an answer; a call's arguments come in pieces of their own, as OpenAI's do."""
    if not answer.tool:
        return [{"content": piece.text} for piece in _replies(answer)]
    call = _openai_call(answer)
    packed = call["function"]["arguments"]
    first = call | {"index": 0, "function": {"name": answer.tool, "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in _pieces(packed, _PIECE)]
    return [{"tool_calls": [piece]} for piece in (first, *rest)]


def _choice(delta: Json, finish: str | None) -> Json:
    choice = {"index": 0, "delta": {"role": "assistant"} | delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def _replies(answer: Reply) -> list[Reply]:
    """An answer in pieces. Talk comes in smaller ones than a bundle of drafts, so that one sees it being written."""
    if answer.tool:
        return [answer]
    is_drafts = answer.text.startswith("{")
    return [Reply(piece) for piece in _pieces(answer.text, _PIECE if is_drafts else _SMALL_PIECE)]


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


async def _begin(request: web.BaseRequest, content_type: str) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    await stream.prepare(request)
    return stream


async def _event(stream: web.StreamResponse, data: Any) -> None:
    await stream.write(b"data: " + json.dumps(data).encode() + b"\n\n")
