"""Messages with choices: up to three buttons, or a list to pick from. Pure; what we take is simpler than what Meta takes.

Source for the limits: Meta's references of interactive reply buttons and list messages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wotnot.errors import Invalid

MAX_BODY, MAX_BUTTONS, MAX_BUTTON, MAX_ROWS, MAX_ROW, MAX_DESCRIPTION = 1024, 3, 20, 10, 24, 72


def interactive_body(content: Mapping[str, Any]) -> dict[str, Any]:
    """Meta's `interactive` object for `{body, buttons: [title, …]}` or `{body, list: {button, rows: [{title, description?}, …]}}`.

    The id of a choice is its place, from 1. Raises Invalid by field.
    """
    words = str(content.get("body") or "").strip()
    if not words or len(words) > MAX_BODY:
        raise Invalid({"interactive.body": f"Write 1 to {MAX_BODY:,} characters above the choices."})
    body = {"text": words}
    if content.get("buttons"):
        return {"type": "button", "body": body, "action": {"buttons": _buttons(content["buttons"])}}
    if content.get("list"):
        return {"type": "list", "body": body, "action": _list(content["list"])}
    raise Invalid({"interactive": f"Give 1 to {MAX_BUTTONS} buttons, or a list to choose from."})


def _buttons(titles: Sequence[Any]) -> list[dict[str, Any]]:
    named = _titles(titles, "interactive.buttons", MAX_BUTTONS, MAX_BUTTON)
    return [
        {"type": "reply", "reply": {"id": str(place), "title": title}} for place, title in enumerate(named, start=1)
    ]


def _list(content: Mapping[str, Any]) -> dict[str, Any]:
    button = str(content.get("button") or "").strip()
    if not button or len(button) > MAX_BUTTON:
        raise Invalid({"interactive.list.button": f"The button that opens the list has 1 to {MAX_BUTTON} characters."})
    given = [row for row in content.get("rows") or [] if isinstance(row, Mapping)]
    titles = _titles([row.get("title") for row in given], "interactive.list.rows", MAX_ROWS, MAX_ROW)
    rows = []
    for place, (title, row) in enumerate(zip(titles, given, strict=True), start=1):
        description = str(row.get("description") or "").strip()
        if len(description) > MAX_DESCRIPTION:
            raise Invalid({"interactive.list.rows": f"A description has at most {MAX_DESCRIPTION} characters."})
        rows.append({"id": str(place), "title": title} | ({"description": description} if description else {}))
    return {"button": button, "sections": [{"rows": rows}]}


def _titles(titles: Sequence[Any], where: str, most: int, longest: int) -> list[str]:
    named = [str(title or "").strip() for title in titles]
    if not 1 <= len(named) <= most:
        raise Invalid({where: f"Give 1 to {most} choices."})
    if any(not title or len(title) > longest for title in named):
        raise Invalid({where: f"Each choice has 1 to {longest} characters."})
    if len({title.lower() for title in named}) < len(named):
        raise Invalid({where: "Two choices are called the same. Give each its own name."})
    return named
