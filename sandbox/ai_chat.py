"""A model that can look things up, played by the sandbox: it asks for the fitting tool, then words what that answered.

What it does follows from the request alone: the tools that are offered, what was said, and what tools have answered since.
It understands a handful of English words, no more, and says in every answer that it is the sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.jsonio import Json

_NOTE = "This is the sandbox answering, not a model."
_HELP = (
    "I can look at your **broadcasts**, **templates**, **numbers** and **contacts**, and draft a template or a broadcast. "
    "Try “How did the last broadcast go?”"
)
_MOST_SHOWN = 5
_MOST_FACTS = 8
# The first that fits: words in the question, the tool, and what it is asked for.
_WISHES: tuple[tuple[str, str, Json], ...] = (
    (r"\bdraft\b.*\bbroadcast|\bbroadcast\b.*\bdraft it\b", "draft_broadcast", {}),
    (r"\b(draft|write)\b", "draft_template", {}),
    (r"\bwhy\b|\bfail|\breport\b|\bdetail|\blast broadcast\b", "report_broadcast", {}),
    (r"\bbroadcast", "list_broadcasts", {"count": 5}),
    (r"\btemplate.*\b(send|approved|ready)\b|\bapproved template", "list_templates", {"state": "approved"}),
    (r"\btemplate", "list_templates", {}),
    (r"\bnumber|\bquality\b|\blimit\b", "list_numbers", {}),
    (r"\bcontact|\bpeople\b|\btag|\bcustomer", "count_contacts", {}),
)
_FACTS_OF = {"report_broadcast": "last_broadcasts", "list_broadcasts": "last_broadcasts", "list_templates": "templates",
             "list_numbers": "numbers", "count_contacts": "contacts"}  # fmt: skip
_FACTS = re.compile(r"^Facts: (\{.*\})$", re.MULTILINE)
_WORD = re.compile(r"[a-z]+")
_ASKED_FOR = re.compile(r"^.*?\b(?:that|which|about|for|saying)\b\s*", re.IGNORECASE | re.DOTALL)
_QUESTION_WORDS = {
    "a",
    "an",
    "the",
    "that",
    "to",
    "our",
    "my",
    "draft",
    "write",
    "template",
    "for",
    "me",
    "please",
    "of",
}


@dataclass
class Chat:
    """A request, whichever protocol it came by. `answered` are (tool, answer) since the last thing a person said."""

    system: str = ""
    question: str = ""
    tools: list[str] = field(default_factory=list)
    may_call: bool = True
    answered: list[tuple[str, Json]] = field(default_factory=list)


@dataclass
class Reply:
    """What the sandbox answers: text, or a tool to be asked with arguments."""

    text: str = ""
    tool: str = ""
    arguments: Json = field(default_factory=dict)


def reply(chat: Chat, trouble: str) -> Reply:
    """The next thing a model would say."""
    if trouble == "circles" and chat.tools:
        return Reply(tool=chat.tools[0], arguments={"count": "many", "state": 7})
    wish = next(((tool, given) for words, tool, given in _WISHES if re.search(words, chat.question.lower())), None)
    if wish is None:
        return Reply(f"{_HELP}\n\n{_NOTE}")
    tool, given = wish
    if tool in chat.tools and chat.may_call and _asks_again(chat, tool, trouble):
        return Reply(tool=tool, arguments=_arguments(chat, tool, given, trouble))
    return Reply("\n\n".join([*_said(chat, tool), _NOTE]))


def _asks_again(chat: Chat, tool: str, trouble: str) -> bool:
    """Once, and once more when a draft was refused; what is always refused is given up after three."""
    answers = [answer for name, answer in chat.answered if name == tool]
    if not answers:
        return True
    was_refused = "error" in answers[-1]
    return was_refused and trouble.startswith("violation") and len(answers) < 3


def _arguments(chat: Chat, tool: str, given: Json, trouble: str) -> Json:
    if tool == "draft_broadcast":
        return {"name": "Drafted by the sandbox", "everybody": True}
    if tool != "draft_template":
        return given
    words = [word for word in _WORD.findall(chat.question.lower()) if word not in _QUESTION_WORDS]
    news = _ASKED_FOR.sub("", chat.question).strip().rstrip(".")
    body = f"Hello {{{{first_name}}}}, there is news from us. This message {news or 'says so'}."
    if trouble == "violation_always" or (trouble == "violation" and not chat.answered):
        body = "{{1}} " + body + " {{2}}"
    return {
        "name": "_".join(words[:4]) or "drafted",
        "language": "en",
        "category": "MARKETING",
        "body": f"{body} We would love to see you soon.",
        "footer": "Reply STOP to opt out",
        "buttons": [{"type": "QUICK_REPLY", "text": "Tell me more"}],
        "samples": [{"name": "first_name", "value": "Naledi"}],
    }


def _said(chat: Chat, tool: str) -> list[str]:
    """The answer in words: from what the tool answered, else from facts in the system text."""
    answers = [answer for name, answer in chat.answered if name == tool]
    if answers and "error" in answers[-1]:
        refused = answers[-1]["error"]
        return ["I could not do that: " + (" ".join(refused) if isinstance(refused, list) else str(refused))]
    if answers and "drafted" in answers[-1]:
        link = answers[-1].get("link", "")
        return [
            f"I drafted **{answers[-1]['drafted']}**. [Open it]({link}), change what you like, and decide yourself."
        ]
    found = answers[-1] if answers else _facts(chat).get(_FACTS_OF.get(tool, ""), {})
    return list(_word(found)) or ["I cannot see that from here."]


def _facts(chat: Chat) -> Json:
    told = _FACTS.search(chat.system)
    try:
        found: Json = json.loads(told[1]) if told else {}
    except ValueError:
        found = {}
    return found


def _word(found: Json) -> Iterator[str]:
    """Anything a tool may answer, as a line of facts and a list for every list in it."""
    line = _line(found)
    if line:
        yield line + "."
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rest = f"\n- and {len(value) - _MOST_SHOWN} more" if len(value) > _MOST_SHOWN else ""
            rows = "\n".join(f"- {_line(row)}" for row in value[:_MOST_SHOWN])
            yield f"{name.replace('_', ' ').capitalize()}:\n{rows}{rest}"
        elif isinstance(value, dict) and _line(value):
            yield f"{name.replace('_', ' ').capitalize()}: {_line(value)}."


def _line(row: Json) -> str:
    """A row's name, linked when it has an address, and its first few facts."""
    title = str(row.get("name") or row.get("tag") or row.get("cause") or "")
    if title and row.get("link"):
        title = f"[{title}]({row['link']})"
    facts = [
        f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name.replace('_', ' ')} {value}"
        for name, value in row.items()
        if name not in ("name", "tag", "cause", "link", "id", "body") and isinstance(value, str | int | float)
        if not isinstance(value, bool) and value != ""
    ]
    return ": ".join(part for part in (title, ", ".join(facts[:_MOST_FACTS])) if part)
