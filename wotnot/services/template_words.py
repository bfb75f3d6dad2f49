"""What two versions of a template say differently, in words and in variables. Pure.

Only what a customer sees counts: samples, and the handles that Meta turns into addresses, are no words. Of a one-time code
only what we say of it counts: its words are Meta's, in English until they are fetched and in its language from then on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from wotnot.services.whatsapp.components import (
    Component,
    buttons_of,
    cards_of,
    find,
    is_otp,
    list_variables,
    offer_of,
    text_of,
)
from wotnot.services.whatsapp.one_time_code import apps_of, is_code, told_by

_TOKEN = re.compile(r"\{\{[^{}]*\}\}|\w+|\s+|[^\w\s]")
_HEADER_WORDS = {"IMAGE": "a picture", "VIDEO": "a video", "DOCUMENT": "a document", "LOCATION": "a place on the map"}
_BUTTON_WORDS = {
    "QUICK_REPLY": "quick reply",
    "URL": "link",
    "PHONE_NUMBER": "phone number",
    "COPY_CODE": "offer code",
    "FLOW": "form",
    "CATALOG": "catalogue",
}
_HANDOVER_WORDS = {"COPY_CODE": "copied", "ONE_TAP": "filled in with a tap", "ZERO_TAP": "filled in without a tap"}
# What has been compared as words, what is a sample, and what Meta adds.
_COMPARED = frozenset({"type", "text", "url", "phone_number", "example", "id"})
# Meta's own changes tell only of these kinds what they lead to.
_TARGETS = {"URL": "url", "PHONE_NUMBER": "phone_number"}


@dataclass(frozen=True, slots=True)
class PartChange:
    """One part of a template that reads differently: `pieces` are (kind, text), kind being same, added or removed."""

    part: str
    pieces: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class VariableChange:
    """The variables that a change of words brings and takes, by key; `renamed` are (before, after) at the same place."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def is_breaking(self) -> bool:
        """Whether whoever fills this template has to fill it differently."""
        return bool(self.added or self.removed or self.renamed)

    @property
    def new_keys(self) -> list[str]:
        """Every variable that nobody has filled so far."""
        return [*self.added, *(after for _, after in self.renamed)]


@dataclass(frozen=True, slots=True)
class ToldWords:
    """The words of a template as Meta tells them in a webhook. `buttons` None means that nothing was said about them."""

    header: str
    body: str
    footer: str
    buttons: tuple[Mapping[str, str], ...] | None = None


def parts_of(components: Sequence[Component]) -> dict[str, str]:
    """The parts that a customer sees, by what a person calls them, in the order of the message."""
    return dict(_parts(components))


def has_same_words(before: Sequence[Component], after: Sequence[Component]) -> bool:
    """Whether a customer would see no difference."""
    return parts_of(before) == parts_of(after)


def is_same_message(before: Sequence[Component], after: Sequence[Component]) -> bool:
    """Whether nothing but samples differs, neither the words nor what cannot be seen: where a flow begins, whether an offer
    ends, what we want to stand on the buttons of a code.
    """
    return has_same_words(before, after) and _unseen(before) == _unseen(after)


def compare_words(before: Sequence[Component], after: Sequence[Component]) -> list[PartChange]:
    """What reads differently, part by part."""
    old, new = parts_of(before), parts_of(after)
    names = [*old, *(name for name in new if name not in old)]
    return [
        PartChange(name, compare_texts(old.get(name, ""), new.get(name, "")))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def compare_texts(before: str, after: str) -> list[tuple[str, str]]:
    """Two texts as pieces that stayed, came and went, word by word."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    pieces: list[tuple[str, str]] = []
    for what, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(("same", "".join(old[old_from:old_to])))
            continue
        if old_to > old_from:
            pieces.append(("removed", "".join(old[old_from:old_to])))
        if new_to > new_from:
            pieces.append(("added", "".join(new[new_from:new_to])))
    return pieces


def compare_variables(
    before: Sequence[Component], after: Sequence[Component], format_before: str, format_after: str
) -> VariableChange:
    """Which variables come and go. A name that stands where another one stood is that one renamed."""
    old, new = _variables(before, format_before), _variables(after, format_after)
    # A code and the end of a link are filled with different things, even on the same button.
    gone = [key for key in old if new.get(key) != old[key]]
    come = [key for key in new if old.get(key) != new[key]]
    renamed = _renamed(gone, come, list(old), list(new))
    return VariableChange(
        tuple(key for key in come if key not in {after for _, after in renamed}),
        tuple(key for key in gone if key not in {before for before, _ in renamed}),
        tuple(renamed),
    )


def with_told_words(components: Sequence[Component], told: ToldWords) -> list[dict[str, Any]]:
    """The same components with the words that Meta told; what it does not tell (samples, pictures, cards, how a code
    is handed over) stays.
    """
    kept = {text_of(part, "type").upper(): dict(part) for part in components}
    header = kept.get("HEADER")
    if told.header:
        kept["HEADER"] = {**(header or {"type": "HEADER", "format": "TEXT"}), "text": told.header}
    elif header is not None and text_of(header, "format").upper() in {"", "TEXT"}:
        del kept["HEADER"]
    kept["BODY"] = {**kept.get("BODY", {"type": "BODY"}), "text": told.body}
    if told.footer:
        kept["FOOTER"] = {**kept.get("FOOTER", {"type": "FOOTER"}), "text": told.footer}
    elif "code_expiration_minutes" not in kept.get("FOOTER", {}):
        kept.pop("FOOTER", None)
    if told.buttons is not None and not is_code(components):
        _tell_buttons(kept, components, told.buttons)
    order = [*dict.fromkeys(("HEADER", "BODY", "FOOTER", "BUTTONS", *kept))]
    return [kept[kind] for kind in order if kind in kept]


def _parts(components: Sequence[Component]) -> Iterator[tuple[str, str]]:
    if is_code(components):
        yield from _code_parts(components)
        return
    header = find(components, "HEADER")
    shape = text_of(header, "format").upper() or "TEXT"
    if header:
        yield "Header", text_of(header, "text") if shape == "TEXT" else _HEADER_WORDS.get(shape, shape.lower())
    for name, kind in (("Body", "BODY"), ("Footer", "FOOTER")):
        if text := text_of(find(components, kind), "text"):
            yield name, text
    if offer := text_of(offer_of(components), "text"):
        yield "Offer", offer
    for number, button in enumerate(buttons_of(components), start=1):
        yield f"Button {number}", _button_words(button)
    for number, card in enumerate(cards_of(components), start=1):
        yield from ((f"Card {number}, {name.lower()}", text) for name, text in _parts(card))


def _code_parts(components: Sequence[Component]) -> Iterator[tuple[str, str]]:
    """A one-time code is the same, whichever words Meta has written for it."""
    advice = find(components, "BODY").get("add_security_recommendation") is True
    yield "Body", f"Meta’s words{', with the advice not to share the code' if advice else ''}"
    minutes = find(components, "FOOTER").get("code_expiration_minutes")
    if minutes is not None:
        yield "Footer", f"Meta’s words: it expires in {minutes} {'minute' if minutes == 1 else 'minutes'}"
    for number, button in enumerate(filter(is_otp, buttons_of(components)), start=1):
        kind = told_by(button)["otp_type"]
        apps = [] if kind == "COPY_CODE" else [" ".join(app) for app in apps_of(button)]
        yield f"Button {number}", ", ".join([f"The code is {_HANDOVER_WORDS.get(kind, 'handed over')}", *apps])


def _button_words(button: Component) -> str:
    kind = text_of(button, "type").upper()
    word = _BUTTON_WORDS.get(kind, kind.lower().replace("_", " "))
    # What stands on these is Meta's; it is filled in only when the template is read back.
    label = "" if kind in {"COPY_CODE", "CATALOG"} else text_of(button, "text")
    target = text_of(button, _TARGETS[kind]) if kind in _TARGETS else ""
    return " ".join(part for part in (f"{label} ({word})".strip(), target) if part)


def _unseen(components: Sequence[Component]) -> list[object]:
    """What a template says beside its words, in an order that can be compared."""
    mine: list[object] = [
        bool(offer_of(components).get("has_expiration")),
        *map(_unseen_of_button, buttons_of(components)),
    ]
    return mine + [_unseen(card) for card in cards_of(components)]


def _unseen_of_button(button: Component) -> dict[str, str]:
    if is_otp(button):
        return {"text": text_of(button, "text"), "autofill_text": told_by(button)["autofill_text"]}
    return {
        name: str(value).upper() if name == "flow_action" else str(value).strip()
        for name, value in button.items()
        if name not in _COMPARED
    }


def _variables(components: Sequence[Component], parameter_format: str) -> dict[str, str]:
    """The kind of each variable by its key; for a button the kind of the button."""
    kinds = [text_of(button, "type").upper() for button in buttons_of(components)]
    return {
        variable.key: kinds[variable.index] if variable.component == "button" else variable.component
        for variable in list_variables(components, parameter_format)
    }


def _renamed(gone: list[str], come: list[str], old: list[str], new: list[str]) -> list[tuple[str, str]]:
    """Pairs of names at the same place of the body; numbers have no names to change."""
    named_before = [key for key in old if "." not in key and not key.isdecimal()]
    named_after = [key for key in new if "." not in key and not key.isdecimal()]
    if len(named_before) != len(named_after):
        return []
    pairs = zip(named_before, named_after, strict=True)
    return [(before, after) for before, after in pairs if before in gone and after in come]


def _tell_buttons(
    kept: dict[str, dict[str, Any]], components: Sequence[Component], told: Sequence[Mapping[str, str]]
) -> None:
    old = buttons_of(components)
    rows = [_told_button(old[index] if index < len(old) else {}, button) for index, button in enumerate(told)]
    if rows:
        kept["BUTTONS"] = {"type": "BUTTONS", "buttons": rows}
    else:
        kept.pop("BUTTONS", None)


def _told_button(old: Component, told: Mapping[str, str]) -> dict[str, Any]:
    kind = told["type"].upper()
    row = dict(old) if text_of(old, "type").upper() == kind else {"type": kind}
    row |= {name: told[name] for name in ("text", "url", "phone_number") if told.get(name)}
    return row
