"""The marks that stand a hundred times on a page: icons, numbers, state chips, initials, bars. Templates call them as `ui.…`.

Python and not Jinja macros, since a macro takes ten times as long and these are most of what a list draws.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

# By kind and state: icon, family (the colours), word.
CHIPS: dict[str, dict[str, tuple[str, str, str]]] = {
    "message": {
        "queued": ("clock", "", "Queued"),
        "sending": ("send-2", "accent", "Sending"),
        "accepted": ("arrow-bar-to-up", "", "Accepted"),
        "sent": ("check", "", "Sent"),
        "delivered": ("checks", "ok", "Delivered"),
        "read": ("eye-check", "info", "Read"),
        "replied": ("message-reply", "accent", "Replied"),
        "failed": ("alert-circle", "bad", "Failed"),
        "retry_planned": ("clock-play", "warn", "Retry planned"),
        "unknown": ("help-circle", "warn", "Unknown"),
        "skipped": ("circle-minus", "hollow", "Skipped"),
        "cancelled": ("ban", "hollow", "Cancelled"),
        "opted_out": ("hand-stop", "bad", "Opted out"),
        "received": ("message", "", "Received"),
    },
    "broadcast": {
        "draft": ("pencil", "hollow", "Draft"),
        "scheduled": ("calendar-time", "accent", "Scheduled"),
        "expanding": ("users-group", "info", "Preparing list"),
        "sending": ("send-2", "accent", "Sending"),
        "paused": ("player-pause", "warn", "Paused"),
        "finished": ("circle-check", "ok", "Finished"),
        "cancelled": ("ban", "hollow", "Cancelled"),
        "failed": ("alert-triangle", "bad", "Stopped by an error"),
    },
    "template": {
        "draft": ("pencil", "hollow", "Draft"),
        "pending": ("hourglass", "info", "In review"),
        "in_appeal": ("hourglass", "info", "In appeal"),
        "approved": ("circle-check", "ok", "Approved"),
        "rejected": ("circle-x", "bad", "Rejected"),
        "paused": ("player-pause", "warn", "Paused by Meta"),
        "disabled": ("ban", "bad", "Disabled"),
        "limit_exceeded": ("alert-circle", "warn", "Limit exceeded"),
        "deleted": ("trash", "hollow", "Deleted"),
        "pending_deletion": ("trash", "hollow", "Being deleted"),
        "archived": ("archive", "hollow", "Archived"),
    },
    "quality": {
        "green": ("shield-check", "ok", "Quality high"),
        "yellow": ("shield-half", "warn", "Quality medium"),
        "red": ("shield-x", "bad", "Quality low"),
        "unknown": ("shield-question", "", "Quality not known yet"),
    },
    "channel": {
        "connected": ("plug-connected", "ok", "Connected"),
        "stopped": ("plug-connected-x", "bad", "Stopped"),
        "removed": ("plug-off", "hollow", "Removed"),
    },
    "category": {
        "marketing": ("speakerphone", "", "Marketing"),
        "utility": ("receipt", "", "Utility"),
        "authentication": ("lock", "", "Authentication"),
    },
    "consent": {
        "opted_in": ("circle-check", "ok", "Agreed"),
        "opted_out": ("hand-stop", "bad", "Opted out"),
        "unknown": ("help-circle", "", "Not asked"),
        "none": ("help-circle", "", "Not asked"),
    },
    "import": {
        "uploaded": ("file-upload", "hollow", "Uploaded"),
        "mapping": ("columns", "hollow", "Columns to match"),
        "checking": ("loader-2", "info", "Checking"),
        "checked": ("list-check", "info", "Checked"),
        "ready": ("list-check", "info", "Ready"),
        "queued": ("clock", "", "Queued"),
        "running": ("database-import", "accent", "Importing"),
        "done": ("circle-check", "ok", "Imported"),
        "failed": ("alert-triangle", "bad", "Stopped by an error"),
        "cancelled": ("ban", "hollow", "Cancelled"),
    },
    "export": {
        "queued": ("clock", "", "Waiting"),
        "running": ("loader-2", "accent", "Being written"),
        "done": ("circle-check", "ok", "Ready"),
        "failed": ("alert-triangle", "bad", "Stopped by an error"),
    },
    "role": {
        "owner": ("crown", "accent", "Owner"),
        "admin": ("user-shield", "info", "Admin"),
        "agent": ("user", "", "Agent"),
    },
}

_UNKNOWN_ICON = "circle-dashed"
_COLOURS = 6
_INK = frozenset({"ok", "warn", "bad", "info"})
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def register(app: Flask) -> None:
    """Give templates `marks`, which macros/ui.html hands on."""
    app.jinja_env.globals["marks"] = SimpleNamespace(
        icon=icon,
        num=num,
        chip=chip,
        state_mark=state_mark,
        avatar=avatar,
        bar=bar,
        chart_rows=chart_rows,
        chart_spec=chart_spec,
    )


@lru_cache(maxsize=1024)
def icon(name: str, classes: str = "") -> Markup:
    """A Tabler icon: `icon("send-2", "wn-3")`."""
    return Markup('<i class="ti ti-{}{}" aria-hidden="true"></i>').format(name, f" {classes}" if classes else "")


def num(value: float | None) -> str:
    """12480 → 12,480; a dash for none."""
    return "–" if value is None else f"{value:,}"


def chip(kind: str, state: Any, label: str = "", classes: str = "") -> Markup:
    """A state as word and icon. An unknown state still shows its own word. `label` replaces the word."""
    return _chip(kind, str(getattr(state, "value", state)).lower(), str(label), classes)


@lru_cache(maxsize=1024)
def _chip(kind: str, state: str, label: str, classes: str) -> Markup:
    look = CHIPS.get(kind, {}).get(state) or (_UNKNOWN_ICON, "", state.replace("_", " ").capitalize())
    name, family, word = look
    return Markup('<span class="wn-chip {} {}">{}{}</span>').format(family, classes, icon(name), label or word)


@lru_cache(maxsize=1024)
def state_mark(kind: str, state: Any, label: str = "") -> Markup:
    """A state as its icon alone, where a chip is too much beside `label`; the word is there for those who cannot see it."""
    icon_name, family, word = CHIPS[kind].get(
        str(getattr(state, "value", state)).lower(), (_UNKNOWN_ICON, "", str(state))
    )
    mark = Markup('{}{}<span class="visually-hidden">, {}</span>')
    return mark.format(icon(icon_name, f"i-{family if family in _INK else 'mute'}"), label, word)


def avatar(name: object, classes: str = "", picture: str = "") -> Markup:
    """A person's picture, or initials in a colour that follows the name; an icon where the name is only a number.

    Classes: s24 s40 sq.
    """
    text = str(name or "").strip()
    colour = "" if " a" in f" {classes}" else f"a{(_LETTERS.find(text[:1].lower()) + 1 + len(text)) % _COLOURS + 1}"
    if picture:
        return Markup('<img class="wn-av {}" src="{}" alt="">').format(classes, picture)
    head = f'<span class="wn-av {colour} {escape(classes)}" aria-hidden="true">'
    return Markup(f"{head}{_initials(text, is_square='sq' in classes)}</span>")  # noqa: S704 — both parts are escaped


def _initials(text: str, *, is_square: bool) -> Markup:
    if not text or text[0] in "+0123456789":
        return icon("user")
    words = text.split()
    letters = words[0][0] + words[-1][0] if len(words) > 1 else text[: 2 if is_square else 1]
    return escape(letters.upper())


def bar(
    parts: Sequence[tuple[int, str, str]], total: int = 0, label: str = "", height: int = 12, *, progress: bool = False
) -> Markup:
    """One stacked bar as a drawing, because a strict content policy allows no style attributes.

    `parts` are (count, colour, word) from the start: k1 read, k2 delivered, k4 on the way, k3 failed. What is missing to
    `total` stays empty. With `progress` it is a progress bar for screen readers, else a picture if it has a `label`.
    """
    done = sum(count or 0 for count, _, _ in parts)
    whole = max(total or 0, done, 1)
    meaning = 'aria-hidden="true"'
    if progress:
        meaning = (
            f'role="progressbar" aria-valuemin="0" aria-valuemax="{whole}" aria-valuenow="{done}" '
            f'aria-label="{escape(label)}"'
        )
    elif label:
        meaning = f'role="img" aria-label="{escape(label)}"'
    drawing = "".join(_bar_parts(parts, whole, height))
    return Markup(f'<svg class="wn-bar h{height}" width="100%" height="{height}" {meaning}>{drawing}</svg>')  # noqa: S704 — numbers, names of ours, and an escaped label


def _bar_parts(parts: Sequence[tuple[int, str, str]], whole: int, height: int) -> list[str]:
    drawn, at = [], 0.0
    for count, colour, _ in parts:
        if not count:
            continue
        width = 100.0 * count / whole
        drawn.append(f'<rect class="{colour}" x="{at:.3f}%" y="0" width="{width:.3f}%" height="{height}"/>')
        if at:
            drawn.append(f'<rect class="gap" x="{at:.3f}%" y="0" width="1.5" height="{height}"/>')
        at += width
    return drawn


def chart_spec(labels: Sequence[str], titles: Sequence[str], series: Sequence[dict[str, Any]], **looks: Any) -> str:
    """What charts.js draws, as JSON for an attribute."""
    drawn = [{name: one[name] for name in ("label", "colour", "data")} for one in series]
    return json.dumps({"labels": labels, "titles": titles, "series": drawn, **looks}, separators=(",", ":"))


def chart_rows(titles: Sequence[str], series: Sequence[dict[str, Any]], unit: str = "") -> Markup:
    """The rows of a chart's table. A series may bring its words (`texts`), or where its numbers lead to (`urls`)."""
    columns = [_chart_cells(titles, one, escape(unit)) for one in series]
    rows = (
        f'<tr><th scope="row">{escape(title)}</th>{"".join(cells)}</tr>'
        for title, *cells in zip(titles, *columns, strict=True)
    )
    return Markup("".join(rows))  # noqa: S704 — every text in it is escaped


def _chart_cells(titles: Sequence[str], one: dict[str, Any], unit: Markup) -> list[str]:
    texts = one.get("texts") or [f"{value:,}{unit}" for value in one["data"]]
    urls = one.get("urls") or [""] * len(texts)
    cells = []
    for title, value, shown, url in zip(titles, one["data"], texts, urls, strict=True):
        words: str = escape(shown)
        if value and url:
            label = escape(f"{one['label']}, {title}")
            hidden = f'<span class="visually-hidden"> {label}</span>'
            words = f'<a class="wn-numlink wn-num" href="{escape(url)}">{words}{hidden}</a>'
        cells.append(f'<td class="r">{words}</td>')
    return cells
