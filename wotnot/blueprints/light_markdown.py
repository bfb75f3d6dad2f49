"""What a model writes, drawn: paragraphs, lists, bold, code, and links to pages of ours. Everything else stays text.

Nothing of it is trusted: each piece is escaped where it is put in, and an address that does not lead into the dashboard
loses its link and keeps its words.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from flask import Flask
from markupsafe import Markup, escape

_INLINE = re.compile(
    r"\*\*(?=\S)(?P<bold>.+?)(?<=\S)\*\*"
    r"|`(?P<code>[^`\n]+)`"
    r"|\[(?P<words>[^\]\n]+)\]\((?P<address>[^()\s]*)\)"
)
_OURS = re.compile(r"/app/[\w/?=&.%+-]*", re.ASCII)
_POINT = re.compile(r"\s*[-*•]\s+(.*)")
_STEP = re.compile(r"\s*\d{1,3}[.)]\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*)")


def register(app: Flask) -> None:
    """Give templates the filter."""
    app.add_template_filter(light_markdown)


def light_markdown(text: str) -> Markup:
    """`text` as HTML that is safe whatever it says."""
    lines = text.replace("\r\n", "\n").split("\n")
    blocks = (_block(kind, list(group)) for kind, group in groupby(lines, key=_kind))
    return Markup("").join(blocks)


def _kind(line: str) -> str:
    if not line.strip():
        return "gap"
    if _POINT.match(line):
        return "ul"
    return "ol" if _STEP.match(line) else "p"


def _block(kind: str, lines: list[str]) -> Markup:
    if kind == "gap":
        return Markup("")
    if kind == "p":
        return Markup("<p>{}</p>").format(Markup("<br>").join(_paragraph_lines(lines)))
    found = (_POINT if kind == "ul" else _STEP).match
    items = (Markup("<li>{}</li>").format(_inline(match[1])) for match in map(found, lines) if match)
    return Markup("<{0}>{1}</{0}>").format(Markup(kind), Markup("").join(items))  # noqa: S704 — "ul" or "ol", ours


def _paragraph_lines(lines: Iterable[str]) -> Iterator[Markup]:
    for line in lines:
        heading = _HEADING.match(line)
        yield Markup("<b>{}</b>").format(_inline(heading[1])) if heading else _inline(line.strip())


def _inline(line: str) -> Markup:
    drawn, at = [], 0
    for found in _INLINE.finditer(line):
        drawn += [escape(line[at : found.start()]), _mark(found)]
        at = found.end()
    return Markup("").join([*drawn, escape(line[at:])])


def _mark(found: re.Match[str]) -> Markup:
    if found["bold"]:
        return Markup("<b>{}</b>").format(_inline(found["bold"]))
    if found["code"]:
        return Markup("<code>{}</code>").format(found["code"])
    if _OURS.fullmatch(found["address"]):
        return Markup('<a href="{}">{}</a>').format(found["address"], found["words"])
    return escape(found["words"])
