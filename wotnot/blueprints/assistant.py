"""The assistant: conversations, a question and its answer as it is written, and the ways out when it is not.

Each answer is a part of the page with an address of its own, so that the stream, the page and a second look draw the same.
"""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from werkzeug.wrappers import Response

from wotnot.blueprints.answer_streams import Line, Pace, answer_slot, stream_answer, wants_lines
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.htmx import go_to, is_htmx
from wotnot.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from wotnot.models import AiConversation, AiTurn, Role
from wotnot.services import ai_settings, assistant, assistant_drafts, assistant_talks
from wotnot.services.assistant import Said
from wotnot.services.assistant_talks import LONGEST_QUESTION, LONGEST_TITLE
from wotnot.services.message_writer import components_of
from wotnot.services.template_rules import LANGUAGES
from wotnot.services.whatsapp.components import fill_text

blueprint = Blueprint("assistant", __name__, url_prefix="/app/assistant")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_HOME = "/app/assistant"
_STARTS = (
    ("chart-bar", "How did the last broadcast go?"),
    ("alert-circle", "Why did messages of the last broadcast fail?"),
    ("template", "Which templates can I send right now?"),
    ("address-book", "How many contacts may get offers, by tag?"),
    ("pencil", "Draft a template that invites customers to our summer sale."),
    ("speakerphone", "Draft a broadcast to everybody."),
)


def register(app: Flask) -> None:
    """Put the pages under /app/assistant."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {
        "starts": _STARTS,
        "longest_question": LONGEST_QUESTION,
        "longest_title": LONGEST_TITLE,
        "is_stale": assistant_talks.is_stale,
        "message_of": _message_of,
        "languages": LANGUAGES,
    }


@blueprint.get("")
@requires(Role.ADMIN)
def index() -> str:
    """A new conversation, with the earlier ones beside it."""
    return _page()


@blueprint.get("/<int:talk_id>")
@requires(Role.ADMIN)
def show(talk_id: int) -> str:
    """One conversation, its last turns or those before them."""
    return _page(assistant_talks.get_conversation(*_me(), talk_id))


@blueprint.post("/ask")
@requires(Role.ADMIN)
def ask() -> Answer:
    """Put a question, in the conversation that is named or a new one."""
    talk_id = request.form.get("conversation", type=int)
    question = request.form.get("start") or request.form.get("question", "")
    try:
        return _answer(lambda: assistant.ask(*_me(), question, talk_id), adds=True, is_new=talk_id is None)
    except (Invalid, Conflict, Unavailable) as error:
        if wants_lines():
            raise
        talk = assistant_talks.get_conversation(*_me(), talk_id) if talk_id else None
        return _page(talk, question, error), error.status


@blueprint.post("/turns/<int:turn_id>/again")
@requires(Role.ADMIN)
def again(turn_id: int) -> Answer:
    """Have a question answered again whose answer is not whole."""
    try:
        return _answer(lambda: assistant.ask_again(*_me(), turn_id), adds=False)
    except (Conflict, Unavailable) as error:
        if wants_lines():
            raise
        flash(error.detail, "error")
        return go_to(_address_of(assistant_talks.get_turn(*_me(), turn_id)))


@blueprint.post("/turns/<int:turn_id>/stop")
@requires(Role.ADMIN)
def stop(turn_id: int) -> Answer:
    """End the writing of an answer."""
    assistant_talks.stop_turn(*_me(), turn_id)
    return turn(turn_id)


@blueprint.get("/turns/<int:turn_id>")
@requires(Role.ADMIN)
def turn(turn_id: int) -> Answer:
    """One turn as it stands; a browser that asks for it gets its conversation."""
    found = assistant_talks.get_turn(*_me(), turn_id)
    return _draw(found) if is_htmx() else go_to(_address_of(found))


@blueprint.post("/<int:talk_id>/rename")
@requires(Role.ADMIN)
def rename(talk_id: int) -> Response:
    """Give a conversation another title."""
    try:
        assistant_talks.rename_conversation(*_me(), talk_id, request.form.get("title", ""))
    except Invalid as error:
        flash(error.detail, "error")
    return go_to(f"{_HOME}/{talk_id}")


@blueprint.post("/<int:talk_id>/delete")
@requires(Role.ADMIN)
def delete(talk_id: int) -> Response:
    """Delete a conversation for good."""
    assistant_talks.delete_conversation(*_me(), talk_id)
    flash("The conversation is deleted.", "success")
    return go_to(_HOME)


# ---------------------------------------------------------------- answering


def _answer(begin: Callable[[], AiTurn], *, adds: bool, is_new: bool = False) -> Response:
    """Have it answered: line by line for a script, else all at once and then the conversation."""
    if wants_lines():
        return stream_answer(lambda: _lines(begin(), adds=adds, is_new=is_new))
    with answer_slot():
        opened = begin()
        address = _address_of(opened)
        for _ in assistant.write_answer(*_me(), opened.id):
            pass
    return go_to(address)


def _lines(opened: AiTurn, *, adds: bool, is_new: bool) -> Iterator[Line]:
    """The turn, its answer as it is written, and how it ended. What cannot be begun raises before the first line."""
    first = _first_lines(opened, adds=adds, is_new=is_new)
    turn_id, writing = opened.id, assistant.write_answer(*_me(), opened.id)
    return _tell(turn_id, first, writing)


def _tell(turn_id: int, first: list[Line], writing: Iterator[Said]) -> Iterator[Line]:
    yield from first
    pace, told = Pace(), None
    for said in writing:
        if said == told or not pace.is_due():
            yield None
            continue
        told = said
        drawn = render_template("assistant/_writing.html", turn_id=turn_id, text=said.text, lookups=said.lookups)
        yield {"target": f"#answer-{turn_id}", "html": drawn}
    try:
        found = assistant_talks.get_turn(*_me(), turn_id)
    except NotFound:  # deleted in another tab meanwhile
        yield {"go": _HOME}
        return
    yield {"target": f"#turn-{turn_id}", "html": _draw(found)}
    yield {"done": "The answer is there." if found.state == "done" else "There is no answer."}


def _first_lines(opened: AiTurn, *, adds: bool, is_new: bool) -> list[Line]:
    """What changes on the page as soon as a question is taken: a turn comes to the others, or one begins anew."""
    drawn = _draw(opened, begins=True, adds=adds)
    lines: list[Line] = [{"target": "#next-turn" if adds else f"#turn-{opened.id}", "html": drawn, "accepted": adds}]
    if is_new:
        talk = assistant_talks.get_conversation(*_me(), opened.conversation_id)
        lines += [
            {"target": "#starts", "html": ""},
            {"target": "#talk-head", "html": render_template("assistant/_head.html", talk=talk)},
            {"target": "#talks", "html": render_template("assistant/_talks.html", talk=talk, talks=_talks())},
            {"target": "#talk-title", "html": render_template("assistant/_title.html", talk=talk)},
            {"fields": {"conversation": str(talk.id)}, "url": f"{_HOME}/{talk.id}", "title": f"{talk.title} · WotNot"},
        ]
    return lines


# ---------------------------------------------------------------- drawing


def _page(talk: AiConversation | None = None, question: str = "", error: DomainError | None = None) -> str:
    turns = assistant_talks.list_turns(*_me(), talk.id, request.args.get("before")) if talk else None
    return render_template(
        "assistant/index.html",
        talk=talk,
        talks=_talks(),
        turns=turns,
        question=question,
        error=error.detail if error else "",
        setup=ai_settings.get_setup(workspace_id()),
    )


def _talks() -> Any:
    return assistant_talks.list_conversations(*_me(), request.args.get("cursor"))


def _draw(found: AiTurn, *, begins: bool = False, adds: bool = False) -> str:
    """A turn. When it `begins` a script writes on in it; when it `adds` one the place for the next comes after it."""
    return render_template("assistant/_turn.html", turn=found, begins=begins, adds=adds)


def _message_of(row: dict[str, Any]) -> Any:
    """A drafted template as the customer's phone would show it."""
    draft = assistant_drafts.read_row(row).draft
    return fill_text(components_of(draft), dict(draft.samples))


def _address_of(found: AiTurn) -> str:
    return f"{_HOME}/{found.conversation_id}#turn-{found.id}"


def _me() -> tuple[int, int]:
    """(workspace, user): whose conversations these are."""
    return workspace_id(), actor().user.id
