"""What a template asks of those who send it, worked out once, and the check of one send against it.

Codes as Meta answers them: 132000 wrong count, 132012 wrong format, 132005 too long, 131008 missing button value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.errors import GraphError

BODY_LIMIT = 1024
HEADER_LIMIT = 60
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_BAD_TEXT = re.compile(r"[\n\r\t]| {5,}")
_MEDIA = ("image", "video", "document", "gif")
_TEXT_KINDS = ("text", "currency", "date_time")
_OTHER_KINDS = ("footer", "tap_target_configuration", "order_status")


def variables_of(text: str) -> list[str]:
    """The names inside {{…}}, in order of appearance, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with each {{name}} replaced by its value; unknown names stay as they are."""
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


@dataclass(slots=True, frozen=True)
class TextPart:
    """A header or body text: its variables and how long it is without them."""

    where: str
    variables: tuple[str, ...]
    fixed_length: int
    limit: int

    @classmethod
    def of(cls, where: str, text: str, limit: int) -> TextPart:
        """Take a template's text apart."""
        return cls(where, tuple(variables_of(text)), len(_VARIABLE.sub("", text)), limit)

    def check(self, parameters: list[Any], *, named: bool) -> None:
        """Raise GraphError unless `parameters` fill this text."""
        if len(parameters) != len(self.variables):
            raise GraphError(
                132000,
                f"{self.where}: number of localizable_params ({len(parameters)}) does not match the expected"
                f" number of params ({len(self.variables)})",
            )
        length = self.fixed_length
        for parameter in parameters:
            length += len(_text_value(self.where, parameter))
        if named:
            self._check_names(parameters)
        if length > self.limit:
            raise GraphError(
                132005, f"{self.where}: the text with its parameters has more than {self.limit} characters."
            )

    def _check_names(self, parameters: list[Any]) -> None:
        names = [parameter.get("parameter_name") for parameter in parameters]
        if not all(name and isinstance(name, str) for name in names):
            raise GraphError(100, "Parameter name is missing or empty")
        if set(names) != set(self.variables):
            raise GraphError(
                132012, f"{self.where}: Parameter names do not match the template: {', '.join(self.variables)}"
            )


class SendPlan:
    """What the components of one template (or one carousel card) need at send time."""

    __slots__ = (
        "body",
        "button_needs",
        "buttons",
        "cards",
        "components",
        "header_kind",
        "header_text",
        "named",
        "needs_offer",
    )

    def __init__(self, components: list[dict[str, Any]], *, named: bool) -> None:
        self.components = components
        self.named = named
        self.header_kind = ""
        self.header_text: TextPart | None = None
        self.body = TextPart("body", (), 0, BODY_LIMIT)
        self.buttons: list[dict[str, Any]] = []
        self.button_needs: dict[int, str] = {}
        self.cards: list[SendPlan] = []
        self.needs_offer = False
        for component in components:
            self._learn(component)

    def _learn(self, component: dict[str, Any]) -> None:
        kind = str(component.get("type", "")).upper()
        if kind == "HEADER":
            self.header_kind = str(component.get("format", "")).lower()
            if self.header_kind == "text":
                self.header_text = TextPart.of("header", component.get("text", ""), HEADER_LIMIT)
        elif kind == "BODY":
            self.body = TextPart.of("body", component.get("text", ""), BODY_LIMIT)
        elif kind == "BUTTONS":
            self.buttons = component.get("buttons", [])
            self.button_needs = {i: need for i, b in enumerate(self.buttons) if (need := _need_of(b))}
        elif kind == "CAROUSEL":
            self.cards = [SendPlan(card.get("components", []), named=self.named) for card in component.get("cards", [])]
        elif kind == "LIMITED_TIME_OFFER":
            self.needs_offer = bool(component.get("limited_time_offer", {}).get("has_expiration"))

    def check(self, components: Any) -> None:
        """Raise GraphError unless `components` of a send fit this template."""
        if not isinstance(components, list):
            raise GraphError(100, "template['components'] must be an array.")
        header: list[Any] = []
        body: list[Any] = []
        given: set[int] = set()
        seen: set[str] = set()
        for component in components:
            kind, parameters = _parts_of(component)
            seen.add(kind)
            if kind == "body":
                body = parameters
            elif kind == "header":
                header = parameters
            elif kind == "button":
                given.add(self._check_button(component, parameters))
            elif kind == "carousel":
                self._check_cards(component.get("cards"))
        self._check_header(header)
        self.body.check(body, named=self.named)
        self._check_complete(given, seen)

    def _check_complete(self, given: set[int], seen: set[str]) -> None:
        for index, need in self.button_needs.items():
            if index not in given:
                raise GraphError(131008, f"buttons: Button at index {index} of type {need} requires a parameter")
        if self.cards and "carousel" not in seen:
            raise GraphError(132012, "carousel: the template's cards are missing.")
        if self.needs_offer and "limited_time_offer" not in seen:
            raise GraphError(131008, "limited_time_offer: expiration_time_ms is missing.")

    def _check_header(self, parameters: list[Any]) -> None:
        if self.header_text:
            self.header_text.check(parameters, named=self.named)
        elif self.header_kind in (*_MEDIA, "location", "product"):
            kind = str(parameters[0].get("type", "")).lower() if parameters else "unknown"
            if kind != self.header_kind:
                raise GraphError(
                    132012, f"header: Format mismatch, expected {self.header_kind.upper()}, received {kind.upper()}"
                )
            if not isinstance(parameters[0].get(kind), dict):
                raise GraphError(131008, f"header: Parameter of type {kind} is missing its {kind} value")
        elif parameters:
            raise GraphError(
                132000,
                f"header: number of localizable_params ({len(parameters)}) does not match the expected number of params (0)",
            )

    def _check_button(self, component: dict[str, Any], parameters: list[Any]) -> int:
        try:
            index = int(component.get("index", ""))
        except (TypeError, ValueError):
            raise GraphError(131008, "buttons: index is missing or not a number") from None
        if not 0 <= index < len(self.buttons):
            raise GraphError(131009, f"buttons: the template has no button at index {index}")
        sub_type = str(component.get("sub_type", "")).lower()
        expected = _sub_type_of(self.buttons[index])
        if sub_type != expected:
            raise GraphError(
                132012,
                f"buttons: Format mismatch at index {index}, expected {expected}, received {sub_type or 'nothing'}",
            )
        _check_button_value(index, self.buttons[index], self.button_needs.get(index, ""), parameters)
        return index

    def _check_cards(self, cards: Any) -> None:
        if not isinstance(cards, list) or len(cards) != len(self.cards):
            raise GraphError(132012, f"carousel: expected {len(self.cards)} cards.")
        for plan, card in zip(self.cards, cards, strict=True):
            plan.check(card.get("components", []) if isinstance(card, dict) else None)


def _parts_of(component: Any) -> tuple[str, list[Any]]:
    if not isinstance(component, dict):
        raise GraphError(100, "template['components'] must be an array of objects.")
    kind = str(component.get("type", "")).lower()
    if kind not in ("header", "body", "button", "carousel", "limited_time_offer", *_OTHER_KINDS):
        raise GraphError(100, f"template['components']: unknown type '{kind}'.")
    parameters = component.get("parameters", [])
    if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
        raise GraphError(100, f"{kind}: parameters must be an array of objects.")
    return kind, parameters


def _text_value(where: str, parameter: dict[str, Any]) -> str:
    kind = str(parameter.get("type", "")).lower()
    if kind == "text":
        text = parameter.get("text")
    elif kind in _TEXT_KINDS:
        text = parameter.get(kind, {}).get("fallback_value") if isinstance(parameter.get(kind), dict) else None
    else:
        raise GraphError(132012, f"{where}: Format mismatch, expected TEXT, received {kind.upper() or 'UNKNOWN'}")
    if not isinstance(text, str) or not text.strip():
        raise GraphError(131008, f"{where}: Parameter of type {kind} is missing text value")
    if _BAD_TEXT.search(text):
        raise GraphError(
            132012, f"{where}: Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
        )
    return text


def _sub_type_of(button: dict[str, Any]) -> str:
    kind = str(button.get("type", "")).lower()
    return "url" if kind == "otp" else kind


def _need_of(button: dict[str, Any]) -> str:
    """What must be given for a button at send time: "url", "otp", "copy_code" or nothing."""
    kind = str(button.get("type", "")).lower()
    if kind == "url":
        return "url" if _VARIABLE.search(button.get("url", "")) else ""
    return kind if kind in ("otp", "copy_code") else ""


def _check_button_value(index: int, button: dict[str, Any], need: str, parameters: list[Any]) -> None:
    if not need:
        if parameters and _sub_type_of(button) == "url":
            raise GraphError(132000, f"buttons: Button at index {index} takes no parameter")
        return
    field = "coupon_code" if need == "copy_code" else "text"
    value = parameters[0].get(field) if parameters else None
    if not isinstance(value, str) or not value.strip():
        raise GraphError(131008, f"buttons: Button at index {index} of type {need} requires a parameter")
    limit = 2000 if need == "url" else 15
    if len(value) > limit:
        raise GraphError(131009, f"buttons: the parameter at index {index} may have {limit} characters at most")
