"""The assistant's tools: what the model may ask for, and who answers.

All of them read, but for the two that draft (`assistant_drafts.py`). There is none that sends, schedules, changes or
deletes, so a template's text or a broadcast's name that gives the model orders cannot have any carried out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wotnot.errors import Conflict, Invalid, NotFound
from wotnot.models import BroadcastState, TemplateStatus
from wotnot.services import assistant_drafts, assistant_facts
from wotnot.services.ai import Tool, ToolCall
from wotnot.services.ai.prompts import Draft

Arguments = Mapping[str, Any]

MOST_DRAFTS = 3
"""In one answer: a model that goes round in circles must not fill the list of broadcasts."""

_LONGEST_WORDS = 2_000
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom the tools answer, and whose clock they read."""

    workspace_id: int
    user_id: int
    timezone: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool answers the model. `words` tell the person what was looked at, `draft` is kept with the turn."""

    answer: Mapping[str, Any]
    words: str = ""
    draft: Mapping[str, Any] | None = None


def run_tool(asker: Asker, call: ToolCall) -> Outcome:
    """Answer a call. What is wrong with it is said in the answer, so that the model can ask again and better."""
    entry = _TOOLS.get(call.name)
    if entry is None:
        return Outcome({"error": f"There is no tool {call.name[:60]}. There are: {', '.join(_TOOLS)}."})
    if call.arguments is None:
        return Outcome({"error": "The arguments are not a JSON object."})
    try:
        return entry.answer(asker, call.arguments)
    except Invalid as error:
        return Outcome({"error": [words for several in error.errors.values() for words in several]})
    except (Conflict, NotFound) as error:
        return Outcome({"error": error.detail})


def list_tools() -> list[Tool]:
    """All of them, as the model is told."""
    return [entry.tool for entry in _TOOLS.values()]


# ---------------------------------------------------------------- answers


def _list_templates(asker: Asker, given: Arguments) -> Outcome:
    found = assistant_facts.list_templates(
        asker.workspace_id, state=_words(given, "state").lower(), search=_words(given, "search")
    )
    return Outcome(found, "Looked at your templates")


def _list_broadcasts(asker: Asker, given: Arguments) -> Outcome:
    found = assistant_facts.list_broadcasts(
        asker.workspace_id, asker.timezone, count=_whole(given, "count") or 5, state=_words(given, "state").lower()
    )
    return Outcome(found, "Looked at your broadcasts")


def _report_broadcast(asker: Asker, given: Arguments) -> Outcome:
    found = assistant_facts.report_broadcast(
        asker.workspace_id, asker.timezone, broadcast_id=_whole(given, "id"), name=_words(given, "name")
    )
    return Outcome(found, f"Looked at “{found['name']}”")


def _list_numbers(asker: Asker, _given: Arguments) -> Outcome:
    return Outcome(assistant_facts.list_numbers(asker.workspace_id), "Looked at your numbers")


def _count_contacts(asker: Asker, given: Arguments) -> Outcome:
    found = assistant_facts.count_contacts(asker.workspace_id, tag=_words(given, "tag"))
    return Outcome(found, "Counted your contacts")


def _draft_template(_asker: Asker, given: Arguments) -> Outcome:
    draft = Draft(
        body=_words(given, "body"),
        header=_words(given, "header"),
        footer=_words(given, "footer"),
        buttons=tuple(
            (_words(row, "type").upper(), _words(row, "text"), _words(row, "value")) for row in _rows(given, "buttons")
        ),
        samples={_words(row, "name").strip("{} "): _words(row, "value") for row in _rows(given, "samples")},
    )
    checked = assistant_drafts.check_draft(
        _words(given, "name"), _words(given, "language") or "en", _words(given, "category").upper(), draft
    )
    return Outcome({"drafted": checked.name}, f"Drafted the template “{checked.name}”", checked.as_row())


def _draft_broadcast(asker: Asker, given: Arguments) -> Outcome:
    row = assistant_drafts.draft_broadcast(
        asker.workspace_id,
        asker.user_id,
        name=_words(given, "name"),
        template=_words(given, "template"),
        tags=_list_of_words(given, "tags"),
        everybody=given.get("everybody") is True,
    )
    answer = {"drafted": row["name"], "state": "draft, not sent", "link": f"/app/broadcasts/{row['id']}"}
    return Outcome(answer, f"Drafted the broadcast “{row['name']}”", row)


# ---------------------------------------------------------------- arguments


def _words(given: Arguments, name: str) -> str:
    """A text, or "" where there is none. Raises Invalid for anything else."""
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_WORDS or "\x00" in value:
        raise Invalid({name: f"{name} must be a text of at most {_LONGEST_WORDS:,} characters."})
    return value.strip()


def _whole(given: Arguments, name: str) -> int | None:
    """A whole number above 0, or None. Google's numbers all have a point. Raises Invalid for anything else."""
    value = given.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value != int(value) or not 0 < value < 2**53:
        raise Invalid({name: f"{name} must be a whole number above 0."})
    return int(value)


def _rows(given: Arguments, name: str) -> list[Arguments]:
    value = given.get(name) or []
    if not isinstance(value, list) or len(value) > _MOST_LISTED or not all(isinstance(one, Mapping) for one in value):
        raise Invalid({name: f"{name} must be a list of at most {_MOST_LISTED} objects."})
    return value


def _list_of_words(given: Arguments, name: str) -> list[str]:
    value = given.get(name) or []
    if not isinstance(value, list) or len(value) > _MOST_LISTED or not all(isinstance(one, str) for one in value):
        raise Invalid({name: f"{name} must be a list of at most {_MOST_LISTED} texts."})
    return [one for one in value if one.strip()]


# ---------------------------------------------------------------- what the model is told


@dataclass(frozen=True, slots=True)
class _Entry:
    tool: Tool
    answer: Callable[[Asker, Arguments], Outcome]


_TEXT = {"type": "string"}
_PAIR = {"type": "object", "properties": {"name": _TEXT, "value": _TEXT}, "required": ["name", "value"]}
_BUTTON = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": list(assistant_drafts.BUTTON_TYPES)},
        "text": _TEXT,
        "value": {"type": "string", "description": "the https address of a URL button, else empty"},
    },
    "required": ["type", "text"],
}


def _entry(
    answer: Callable[[Asker, Arguments], Outcome], description: str, required: tuple[str, ...] = (), **properties: Any
) -> tuple[str, _Entry]:
    name = answer.__name__.strip("_")
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = list(required)
    return name, _Entry(Tool(name, description, parameters), answer)


_TOOLS = dict(
    (
        _entry(
            _list_templates,
            "The message templates, newest first, and how many are in which state. Only approved ones can be sent.",
            state={"type": "string", "enum": [state.value for state in TemplateStatus]},
            search={"type": "string", "description": "words in the name or the text"},
        ),
        _entry(
            _list_broadcasts,
            "The last broadcasts with how many people got, read and answered them. Without a state: those that began.",
            count={"type": "integer", "description": f"how many, at most {assistant_facts.MOST_BROADCASTS}"},
            state={"type": "string", "enum": [state.value for state in BroadcastState]},
        ),
        _entry(
            _report_broadcast,
            "One broadcast in detail: counts, rates, why messages failed or were left out. Without id and name: the last one.",
            id={"type": "integer"},
            name={"type": "string", "description": "part of its name"},
        ),
        _entry(_list_numbers, "The connected WhatsApp numbers: state, quality, how many people a day, pace."),
        _entry(
            _count_contacts,
            "How many contacts there are, by consent and by tag. Counts only, no people.",
            tag={"type": "string", "description": "only those with this tag"},
        ),
        _entry(
            _draft_template,
            "Draft a message template. It opens in the editor for the person to check; nothing is submitted.",
            ("name", "category", "body"),
            name={"type": "string", "description": "small letters, digits and _"},
            language={"type": "string", "description": "a code such as en, de or pt_BR"},
            category={"type": "string", "enum": ["MARKETING", "UTILITY"]},
            header=_TEXT,
            body=_TEXT,
            footer=_TEXT,
            buttons={"type": "array", "items": _BUTTON},
            samples={"type": "array", "items": _PAIR, "description": "a made-up value for each variable"},
        ),
        _entry(
            _draft_broadcast,
            "Draft a broadcast: a name, an approved template, tags or everybody. It waits for the person; it is not sent.",
            ("name",),
            name=_TEXT,
            template={"type": "string", "description": "the name of an approved template"},
            tags={"type": "array", "items": _TEXT},
            everybody={"type": "boolean"},
        ),
    )
)
