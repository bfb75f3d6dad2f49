"""The assistant answers from the ledger, drafts what a person decides about, and keeps every end as what it was."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.cast import Cast
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import (
    AiCall,
    AiConversation,
    AiTurn,
    AiTurnState,
    Broadcast,
    BroadcastState,
    Consent,
    MessageState,
    TemplateStatus,
)  # fmt: skip
from wotnot.services import ai_settings, assistant, assistant_drafts, assistant_facts, assistant_talks, assistant_tools
from wotnot.services.ai import ToolCall
from wotnot.services.assistant_tools import Asker

S = AiTurnState
PROVIDERS = ["gemini", "openrouter"]


class People:
    """Ids of the cast: the services give their connection back, after which rows can no longer be asked."""

    def __init__(self, cast: Cast) -> None:
        self.here, self.there = cast.workspace.id, cast.other_workspace.id
        self.alice, self.bob, self.charlie = cast.alice.id, cast.bob.id, cast.charlie.id

    def ask(self, question: str, talk: int | None = None) -> AiTurn:
        """Alice asks, and the answer is written."""
        turn_id = assistant.ask(self.here, self.alice, question, talk).id
        self.write(turn_id)
        return self.turn(turn_id)

    def write(self, turn_id: int, **changes: Any) -> list[assistant.Said]:
        return list(assistant.write_answer(self.here, self.alice, turn_id, **changes))

    def turn(self, turn_id: int) -> AiTurn:
        return assistant_talks.get_turn(self.here, self.alice, turn_id)


@pytest.fixture
def people(cast: Cast, ai_server: Callable[..., None]) -> People:
    return People(cast)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, people: People) -> str:
    """Both protocols, one after the other."""
    ai_settings.save_settings(
        people.here, provider=request.param, model="gemini-2.5-flash", api_key="sandbox-alices-key"
    )
    return str(request.param)


@pytest.fixture
def shop(cast: Cast) -> Cast:
    """A number, templates, tagged people and a broadcast that reached 3 of 4."""
    workspace = cast.workspace
    channel = factories.make_channel(workspace, display_phone_number="+27 82 555 0199", verified_name="Casa Verde")
    template = factories.make_template(workspace, name="spring_offer", waba_id=channel.waba_id)
    factories.make_template(
        workspace, name="waiting", waba_id=channel.waba_id, status=TemplateStatus.PENDING, reason="Ask +27821234567"
    )
    vip = factories.make_tag(workspace, "VIP")
    broadcast = factories.make_broadcast(
        workspace, channel, template, name="Spring sale", state=BroadcastState.FINISHED, started_at=clock.now()
    )
    for number in range(4):
        contact = factories.make_contact(workspace, consent=Consent.OPTED_IN)
        factories.tag_contact(contact, vip)
        state = MessageState.FAILED if number == 3 else MessageState.DELIVERED
        reached = 1 if number == 3 else 4
        factories.make_message(
            channel, contact, broadcast, state=state, reached=reached, error_code=131026 if number == 3 else None
        )
    return cast


# ---------------------------------------------------------------- answers


def test_the_last_broadcast_in_true_numbers(shop: Cast, people: People, provider: str, session: Any) -> None:
    turn = people.ask("How did the last broadcast go?")

    assert turn.state is S.DONE
    assert f"[Spring sale](/app/broadcasts/{session.scalar(select(Broadcast.id))})" in turn.answer
    assert "people 4" in turn.answer
    assert "delivered 3" in turn.answer
    assert "failed 1" in turn.answer
    assert turn.lookups == ["Looked at “Spring sale”"]
    calls = session.scalars(select(AiCall).order_by(AiCall.id)).all()
    assert [(call.purpose, call.outcome, call.user_id) for call in calls] == [
        ("assistant", "written", people.alice)
    ] * 2
    assert ai_settings.get_usage(people.here).tokens > 0


def test_it_is_told_as_it_is_written(shop: Cast, people: People, provider: str) -> None:
    turn_id = assistant.ask(people.here, people.alice, "How did the last broadcast go?").id
    told = people.write(turn_id)
    texts = [said.text for said in told if said.text]
    assert len(texts) > 10
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert people.turn(turn_id).answer == texts[-1].strip()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Which templates can I send right now?", "spring_offer"),
        ("What is the quality of my numbers?", "ends with 0199"),
        ("How many contacts are there?", "contacts 4"),
        ("Show my broadcasts", "Spring sale"),
    ],
)
def test_everything_it_can_look_up(shop: Cast, people: People, question: str, words: str) -> None:
    turn = people.ask(question)
    assert turn.state is S.DONE
    assert words in turn.answer
    assert turn.lookups


def test_an_answer_without_tools(shop: Cast, people: People, provider: str, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="no_tools")
    turn = people.ask("How did the last broadcast go?")
    assert turn.state is S.DONE
    assert "Spring sale" in turn.answer
    assert "delivered 3" in turn.answer


def test_what_was_said_before_is_sent_again_and_the_oldest_forgotten(people: People, session: Any) -> None:
    talk = people.ask("Hello, I am first").conversation_id
    session.execute(update(AiTurn).values(answer="x" * 10_000))
    people.ask("Hello again, I am second", talk)
    session.execute(update(AiTurn).where(AiTurn.answer.not_like("xx%")).values(answer="y" * 20_000))
    last = people.ask("Hello, I am third", talk)
    asked = session.scalars(select(AiCall.prompt_tokens).order_by(AiCall.id)).all()
    assert 2_000 < asked[1] < 4_000, "the first answer went along"
    assert 5_000 < asked[2] < 7_000, "only the second did, for both are too long"
    exchanges = assistant_talks.list_exchanges(people.here, last)
    assert [question for question, _ in exchanges] == ["Hello again, I am second", "Hello, I am first"]


# ---------------------------------------------------------------- drafts


def test_a_template_is_drafted_and_kept_with_the_turn(people: People, provider: str) -> None:
    turn = people.ask("Draft a template that invites customers to our summer sale.")
    (row,) = turn.drafts
    draft = assistant_drafts.read_row(assistant_talks.get_draft(people.here, people.alice, f"{turn.id}-0"))
    assert (row["kind"], draft.category, draft.language) == ("template", "MARKETING", "en")
    assert "summer sale" in draft.draft.body
    assert f"/app/templates/new?draft={turn.id}-0" in turn.answer


def test_what_meta_would_refuse_goes_back_to_the_model(people: People, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="violation")
    turn = people.ask("Draft a template that says hello.")
    assert turn.state is S.DONE
    assert not turn.drafts[0]["body"].startswith("{{")
    sandbox.set(ai_trouble="violation_always")
    turn = people.ask("Draft a template that says hello.")
    assert (turn.state, turn.drafts) == (S.DONE, [])
    assert "I could not do that" in turn.answer


def test_a_broadcast_is_drafted_and_never_sent(shop: Cast, people: People, session: Any) -> None:
    turn = people.ask("Draft a broadcast to everybody.")
    (row,) = turn.drafts
    broadcast = session.get(Broadcast, row["id"])
    assert (broadcast.state, broadcast.scheduled_at, broadcast.audience) == (BroadcastState.DRAFT, None, {"all": True})
    assert broadcast.workspace_id == people.here


@pytest.mark.parametrize(
    ("tool", "given", "words"),
    [
        ("draft_broadcast", {"name": "x", "template": "waiting"}, "still in review"),
        ("draft_broadcast", {"name": "x", "template": "nothing"}, "no template"),
        ("draft_broadcast", {"name": "x", "tags": ["Nobody"]}, "The tags are: VIP"),
        ("draft_broadcast", {}, "name"),
        ("draft_template", {"name": "x", "category": "MARKETING", "body": ["no"]}, "body must be a text"),
        ("draft_template", {"name": "X Y", "category": "MARKETING", "body": "Hi there"}, "small letters"),
        ("draft_template", {"name": "x", "category": "MARKETING", "body": "Hi there", "buttons": [{"type": "CALL", "text": "x"}]}, "no button"),
        ("report_broadcast", {"id": 4.5}, "whole number"),
        ("report_broadcast", {"id": 999_999}, "no broadcast"),
        ("report_broadcast", {"name": "unheard of"}, "unheard of"),
        ("list_broadcasts", {"state": "lost"}, "not one of"),
        ("list_templates", {"state": "lost"}, "no state"),
        ("count_contacts", {"tag": "Nobody"}, "no tag"),
        ("send_broadcast", {"id": 1}, "There is no tool"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_answered_in_words(
    shop: Cast, people: People, session: Any, *, tool: str, given: dict[str, Any], words: str
) -> None:
    before = session.scalar(select(func.count()).select_from(Broadcast))
    asker = Asker(people.here, people.alice, "UTC")
    answer = assistant_tools.run_tool(asker, ToolCall("1", tool, given)).answer
    assert words in json.dumps(answer["error"])
    assert session.scalar(select(func.count()).select_from(Broadcast)) == before


def test_no_tool_changes_or_sends() -> None:
    names = [tool.name for tool in assistant_tools.list_tools()]
    assert len(names) == 7
    assert all(name.startswith(("list_", "report_", "count_", "draft_")) for name in names)


# ---------------------------------------------------------------- privacy and tenants


def test_no_number_or_address_of_anybody_is_in_the_facts(shop: Cast, people: People) -> None:
    asker = Asker(people.here, people.alice, "UTC")
    for tool in assistant_tools.list_tools():
        if not tool.name.startswith("draft_"):
            told = json.dumps(assistant_tools.run_tool(asker, ToolCall("1", tool.name, {})).answer)
            assert "550199" not in told.replace(" ", "")
            assert "@" not in told
    told = assistant.chat.as_fact(assistant_facts.list_templates(people.here))
    assert "[phone]" in told
    assert "27821234567" not in told


def test_a_stranger_is_told_of_nothing(shop: Cast, people: People) -> None:
    asker = Asker(people.there, people.charlie, "UTC")
    for tool in assistant_tools.list_tools():
        if not tool.name.startswith("draft_"):
            told = json.dumps(assistant_tools.run_tool(asker, ToolCall("1", tool.name, {})).answer)
            assert "Spring" not in told
            assert "VIP" not in told
    mine = assistant_tools.run_tool(Asker(people.here, people.alice, "UTC"), ToolCall("1", "report_broadcast", {}))
    answer = assistant_tools.run_tool(asker, ToolCall("1", "report_broadcast", {"id": mine.answer["id"]})).answer
    assert "no broadcast" in json.dumps(answer)


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_a_conversation_is_its_owners_alone(people: People, who: str) -> None:
    turn = people.ask("Draft a template that says hello.")
    workspace_id = people.there if who == "charlie" else people.here
    other = (workspace_id, getattr(people, who))
    assert assistant_talks.list_conversations(*other).items == []
    refused: list[Callable[[], object]] = [
        lambda: assistant_talks.get_conversation(*other, turn.conversation_id),
        lambda: assistant_talks.list_turns(*other, turn.conversation_id),
        lambda: assistant_talks.rename_conversation(*other, turn.conversation_id, "Mine"),
        lambda: assistant_talks.delete_conversation(*other, turn.conversation_id),
        lambda: assistant_talks.get_turn(*other, turn.id),
        lambda: assistant_talks.stop_turn(*other, turn.id),
        lambda: assistant_talks.get_draft(*other, f"{turn.id}-0"),
        lambda: assistant.ask(*other, "Hello", turn.conversation_id),
        lambda: assistant.ask_again(*other, turn.id),
        lambda: assistant.write_answer(*other, turn.id),
    ]
    for call in refused:
        with pytest.raises(NotFound):
            call()


# ---------------------------------------------------------------- other ends


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("cut", "try again"),
        ("midstream", "try again"),
        ("blocked", "refuses to write this"),
        ("too_long", "too long"),
        ("circles", "kept looking things up"),
    ],
)
def test_trouble_is_kept_as_trouble(
    people: People, provider: str, sandbox: SandboxControl, trouble: str, words: str
) -> None:
    sandbox.set(ai_trouble=trouble)
    turn = people.ask("Show my broadcasts")
    assert (turn.state, turn.answer) == (S.FAILED, "")
    assert words in turn.reason.lower()
    assert assistant_talks.list_exchanges(people.here, after(people, turn)) == []

    sandbox.set(ai_trouble="")
    assistant.ask_again(people.here, people.alice, turn.id)
    people.write(turn.id)
    assert people.turn(turn.id).state is S.DONE


def after(people: People, turn: AiTurn) -> AiTurn:
    """A turn that is not written, to ask what it would be told of the ones before."""
    return AiTurn(id=turn.id + 1000, conversation_id=turn.conversation_id)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (429, {"error": {"code": 429, "message": "slow"}}, "no more requests"),
        (402, {"error": {"code": 402, "message": "pay"}}, "no credit"),
        (500, {"error": {"code": 500, "message": "oh"}}, "trouble"),
        (502, "<html>Bad gateway</html>", "trouble"),
        (200, "<html>Hello</html>", "tr"),
    ],
)
def test_refusals_of_the_provider(
    people: People, provider: str, sandbox: SandboxControl, *, status: int, body: object, words: str
) -> None:
    for path in ("enerateContent", "streamGenerateContent", "chat/completions"):
        sandbox.post("/sandbox/faults", {"kind": "error", "on": path, "status": status, "body": body, "count": 3})
    turn = people.ask("Hello")
    assert turn.state is S.FAILED
    assert words in turn.reason.lower()


def test_a_silent_model_holds_nobody_for_long(people: People, sandbox: SandboxControl) -> None:
    sandbox.set(ai_trouble="silent")
    turn_id = assistant.ask(people.here, people.alice, "Hello").id
    began = time.monotonic()
    people.write(turn_id, budget_seconds=1.0)
    assert time.monotonic() - began < 5
    assert "did not answer in time" in people.turn(turn_id).reason
    sandbox.set(ai_trouble="")


def test_a_closed_tab_stops_the_answer_and_keeps_what_is_there(people: People, session: Any) -> None:
    turn_id = assistant.ask(people.here, people.alice, "Hello").id
    writing = assistant.write_answer(people.here, people.alice, turn_id)
    said = next(one for one in writing if len(one.text) > 20)
    writing.close()
    turn = people.turn(turn_id)
    assert turn.state is S.STOPPED
    assert turn.answer == said.text.strip()
    call = session.scalars(select(AiCall)).one()
    assert (call.outcome, call.answer_tokens > 0) == ("stopped", True)


def test_another_tab_sees_how_far_it_is_and_can_stop_it(people: People, session: Any, sandbox: SandboxControl) -> None:
    sandbox.set(ai_piece_ms=100)
    turn_id = assistant.ask(people.here, people.alice, "Hello").id
    writing = assistant.write_answer(people.here, people.alice, turn_id)
    said = next(one for one in writing if len(one.text) > 100)
    seen = people.turn(turn_id).answer
    assert seen
    assert said.text.startswith(seen)
    assistant_talks.stop_turn(people.here, people.alice, turn_id)
    list(writing)
    turn = people.turn(turn_id)
    assert turn.state is S.STOPPED
    assert turn.answer.startswith(said.text.strip())
    assert "This is the sandbox" not in turn.answer
    assert session.scalars(select(AiCall.outcome)).all() == ["stopped"]


def test_stop_lets_the_next_question_in_and_the_text_is_added_later(people: People) -> None:
    turn = assistant.ask(people.here, people.alice, "Hello")
    turn_id, talk_id = turn.id, turn.conversation_id
    writing = assistant.write_answer(people.here, people.alice, turn_id)
    next(one for one in writing if one.text)
    with pytest.raises(Conflict, match="another tab"):
        assistant.ask(people.here, people.alice, "And now?", talk_id)
    assistant_talks.stop_turn(people.here, people.alice, turn_id)
    later = assistant.ask(people.here, people.alice, "And now?", talk_id)
    assert later.id > turn_id
    writing.close()
    assert people.turn(turn_id).answer
    assistant_talks.finish_turn(turn_id, S.DONE, answer="too late", lookups=[])
    assert people.turn(turn_id).state is S.STOPPED


def test_an_answer_whose_process_died_does_not_block_for_ever(people: People, session: Any) -> None:
    turn = assistant.ask(people.here, people.alice, "Hello")
    turn_id, talk_id = turn.id, turn.conversation_id
    session.execute(update(AiTurn).values(started_at=clock.now() - timedelta(minutes=2)))
    session.commit()
    assert assistant_talks.is_stale(people.turn(turn_id))
    assistant.ask(people.here, people.alice, "Again", talk_id)
    assert people.turn(turn_id).state is S.FAILED


def test_only_the_last_unanswered_turn_is_answered_again(people: People) -> None:
    done = people.ask("Hello")
    with pytest.raises(Conflict):
        assistant.ask_again(people.here, people.alice, done.id)


def test_no_key_no_cap_and_no_question_leave_nothing_behind(
    people: People, ai_server: Callable[..., None], session: Any
) -> None:
    for question in ("", "  \n ", "x" * 4_001, "nul \x00"):
        with pytest.raises(Invalid):
            assistant.ask(people.here, people.alice, question)
    ai_settings.save_settings(people.here, provider="gemini", model="gemini-2.5-flash", monthly_token_cap="1")
    people.ask("Hello")
    with pytest.raises(Conflict) as caught:
        assistant.ask(people.here, people.alice, "Hello")
    assert caught.value.code == "ai_cap"
    ai_server(gemini_api_key="", openrouter_api_key="")
    with pytest.raises(Conflict) as caught:
        assistant.ask(people.there, people.charlie, "Hello")
    assert caught.value.code == "ai_off"
    assert session.scalar(select(func.count()).select_from(AiConversation)) == 1


def test_the_cap_may_be_reached_in_the_middle(people: People) -> None:
    ai_settings.save_settings(people.here, provider="gemini", model="gemini-2.5-flash", monthly_token_cap="1")
    turn = people.ask("Show my broadcasts")
    assert turn.state is S.FAILED
    assert "tokens are used up" in turn.reason


def test_conversations_are_renamed_deleted_and_paged(people: People) -> None:
    first = people.ask("How did   the\nlast broadcast go?").conversation_id
    assert assistant_talks.get_conversation(people.here, people.alice, first).title == "How did the last broadcast go?"
    assistant_talks.rename_conversation(people.here, people.alice, first, "  Spring ")
    assert assistant_talks.get_conversation(people.here, people.alice, first).title == "Spring"
    for title in (" ", "x" * 81):
        with pytest.raises(Invalid):
            assistant_talks.rename_conversation(people.here, people.alice, first, title)
    for number in range(assistant_talks.CONVERSATIONS_PAGE):
        assistant_talks.open_turn(people.here, people.alice, f"Question {number}")
    page = assistant_talks.list_conversations(people.here, people.alice)
    assert len(page.items) == assistant_talks.CONVERSATIONS_PAGE
    rest = assistant_talks.list_conversations(people.here, people.alice, page.next_cursor)
    assert [one.id for one in rest.items] == [first]
    assistant_talks.delete_conversation(people.here, people.alice, first)
    with pytest.raises(NotFound):
        assistant_talks.get_conversation(people.here, people.alice, first)
