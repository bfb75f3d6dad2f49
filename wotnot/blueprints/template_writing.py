"""Writing with AI in the template editor: the brief, the variants, and putting one of them into the form.

The editor's own fields travel along as they are, so that nothing typed is lost, with scripts or without.
"""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from flask import Blueprint, Flask, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from wotnot.blueprints.answer_streams import Line, Pace, answer_slot, stream_answer, wants_lines
from wotnot.blueprints.guards import actor, guard_pages, requires, workspace_id
from wotnot.blueprints.htmx import is_htmx, render
from wotnot.blueprints.message_templates import editor_page, editor_words
from wotnot.blueprints.template_drafts import fill_in
from wotnot.blueprints.template_form import TemplateValues, read_form
from wotnot.errors import Conflict, DomainError, Invalid, Unavailable
from wotnot.models import Role
from wotnot.services import ai_settings, broadcasts, channels, message_writer
from wotnot.services.ai.prompts import LENGTHS, TONES, Brief, UnreadableAnswer, read_drafts
from wotnot.services.message_writer import Variant, Writer
from wotnot.services.whatsapp.components import fill_text, variable_names

blueprint = Blueprint("template_writing", __name__, url_prefix="/app/templates/ai")
guard_pages(blueprint)

Answer = str | Response | tuple[str, int]

_PREFIX = "ai_"
_BRIEF = ("goal", "tone", "length", "language", "emoji", "business", "audience", "call_to_action", "variables")
_GOAL_FROM_BODY = 300
_DRAWER = "ai-drawer"


@dataclass(slots=True)
class Writing:
    """What the drawer shows: the brief as typed, the editor's fields as they came, the variants."""

    editor: MultiDict[str, str]
    brief: dict[str, str]
    variants: list[Variant] = field(default_factory=list)
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def editor_json(self) -> str:
        """The editor's fields, for a hidden field."""
        return json.dumps(list(self.editor.items(multi=True)))

    @property
    def variants_json(self) -> str:
        """The variants, for a hidden field."""
        return json.dumps({"variants": [one.draft.as_json() for one in self.variants]}, ensure_ascii=False)


def register(app: Flask) -> None:
    """Put the drawer under /app/templates/ai."""
    app.register_blueprint(blueprint)


@blueprint.context_processor
def _words() -> dict[str, object]:
    shapes = {
        "tones": list(TONES.items()),
        "lengths": [(key, words) for key, (words, _) in LENGTHS.items()],
    }
    return editor_words() | shapes


@blueprint.get("")
@requires(Role.ADMIN)
def index() -> Answer:
    """The brief, for whoever comes by the address; with `?broadcast=` the message is for that draft."""
    writing = _read_writing()
    writing.editor = _empty_editor()
    if broadcast_id := request.args.get("broadcast", type=int):
        broadcast = broadcasts.get_broadcast(workspace_id(), broadcast_id)
        writing.editor["broadcast"] = str(broadcast.id)
        writing.editor["channel_id"] = str(broadcast.channel_id or writing.editor["channel_id"])
    return _show(writing)


@blueprint.post("")
@requires(Role.ADMIN)
def write() -> Answer:
    """Open the drawer; write three; write one anew. Without a wish (`do`) it only opens."""
    writing = _read_writing()
    wish, _, which = request.form.get("do", "").partition(":")
    if wish == "write" and wants_lines():
        return stream_answer(lambda: _lines(writing))
    try:
        if wish:
            with answer_slot():
                _fulfil(writing, wish, which)
    except (Invalid, Conflict, Unavailable) as error:
        writing.errors = _errors_of(error)
        return _show(writing), 422
    return _show(writing)


@blueprint.post("/use")
@requires(Role.ADMIN)
def use() -> Answer:
    """The editor with a variant in it. Nothing is submitted, and what it replaces can be put back."""
    writing = _read_writing()
    index = request.form.get("use", "")
    if not index.isdecimal() or int(index) >= len(writing.variants):
        writing.errors = {"ai_goal": ["Choose one of the messages."]}
        return _show(writing), 422
    before = read_form(writing.editor)
    said = {"before": writing.editor_json if before.body.strip() else ""}
    filled = fill_in(before, writing.variants[int(index)].draft)
    return editor_page(filled, ai_said=said, broadcast_id=writing.editor.get("broadcast", type=int))


@blueprint.post("/back")
@requires(Role.ADMIN)
def back() -> Answer:
    """The editor as it was before a variant was put into it."""
    editor = _read_editor()
    return editor_page(read_form(editor), broadcast_id=editor.get("broadcast", type=int))


def _fulfil(writing: Writing, wish: str, which: str) -> None:
    """Write. Raises as the writer does."""
    if wish == "write":
        user_id = actor().user.id
        writing.variants = message_writer.write_variants(workspace_id(), _brief_of(writing), user_id=user_id)
    else:
        _rewrite(writing, wish, which)


def _lines(writing: Writing) -> Iterator[Line]:
    """What is written while it is written, and in the end the drawer with what passed the checks."""
    yield {"target": "#ai-written", "html": render_template("message_templates/_ai_written.html", bodies=[])}
    try:
        writer = message_writer.stream_variants(workspace_id(), _brief_of(writing), user_id=actor().user.id)
        writing.variants = yield from _look_on(writer)
    except (Invalid, Conflict, Unavailable) as error:
        writing.errors = _errors_of(error)
    yield {"target": "#ai", "html": render_template("message_templates/_ai.html", **_shown(writing))}
    count = len(writing.variants)
    yield {"done": "Nothing new was written." if writing.errors else f"{count} messages to choose from."}


def _look_on(writer: Writer) -> Generator[Line, None, list[Variant]]:
    """Draw what can be read so far; none of it is checked yet, and none of it can be chosen."""
    pace, told = Pace(), None
    try:
        while True:
            so_far = next(writer)
            if so_far == told or not pace.is_due():
                yield None
                continue
            told = so_far
            drawn = render_template("message_templates/_ai_written.html", bodies=so_far.bodies, mends=so_far.mends)
            yield {"target": "#ai-written", "html": drawn}
    except StopIteration as end:
        variants: list[Variant] = end.value
        return variants
    finally:
        writer.close()


def _show(writing: Writing) -> str:
    is_opening = is_htmx() and request.headers.get("HX-Target") == _DRAWER
    partial = "message_templates/_ai_drawer.html" if is_opening else "message_templates/_ai.html"
    return render("message_templates/ai.html", partial, opens=is_opening, **_shown(writing))


def _shown(writing: Writing) -> dict[str, object]:
    """What the drawer shows, or the page in its stead."""
    messages = [fill_text(one.components, one.draft.samples) for one in writing.variants]
    return {
        "writing": writing,
        "values": read_form(writing.editor),
        "shown": list(zip(writing.variants, messages, strict=True)),
        "setup": ai_settings.get_setup(workspace_id()),
        "usage": ai_settings.get_usage(workspace_id()),
        # On a page of its own there is no editor to put a message into: it goes there whole.
        "is_alone": not is_htmx(),
    }


def _rewrite(writing: Writing, wish: str, which: str) -> None:
    """Replace one variant. Raises as `message_writer.rewrite` does."""
    if not which.isdecimal() or int(which) >= len(writing.variants):
        raise Invalid({"do": "Choose one of the messages."})
    how = f"translate:{message_writer.language_name(writing.brief['language'])}" if wish == "translate" else wish
    brief = Brief(business=writing.brief["business"], category=read_form(writing.editor).category or "MARKETING")
    writing.variants[int(which)] = message_writer.rewrite(
        workspace_id(), writing.variants[int(which)].draft, how, brief, user_id=actor().user.id
    )


def _read_writing() -> Writing:
    editor = _read_editor()
    values = read_form(editor)
    typed = {name: request.form.get(_PREFIX + name, "") for name in _BRIEF}
    is_first = _PREFIX + "goal" not in request.form
    brief = _first_brief(values) if is_first else typed
    try:
        drafts = read_drafts(request.form.get("variants", ""))
    except UnreadableAnswer:
        drafts = []
    category = values.category or "MARKETING"
    return Writing(editor, brief, [message_writer.make_variant(draft, category) for draft in drafts])


def _read_editor() -> MultiDict[str, str]:
    """The editor's fields: packed, when they come from the drawer; as they are, when they come from the editor."""
    packed = request.form.get("editor")
    if packed is None:
        own = (pair for pair in request.form.items(multi=True) if not pair[0].startswith((_PREFIX, "csrf")))
        return MultiDict(own)
    try:
        pairs = json.loads(packed)
        return MultiDict([(str(name), str(value)) for name, value in pairs])
    except (ValueError, TypeError):
        return MultiDict()


def _empty_editor() -> MultiDict[str, str]:
    """What the editor starts with when nobody was in it yet."""
    found = channels.list_channels(workspace_id())
    values = TemplateValues(channel_id=str(found[0].id) if found else "")
    names = ("channel_id", "language", "category", "header_kind")
    return MultiDict({name: getattr(values, name) for name in names})


def _first_brief(values: TemplateValues) -> dict[str, str]:
    """What the brief starts with: the workspace, and what is typed already."""
    body = values.body.strip()
    names = variable_names(values.header) + variable_names(values.body)
    return {
        "goal": f"Say this better: {body[:_GOAL_FROM_BODY]}" if body else "",
        "tone": "warm",
        "length": "short",
        "language": values.language or "en",
        "emoji": "",
        "business": actor().workspace.name,
        "audience": "",
        "call_to_action": "",
        "variables": ", ".join(dict.fromkeys(names)) or "first_name",
    }


def _brief_of(writing: Writing) -> Brief:
    typed = writing.brief
    names = (name.strip("{} ") for name in typed["variables"].replace(";", ",").split(","))
    return Brief(
        business=typed["business"],
        audience=typed["audience"],
        goal=typed["goal"],
        tone=typed["tone"],
        length=typed["length"],
        language=message_writer.language_name(typed["language"]),
        has_emoji=bool(typed["emoji"]),
        call_to_action=typed["call_to_action"],
        variables=tuple(dict.fromkeys(name for name in names if name)),
        category=read_form(writing.editor).category or "MARKETING",
    )


def _errors_of(error: DomainError) -> dict[str, list[str]]:
    """Beside the brief's field, where it has one, else on top."""
    if isinstance(error, Invalid):
        return {_PREFIX + name if name in _BRIEF else "form": list(words) for name, words in error.errors.items()}
    return {"form": [error.detail]}
