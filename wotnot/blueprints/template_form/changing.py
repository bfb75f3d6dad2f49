"""What the editor's buttons do to the form: another kind of header, a button more, a card moved. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wotnot.blueprints.template_form.parts import BUTTON_TYPES, CARD_HEADERS, ButtonValues, CardValues
from wotnot.blueprints.template_form.values import HEADER_KINDS, TemplateValues
from wotnot.services.template_extras import FEWEST_CARDS, MOST_CARDS
from wotnot.services.template_parts import BUTTON_LIMITS, MAX_BUTTONS

_QUICK = "QUICK_REPLY"


@dataclass(frozen=True, slots=True)
class Change:
    """The form afterwards, which `part` of the page shows it, and the id of the control that is to have the focus."""

    values: TemplateValues
    part: str
    focus: str = ""


def change(values: TemplateValues, act: str) -> Change:
    """Do what the pressed button says: `verb` or `verb:argument`. What cannot be done changes nothing."""
    verb, _, argument = act.partition(":")
    do = _ACTS.get(verb)
    return do(values, argument) if do else Change(values, "parts")


def with_header(values: TemplateValues, kind: str) -> TemplateValues:
    """The same with another kind of header; a file of the kind before does not fit."""
    if kind not in HEADER_KINDS or kind == values.header_kind:
        return values
    return replace(values, header_kind=kind, header_file_id="")


def with_button(values: TemplateValues, kind: str) -> TemplateValues:
    """The same with one more button; quick replies stay together, as Meta wants them."""
    of_kind = sum(button.type == kind for button in values.buttons)
    if kind not in BUTTON_TYPES or len(values.buttons) >= MAX_BUTTONS or of_kind >= BUTTON_LIMITS[kind]:
        return values
    new = ButtonValues(kind)
    quick, others = _groups([*values.buttons, new])
    is_quick_first = bool(values.buttons) and values.buttons[0].type == _QUICK
    return _with_buttons(values, quick + others if is_quick_first else others + quick)


def without_button(values: TemplateValues, index: int) -> TemplateValues:
    """The same without the button at `index`."""
    return _with_buttons(values, [button for at, button in enumerate(values.buttons) if at != index])


def with_moved_button(values: TemplateValues, index: int, step: int) -> TemplateValues:
    """The same with the button one place further up (-1) or down (1); past the end of its group, the groups change places."""
    rows, other = list(values.buttons), index + step
    if not (0 <= index < len(rows) and 0 <= other < len(rows)):
        return values
    if (rows[index].type == _QUICK) == (rows[other].type == _QUICK):
        rows[index], rows[other] = rows[other], rows[index]
    else:
        quick, others = _groups(rows)
        mine, theirs = (quick, others) if rows[index].type == _QUICK else (others, quick)
        rows = mine + theirs if step < 0 else theirs + mine
    return _with_buttons(values, rows)


def with_cards(values: TemplateValues, cards: Sequence[CardValues]) -> TemplateValues:
    """The same with these cards, which are its own in another order, fewer or more; samples go where their card goes."""
    samples = {key: value for key, value in values.samples.items() if not key.startswith("card.")}
    for index, card in enumerate(cards):
        before = next((at for at, old in enumerate(values.cards) if old is card), None)
        prefix = f"card.{before}."
        samples |= {
            f"card.{index}.{key.removeprefix(prefix)}": value
            for key, value in values.samples.items()
            if key.startswith(prefix)
        }
    return replace(values, cards=tuple(cards), samples=samples)


def _groups(rows: Sequence[ButtonValues]) -> tuple[list[ButtonValues], list[ButtonValues]]:
    """(quick replies, the others)."""
    return [row for row in rows if row.type == _QUICK], [row for row in rows if row.type != _QUICK]


def _with_buttons(values: TemplateValues, rows: Sequence[ButtonValues]) -> TemplateValues:
    # A link's sample goes where its button goes.
    samples = {key: value for key, value in values.samples.items() if not key.startswith("button.")}
    for index, button in enumerate(rows):
        before = next((at for at, old in enumerate(values.buttons) if old is button), None)
        if before is not None and f"button.{before}" in values.samples:
            samples[f"button.{index}"] = values.samples[f"button.{before}"]
    return replace(values, buttons=tuple(rows), samples=samples)


# ---------------------------------------------------------------- what the page's buttons ask for


def _header(values: TemplateValues, kind: str) -> Change:
    return Change(with_header(values, kind), "header", f"header-as-{kind}")


def _add(values: TemplateValues, kind: str) -> Change:
    changed = with_button(values, kind)
    place = next((at for at, new in enumerate(changed.buttons) if all(new is not old for old in values.buttons)), None)
    return Change(changed, "buttons", "" if place is None else f"f-button-{place}")


def _remove(values: TemplateValues, index: str) -> Change:
    place = _place(index)
    changed = without_button(values, place)
    return Change(
        changed, "buttons", f"button-remove-{min(place, len(changed.buttons) - 1)}" if changed.buttons else "f-buttons"
    )


def _move(step: int) -> Callable[[TemplateValues, str], Change]:
    def move(values: TemplateValues, index: str) -> Change:
        place = _place(index)
        changed = with_moved_button(values, place, step)
        moved = values.buttons[place] if place < len(values.buttons) else None
        now = next((at for at, button in enumerate(changed.buttons) if button is moved), 0)
        return Change(changed, "buttons", _mover("button", now, step, len(changed.buttons)))

    return move


def _card_header(values: TemplateValues, kind: str) -> Change:
    if kind in CARD_HEADERS and kind != values.card_header:
        cards = tuple(replace(card, file_id="") for card in values.cards)
        values = replace(values, card_header=kind, cards=cards)
    return Change(values, "cards", f"cards-as-{kind}")


def _cards(values: TemplateValues, _: str) -> Change:
    return Change(values, "cards")


def _add_card(values: TemplateValues, _: str) -> Change:
    if len(values.cards) >= MOST_CARDS:
        return Change(values, "cards")
    new = CardValues(buttons=tuple(ButtonValues(kind) for kind in values.card_buttons))
    file_field = f"f-sample-card.{len(values.cards)}.header.{values.card_header.lower()}"
    return Change(with_cards(values, [*values.cards, new]), "cards", file_field)


def _remove_card(values: TemplateValues, index: str) -> Change:
    place = _place(index)
    if len(values.cards) <= FEWEST_CARDS:
        return Change(values, "cards")
    cards = [card for at, card in enumerate(values.cards) if at != place]
    return Change(with_cards(values, cards), "cards", f"f-card-{min(place, len(cards) - 1)}")


def _move_card(step: int) -> Callable[[TemplateValues, str], Change]:
    def move(values: TemplateValues, index: str) -> Change:
        cards, place = list(values.cards), _place(index)
        if not (0 <= place < len(cards) and 0 <= place + step < len(cards)):
            return Change(values, "cards")
        cards[place], cards[place + step] = cards[place + step], cards[place]
        return Change(with_cards(values, cards), "cards", _mover("card", place + step, step, len(cards)))

    return move


def _place(index: str) -> int:
    """The row that a button names; one that is none is beyond all rows."""
    return int(index) if index.isdecimal() and len(index) < 3 else MAX_BUTTONS + MOST_CARDS


def _mover(what: str, place: int, step: int, count: int) -> str:
    """The button to press for going on; at the end of the way, the one back."""
    can_go_on = 0 <= place + step < count
    return f"{what}-{'up' if (step < 0) == can_go_on else 'down'}-{place}"


_ACTS: dict[str, Callable[[TemplateValues, str], Change]] = {
    "header": _header,
    "add": _add,
    "remove": _remove,
    "up": _move(-1),
    "down": _move(1),
    "cards": _cards,
    "card-header": _card_header,
    "card-add": _add_card,
    "card-remove": _remove_card,
    "card-up": _move_card(-1),
    "card-down": _move_card(1),
}
