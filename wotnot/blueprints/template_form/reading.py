"""The posted form as values, and the fields that keep what the form does not show just now."""

from collections.abc import Iterator, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.blueprints.template_form.parts import (
    BUTTON_TYPES,
    CARD_BUTTON_TYPES,
    CARD_HEADERS,
    CAROUSEL,
    CODE,
    KINDS,
    OFFER,
    USUAL,
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
    enough_cards,
)
from wotnot.blueprints.template_form.values import HEADER_KINDS, TemplateValues
from wotnot.services.template_extras import MAX_CARD_BUTTONS, MOST_CARDS, OTP_TYPES
from wotnot.services.template_rules import MAX_BUTTONS

_SAMPLE = "sample-"
_LONGEST_ID = 18

Form = MultiDict[str, str]
Field = tuple[str, str]


def read_form(form: Form) -> TemplateValues:
    """The posted form as values; rows beyond Meta's limits and kinds we do not know are left out."""
    kind = _one_of(form.get("kind", ""), KINDS)
    types = tuple(one for one in form.getlist("card_button") if one in CARD_BUTTON_TYPES)[:MAX_CARD_BUTTONS] or ("URL",)
    cards = _cards(form, types)
    return TemplateValues(
        template_id=_id(form.get("template_id", "")),
        kind=kind,
        channel_id=form.get("channel_id", ""),
        name=form.get("name", "").strip(),
        language=form.get("language", "").strip(),
        category=form.get("category", "").strip().upper(),
        header_kind=_one_of(form.get("header_kind", ""), HEADER_KINDS, "TEXT"),
        header=form.get("header", ""),
        header_file_id=_id(form.get("header_file_id", "")),
        body=_lines(form.get("body", "")),
        footer=form.get("footer", ""),
        buttons=_buttons(form),
        offer=_offer(form),
        card_header=_one_of(form.get("card_header", ""), CARD_HEADERS),
        card_buttons=types,
        cards=enough_cards(cards, types) if kind == CAROUSEL else cards,
        code=_code(form),
        samples={key.removeprefix(_SAMPLE): value for key, value in form.items() if key.startswith(_SAMPLE)},
        translation_of=_id(form.get("translation_of", "")),
    )


def kept_fields(values: TemplateValues) -> list[Field]:
    """Name and value of everything that this kind of message does not show, for hidden fields: nobody loses it by
    looking at another kind."""
    kept: list[Field] = []
    if len(values.header_kinds) == 1:
        kept += [(name, getattr(values, name)) for name in ("header_kind", "header", "header_file_id")]
    if values.kind == CODE:
        kept.append(("body", values.body))
    if not values.has_footer:
        kept.append(("footer", values.footer))
    for kind, fields in (
        (USUAL, _button_fields),
        (OFFER, _offer_fields),
        (CAROUSEL, _card_fields),
        (CODE, _code_fields),
    ):
        kept += fields(values) if values.kind != kind else ()
    return kept


def kept_samples(values: TemplateValues) -> list[Field]:
    """The samples of variables that are not in the words just now, and may come back."""
    shown = {variable.key for variable in values.variables}
    return [(_SAMPLE + key, value) for key, value in values.samples.items() if key not in shown and value]


def _one_of(value: str, known: Sequence[str], default: str = "") -> str:
    return value if value in known else default or known[0]


def _id(value: str) -> str:
    return value if value.isascii() and value.isdecimal() and len(value) <= _LONGEST_ID else ""


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _rows(form: Form, *names: str) -> Iterator[tuple[str, ...]]:
    """The fields of a table of rows, by row; a column that is shorter than the first is filled up."""
    columns = [form.getlist(name) for name in names]
    length = len(columns[0])
    return zip(*((column + [""] * length)[:length] for column in columns), strict=True)


def _buttons(form: Form) -> tuple[ButtonValues, ...]:
    rows = _rows(form, "button_type", "button_text", "button_value", "button_screen")
    return tuple(ButtonValues(*row) for row in rows if row[0] in BUTTON_TYPES)[:MAX_BUTTONS]


def _offer(form: Form) -> OfferValues:
    return OfferValues(
        text=form.get("offer_text", ""),
        expires=form.get("offer_expires") == "1",
        code=form.get("offer_code", ""),
        link_text=form.get("offer_link_text", ""),
        link=form.get("offer_link", ""),
    )


def _cards(form: Form, types: tuple[str, ...]) -> tuple[CardValues, ...]:
    """The cards; their buttons come in one row, as many for each card as `card_had` says there were types."""
    had = form.getlist("card_had") or list(types)
    rows = list(_rows(form, "card_button_text", "card_button_value"))
    cards = []
    for place, (file_id, body) in enumerate(_rows(form, "card_file_id", "card_body")):
        mine = [ButtonValues(kind, *row) for kind, row in zip(had, rows[place * len(had) :], strict=False)]
        cards.append(CardValues(_id(file_id), _lines(body), _fitted(mine, types)))
    return tuple(cards[:MOST_CARDS])


def _fitted(buttons: Sequence[ButtonValues], types: Sequence[str]) -> tuple[ButtonValues, ...]:
    """The buttons of a card in the shape that all have now: the words stay, an address only where it still is one."""
    return tuple(
        ButtonValues(kind, old.text, old.value if old.type == kind else "")
        for place, kind in enumerate(types)
        for old in [buttons[place] if place < len(buttons) else ButtonValues(kind)]
    )


def _code(form: Form) -> CodeValues:
    return CodeValues(
        type=_one_of(form.get("code_type", ""), OTP_TYPES),
        advice=form.get("code_advice") == "1",
        terms=form.get("code_terms") == "1",
        **{name: form.get(f"code_{name}", "") for name in ("text", "autofill", "package", "signature", "minutes")},
    )


def _button_fields(values: TemplateValues) -> list[Field]:
    return [
        (f"button_{name}", getattr(button, name))
        for button in values.buttons
        for name in ("type", "text", "value", "screen")
    ]


def _offer_fields(values: TemplateValues) -> list[Field]:
    return _typed("offer", values.offer, "text", "code", "link_text", "link") + _ticked(
        offer_expires=values.offer.expires
    )


def _card_fields(values: TemplateValues) -> list[Field]:
    fields = [("card_header", values.card_header), *(("card_button", kind) for kind in values.card_buttons)]
    fields += [("card_had", kind) for kind in values.card_buttons]
    for card in values.cards:
        fields += [("card_file_id", card.file_id), ("card_body", card.body)]
        for button in card.buttons:
            fields += [("card_button_text", button.text), ("card_button_value", button.value)]
    return fields


def _code_fields(values: TemplateValues) -> list[Field]:
    code = values.code
    typed = _typed("code", code, "type", "text", "autofill", "package", "signature", "minutes")
    return typed + _ticked(code_advice=code.advice, code_terms=code.terms)


def _typed(prefix: str, part: Any, *names: str) -> list[Field]:
    return [(f"{prefix}_{name}", getattr(part, name)) for name in names]


def _ticked(**boxes: bool) -> list[Field]:
    return [(name, "1") for name, is_ticked in boxes.items() if is_ticked]
