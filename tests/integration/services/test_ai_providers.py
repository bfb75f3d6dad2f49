"""Both protocols against the real sandbox: what is written, every trouble, and the time that a call may take."""

import threading
import time
from typing import Any

import pytest
import requests

from tests.sandbox_control import SandboxControl
from wotnot.services import ai
from wotnot.services.ai import gemini, openrouter
from wotnot.services.ai.errors import FaultKind
from wotnot.services.ai.prompts import VARIANTS_SCHEMA, Brief, ask_for_variants, read_drafts

KEY = "sandbox-ai-key-0001"
PROVIDERS = ["gemini", "openrouter"]
PATHS = {"gemini": "generateContent", "openrouter": "chat/completions"}
BRIEF = Brief(business="Casa Verde", goal="Invite people to the spring sale", variables=("first_name", "city"))


def request(sandbox: SandboxControl, provider: str, **changes: Any) -> ai.Request:
    base_url = sandbox.url if provider == "gemini" else f"{sandbox.url}/api/v1"
    fields: dict[str, Any] = {
        "system": "Answer with JSON only.",
        "turns": [ai.Turn("user", ask_for_variants(BRIEF))],
        "model": "gemini-2.5-flash" if provider == "gemini" else "google/gemini-2.5-flash",
        "api_key": KEY,
        "base_url": base_url,
        "json_schema": VARIANTS_SCHEMA,
    }
    return ai.Request(**fields | changes)


def fault_of(sandbox: SandboxControl, provider: str, *, streamed: bool = False, **changes: Any) -> ai.AiFault:
    with pytest.raises(ai.AiFault) as caught:
        ai.write(provider, request(sandbox, provider, **changes), on_text=(lambda _text: None) if streamed else None)
    return caught.value


@pytest.fixture(autouse=True, scope="module")
def loaded() -> None:
    """The packages take seconds to import, which no test's deadline should measure."""
    gemini.load()
    openrouter.load()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_whole_answer(sandbox: SandboxControl, provider: str) -> None:
    written = ai.write(provider, request(sandbox, provider))

    assert len(read_drafts(written.text)) == 3
    assert "sandbox" in written.text
    assert written.finish == "stop"
    assert written.prompt_tokens > 0
    assert written.answer_tokens > 0
    assert (written.cost_micros is None) == (provider == "gemini")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_answer_piece_by_piece(sandbox: SandboxControl, provider: str) -> None:
    pieces: list[tuple[float, str]] = []
    written = ai.write(
        provider, request(sandbox, provider), on_text=lambda text: pieces.append((time.monotonic(), text))
    )

    assert "".join(text for _, text in pieces) == written.text
    assert len(pieces) > 10
    assert pieces[-1][0] - pieces[0][0] > 0.2, "they came all at once"
    assert written.text == ai.write(provider, request(sandbox, provider)).text
    assert written.answer_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("status", "kind", "may_retry"),
    [
        (401, FaultKind.KEY, False),
        (402, FaultKind.CREDIT, False),
        (403, FaultKind.KEY, False),
        (404, FaultKind.MODEL, False),
        (422, FaultKind.REQUEST, False),
        (429, FaultKind.LIMIT, True),
        (500, FaultKind.AWAY, True),
        (503, FaultKind.AWAY, True),
    ],
)
def test_a_refusal_by_status(
    sandbox: SandboxControl, provider: str, status: int, *, kind: FaultKind, may_retry: bool, streamed: bool
) -> None:
    path = PATHS[provider] if not (streamed and provider == "gemini") else "streamGenerateContent"
    body = {"error": {"code": status, "message": "No.", "status": "UNKNOWN"}}
    # Three: a 401 makes the library of Google ask twice more, at once.
    sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": status, "body": body, "count": 3})

    began = time.monotonic()
    fault = fault_of(sandbox, provider, streamed=streamed)

    assert (fault.kind, fault.may_retry) == (kind, may_retry)
    assert fault.words.endswith(".")
    assert time.monotonic() - began < 5, "it was repeated"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bad_key(sandbox: SandboxControl, provider: str) -> None:
    assert fault_of(sandbox, provider, api_key="another-key").kind is FaultKind.KEY


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [200, 502])
def test_html_instead_of_an_answer(sandbox: SandboxControl, provider: str, status: int, streamed: bool) -> None:
    page = "<!doctype html><title>Bad gateway</title>"
    for path in ("enerateContent", "chat/completions"):
        sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": status, "body": page})

    fault = fault_of(sandbox, provider, streamed=streamed)

    assert fault.kind in ({FaultKind.BROKEN, FaultKind.CUT} if status == 200 else {FaultKind.AWAY})
    assert fault.may_retry


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_that_calls_itself_a_success(sandbox: SandboxControl, provider: str) -> None:
    body = {"error": {"code": 502, "message": "Upstream failed"}}
    for path in ("enerateContent", "chat/completions"):
        sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": 200, "body": body})

    assert fault_of(sandbox, provider).may_retry


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("trouble", "kinds"),
    [
        ("blocked", {FaultKind.BLOCKED}),
        ("too_long", {FaultKind.LONG}),
        ("cut", {FaultKind.CUT, FaultKind.BROKEN}),
    ],
)
def test_an_answer_that_is_none(
    sandbox: SandboxControl, provider: str, trouble: str, kinds: set[FaultKind], streamed: bool
) -> None:
    sandbox.set(ai_trouble=trouble)
    assert fault_of(sandbox, provider, streamed=streamed).kind in kinds


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_failure_in_the_middle_of_a_stream(sandbox: SandboxControl, provider: str) -> None:
    sandbox.set(ai_trouble="midstream")
    fault = fault_of(sandbox, provider, streamed=True)
    assert fault.may_retry


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("trouble", "streamed"), [("silent", False), ("silent", True), ("drip", True)])
def test_no_call_outlives_its_deadline(sandbox: SandboxControl, provider: str, trouble: str, streamed: bool) -> None:
    sandbox.set(ai_trouble=trouble)
    began = time.monotonic()
    with pytest.raises(ai.AiFault) as caught:
        ai.write(
            provider,
            request(sandbox, provider),
            on_text=(lambda _text: None) if streamed else None,
            seconds=1.0,
        )
    assert caught.value.kind is FaultKind.SILENT
    assert time.monotonic() - began < 2.5
    sandbox.set(ai_trouble="")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nobody_listens(sandbox: SandboxControl, provider: str) -> None:
    fault = fault_of(sandbox, provider, base_url="http://127.0.0.1:9")
    assert fault.kind is FaultKind.UNREACHABLE


def test_a_server_without_schemas_is_asked_again_without(sandbox: SandboxControl) -> None:
    body = {"error": {"code": 400, "message": "response_format is not supported"}}
    sandbox.post("/sandbox/faults", {"kind": "error", "on": "chat/completions", "status": 400, "body": body})
    assert read_drafts(ai.write("custom", request(sandbox, "openrouter")).text)


def test_two_keys_in_one_process_are_never_mixed(sandbox: SandboxControl) -> None:
    """A good and a bad key at once, many times: each call is judged by its own."""
    wrong: list[str] = []

    def ask(key: str) -> None:
        for _ in range(5):
            try:
                ai.write("gemini", request(sandbox, "gemini", api_key=key))
                outcome = "written"
            except ai.AiFault as fault:
                outcome = str(fault.kind)
            if outcome != ("written" if key.startswith("sandbox-") else "key"):
                wrong.append(f"{key}: {outcome}")

    threads = [threading.Thread(target=ask, args=(key,)) for key in (KEY, "real-key-1", "sandbox-two", "real-key-2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_the_sandbox_lists_its_models_and_knows_no_other_trouble(sandbox: SandboxControl) -> None:
    answer = requests.get(f"{sandbox.url}/v1beta/models", headers={"x-goog-api-key": KEY}, timeout=5)
    assert "sandbox" in answer.json()["models"][0]["displayName"]
    answer = requests.get(f"{sandbox.url}/api/v1/models", headers={"Authorization": f"Bearer {KEY}"}, timeout=5)
    assert answer.json()["data"][0]["id"].startswith("sandbox/")
    refused = requests.post(f"{sandbox.url}/sandbox/settings", json={"ai_trouble": "flood"}, timeout=5)
    assert refused.status_code == 422
