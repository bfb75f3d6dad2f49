"""The assistant in the browser: line by line for a script, whole without one, and every way an answer can end."""

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.blueprints import answer_streams
from wotnot.models import AiConversation, AiTurn, AiTurnState, Broadcast
from wotnot.services import ai_settings, assistant_talks

HOME = "/app/assistant"
LINES = {"Accept": "application/x-ndjson, application/json"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice(client: Client, cast: Cast, ai_server: Callable[..., None]) -> Client:
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def bob(app: Flask, cast: Cast, ai_server: Callable[..., None]) -> Client:
    client = app.test_client()
    assert isinstance(client, Client)
    client.sign_in(cast.bob)
    return client


def lines_of(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.mimetype == "application/x-ndjson", answer.get_data(as_text=True)
    lines = [json.loads(line) for line in answer.get_data(as_text=True).split("\n") if line]
    answer.close()  # as a server does: it gives the place among the answers back
    return lines


def ask(alice: Client, question: str, **fields: Any) -> list[dict[str, Any]]:
    return lines_of(alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question=question, **fields))


def only_turn(session: Any) -> AiTurn:
    turn = session.scalars(select(AiTurn)).one()
    assert isinstance(turn, AiTurn)
    return turn


# ---------------------------------------------------------------- asking


def test_a_new_conversation_line_by_line(alice: Client, cast: Cast, session: Any) -> None:
    lines = ask(alice, "Which templates can I send <right> now?")

    turn = only_turn(session)
    assert lines[0]["target"] == "#next-turn"
    assert "send &lt;right&gt; now?" in lines[0]["html"]
    assert 'id="next-turn"' in lines[0]["html"]
    moved = next(line for line in lines if "url" in line)
    assert moved["url"] == f"{HOME}/{turn.conversation_id}"
    assert moved["fields"] == {"conversation": str(turn.conversation_id)}
    written = [line["html"] for line in lines if line.get("target") == f"#answer-{turn.id}"]
    assert written
    assert "aria-busy" in written[0]
    assert lines[-2]["target"] == f"#turn-{turn.id}"
    assert "This is the sandbox answering" in lines[-2]["html"]
    assert lines[-1] == {"done": "The answer is there."}


def test_the_next_question_goes_into_the_same_conversation(alice: Client, session: Any) -> None:
    ask(alice, "Hello")
    talk_id = only_turn(session).conversation_id
    lines = ask(alice, "And again", conversation=talk_id)
    assert not any("url" in line for line in lines)
    assert len(session.scalars(select(AiConversation)).all()) == 1
    page = alice.get(f"{HOME}/{talk_id}").text
    assert page.index("Hello") < page.index("And again")


def test_the_whole_of_it_without_scripts(alice: Client, session: Any) -> None:
    answer = alice.submit(f"{HOME}/ask", page=HOME, question="ignored", start="How did the last broadcast go?")
    assert answer.status_code == 303
    turn = only_turn(session)
    assert answer.location == f"{HOME}/{turn.conversation_id}#turn-{turn.id}"
    page = alice.get(answer.location).text
    assert "How did the last broadcast go?" in page
    assert "No broadcast has been sent yet." in page
    assert "This is the sandbox answering" in page


@pytest.mark.parametrize("question", ["", "  ", "x" * 4_001])
def test_what_cannot_be_asked_is_said_and_kept(alice: Client, session: Any, question: str) -> None:
    page = alice.submit(f"{HOME}/ask", page=HOME, question=question)
    assert page.status_code == 422
    assert question in page.text
    refused = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question=question)
    assert refused.status_code == 422
    assert refused.json["detail"].startswith(("Write a question", "A question has at most"))
    assert session.scalars(select(AiTurn)).all() == []


def test_two_tabs_one_answer(alice: Client, cast: Cast, session: Any) -> None:
    ask(alice, "Hello")
    turn = only_turn(session)
    turn.state = AiTurnState.WRITING
    session.commit()
    talk_id, turn_id = turn.conversation_id, turn.id
    refused = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question="And?", conversation=talk_id)
    assert (refused.status_code, refused.json["code"]) == (409, "ai_writing")
    page = alice.submit(f"{HOME}/ask", page=HOME, question="And what now?", conversation=talk_id)
    assert page.status_code == 409
    assert "And what now?" in page.text
    assert 'hx-trigger="load delay:2s"' in alice.get(f"{HOME}/{talk_id}").text, "the other tab looks again"
    assert "load delay" in alice.fragment(f"{HOME}/turns/{turn_id}").text


def test_a_deleted_conversation_ends_its_answer_politely(alice: Client, cast: Cast, session: Any) -> None:
    here, me = cast.workspace.id, cast.alice.id
    answer = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question="Hello")
    lines = answer.iter_encoded()
    next(lines)
    assistant_talks.delete_conversation(here, me, only_turn(session).conversation_id)
    assert json.loads([line for line in lines if line.strip()][-1]) == {"go": HOME}


def test_more_answers_than_there_is_room_for(
    app: Flask, alice: Client, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions["wotnot.thread_slots"], "answers", threading.BoundedSemaphore(1))
    with answer_streams.answer_slot():
        refused = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question="Hello")
        assert (refused.status_code, refused.json["code"]) == (503, "ai_busy")
        page = alice.submit(f"{HOME}/ask", page=HOME, question="Hello")
        assert page.status_code == 503
        assert "Wait a moment" in page.text
        assert session.scalars(select(AiTurn)).all() == []
    ask(alice, "Hello")
    with answer_streams.answer_slot():
        pass


# ---------------------------------------------------------------- other ends


def test_a_failed_answer_says_why_and_is_asked_again(alice: Client, session: Any, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="blocked")
    lines = ask(alice, "Hello")
    assert "refuses to write this" in lines[-2]["html"]
    assert lines[-1]["done"] == "There is no answer."
    turn_id = only_turn(session).id
    sandbox.set(ai_trouble="")
    again = lines_of(alice.submit(f"{HOME}/turns/{turn_id}/again", page=HOME, headers=LINES))
    assert again[0]["target"] == f"#turn-{turn_id}"
    assert "next-turn" not in again[0]["html"]
    assert "This is the sandbox answering" in again[-2]["html"]
    refused = alice.submit(f"{HOME}/turns/{turn_id}/again", page=HOME)
    assert refused.status_code == 303
    assert "This was answered" in alice.get(refused.location).text


def test_a_stopped_answer_keeps_what_is_there(alice: Client, session: Any) -> None:
    answer = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question="Hello")
    turn_id = None
    for line in answer.iter_encoded():
        told = json.loads(line) if line.strip() else {}
        if "answer-" in told.get("target", "") and "wn-said" in told["html"]:
            turn_id = told["target"].removeprefix("#answer-")
            break
    answer.close()
    part = alice.submit(f"{HOME}/turns/{turn_id}/stop", page=HOME, headers=HTMX).text
    assert "You stopped this answer." in part
    assert "What stands here is not all of it." in part
    assert only_turn(session).state is AiTurnState.STOPPED


def test_without_a_key_it_says_how_to_get_one(alice: Client, session: Any, ai_server: Callable[..., None]) -> None:
    ai_server(gemini_api_key="", openrouter_api_key="")
    page = alice.get(HOME).text
    assert "The assistant needs a model." in page
    assert "aistudio.google.com/apikey" in page
    assert "How did the last broadcast go?" not in page
    refused = alice.submit(f"{HOME}/ask", page=HOME, headers=LINES, question="Hello")
    assert (refused.status_code, refused.json["code"]) == (409, "ai_off")
    assert session.scalars(select(AiTurn)).all() == []


def test_a_real_model_is_not_called_the_sandbox(alice: Client, ai_server: Callable[..., None]) -> None:
    assert "The sandbox answers here, not a model." in alice.get(HOME).text
    ai_server(gemini_api_key="AIza-real")
    assert "sandbox answers" not in alice.get(HOME).text


def test_the_cap_is_said(alice: Client, cast: Cast) -> None:
    here = cast.workspace.id
    ai_settings.save_settings(here, provider="gemini", model="gemini-2.5-flash", monthly_token_cap="1")
    ask(alice, "Hello")
    page = alice.submit(f"{HOME}/ask", page=HOME, question="Hello again")
    assert page.status_code == 409
    assert "tokens are used up" in page.text
    assert "Hello again" in page.text


# ---------------------------------------------------------------- keeping, and whose it is


def test_renamed_and_deleted(alice: Client, session: Any) -> None:
    ask(alice, "Hello")
    talk_id = only_turn(session).conversation_id
    alice.submit(f"{HOME}/{talk_id}/rename", page=HOME, title="Spring <plans>")
    assert "Spring &lt;plans&gt;" in alice.get(f"{HOME}/{talk_id}").text
    alice.submit(f"{HOME}/{talk_id}/rename", page=HOME, title=" ")
    assert "at most 80 characters" in alice.get(f"{HOME}/{talk_id}").text
    alice.submit(f"{HOME}/{talk_id}/delete", page=HOME)
    assert alice.get(f"{HOME}/{talk_id}").status_code == 404
    assert session.scalars(select(AiTurn)).all() == []


def test_an_agent_does_not_get_in_and_a_stranger_does_not_see_it(
    alice: Client, bob: Client, app: Flask, cast: Cast, session: Any
) -> None:
    assert HOME in alice.get("/app/").text
    assert HOME not in bob.get("/app/").text
    assert bob.get(HOME).status_code == 403
    assert bob.submit(f"{HOME}/ask", page="/app/", question="Hello").status_code == 403
    ask(alice, "Draft a template that says hello.")
    turn = only_turn(session)
    talk_id, key = turn.conversation_id, f"{turn.id}-0"
    charlie = app.test_client()
    assert isinstance(charlie, Client)
    charlie.sign_in(cast.charlie)
    assert charlie.submit(f"{HOME}/ask", page=HOME, question="Hello", conversation=talk_id).status_code == 404
    factories.make_channel(cast.other_workspace)
    assert charlie.get(f"/app/templates/new?draft={key}").status_code == 404
    assert charlie.get(HOME).text.count("wn-item") == alice.get(HOME).text.count("wn-item") - 2


def test_long_lists_come_in_pages(alice: Client, cast: Cast, count_queries: Callable[..., Any]) -> None:
    first = factories.make_ai_turn(cast.workspace, cast.alice, question="The very first")
    talk_id = first.conversation_id
    for number in range(assistant_talks.TURNS_PAGE):
        factories.make_ai_turn(cast.workspace, cast.alice, conversation_id=talk_id, question=f"Question {number}")
    with count_queries() as statements:
        page = alice.get(f"{HOME}/{talk_id}").text
    assert len(statements) < 12
    assert "The very first" not in page
    earlier = re.search(rf"{HOME}/{talk_id}\?before=[\w-]+", page)
    assert earlier
    page = alice.get(earlier[0]).text
    assert "The very first" in page
    assert 'id="composer"' not in page, "one writes below the newest"
    assert "Later" in page


def test_nothing_a_model_writes_becomes_markup(alice: Client, cast: Cast) -> None:
    turn = factories.make_ai_turn(
        cast.workspace,
        cast.alice,
        question="<script>alert(1)</script>",
        answer="<img src=x onerror=alert(1)> [x](javascript:alert(1)) [ours](/app/contacts)",
        lookups=["<b>looked</b>"],
        drafts=[{"kind": "broadcast", "id": 1, "name": "<i>name</i>", "template": "", "audience": "<u>all</u>"}],
    )
    page = alice.get(f"{HOME}/{turn.conversation_id}").text
    article = page[page.index("<article") : page.index("</article>")]
    for bad in ("<script", "<img", "<i>name", "<u>all", 'href="javascript', "<b>looked"):
        assert bad not in article
    assert '<a href="/app/contacts">ours</a>' in article


# ---------------------------------------------------------------- drafts


def test_a_drafted_template_opens_in_the_editor(alice: Client, cast: Cast, session: Any) -> None:
    factories.make_channel(cast.workspace)
    lines = ask(alice, "Draft a template that invites customers to our summer sale.")
    turn = only_turn(session)
    link = f"/app/templates/new?draft={turn.id}-0"
    assert link in lines[-2]["html"]
    page = alice.get(link).text
    assert 'value="invites_customers_summer_sale"' in page
    assert "summer sale" in page
    assert 'value="Naledi"' in page
    assert 'value="Tell me more"' in page
    for key in ("1", "x-0", f"{turn.id}-7", "99999999999999999999-0", f"{turn.id}-"):
        assert alice.get(f"/app/templates/new?draft={key}").status_code == 404


def test_a_drafted_broadcast_opens_in_the_wizard(alice: Client, cast: Cast, session: Any) -> None:
    factories.make_channel(cast.workspace)
    lines = ask(alice, "Draft a broadcast to everybody.")
    broadcast = session.scalars(select(Broadcast)).one()
    address = f"/app/broadcasts/{broadcast.id}"
    assert address in lines[-2]["html"]
    assert alice.get(address, follow_redirects=True).status_code == 200
