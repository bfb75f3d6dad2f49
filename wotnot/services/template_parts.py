"""What Meta asks of the parts that a template shares with its cards: texts with variables, and buttons. Pure.

Source for the limits: Meta's template components reference.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import urlsplit

from wotnot.services.whatsapp.components import VARIABLE, first_sample, text_of, variable_names

Component = Mapping[str, Any]

MAX_LABEL, MAX_BUTTONS, MAX_URL, MAX_PHONE, MAX_CODE = 25, 10, 2000, 20, 15
BUTTON_LIMITS = {
    "QUICK_REPLY": 10,
    "URL": 2,
    "PHONE_NUMBER": 1,
    "COPY_CODE": 1,
    "FLOW": 1,
    "CATALOG": 1,
    "VOICE_CALL": 1,
    "OTP": 1,
}
BUTTON_WORDS = {
    "QUICK_REPLY": "quick replies",
    "URL": "links",
    "PHONE_NUMBER": "phone button",
    "COPY_CODE": "offer code",
    "FLOW": "flow",
    "CATALOG": "catalogue",
}
FLOW_ACTIONS = ("NAVIGATE", "DATA_EXCHANGE")

_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BRACES = re.compile(r"\{\{|\}\}")
_ADJACENT = re.compile(r"\}\}\s*\{\{")
# Meta refuses a body whose variables outweigh its words; this is the ratio it is known to accept.
_WORDS_PER_VARIABLE = 2
_QUICK_REPLIES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a template: `field` to go to, a short `text`, a `note` that says what to do about it."""

    field: str
    text: str
    note: str = ""
    level: Literal["error", "warning"] = "error"


def check_text(field: str, text: str, parameter_format: str) -> Iterator[Finding]:
    """The words of a body, with its variables; not how long they are."""
    yield from check_braces(field, text)
    names = variable_names(text)
    if names:
        yield from _check_numbering(field, names, parameter_format)
        yield from _check_surroundings(field, text, len(names))


def check_braces(field: str, text: str) -> Iterator[Finding]:
    """Whether every variable is closed."""
    if _BRACES.search(VARIABLE.sub("", text)):
        yield Finding(field, "A variable is not closed properly", "Write it as {{1}} or {{first_name}}.")


def check_buttons(buttons: Sequence[Component]) -> Iterator[Finding]:
    """The buttons of a template or of a card: how many, in which order, and each of them."""
    kinds = [text_of(button, "type").upper() for button in buttons]
    if len(buttons) > MAX_BUTTONS:
        yield Finding("buttons", "There are too many buttons", f"At most {MAX_BUTTONS}.")
    for kind, times in Counter(kinds).items():
        if times > BUTTON_LIMITS.get(kind, MAX_BUTTONS):
            yield Finding(
                "buttons", f"Too many {BUTTON_WORDS.get(kind, kind.lower())}", f"At most {BUTTON_LIMITS[kind]}."
            )
    if is_mixed(kinds):
        yield Finding(
            "buttons", "Quick replies and others are mixed", "Keep all quick replies together, first or last."
        )
    labels = Counter(text_of(button, "text").strip().casefold() for button in buttons if text_of(button, "text"))
    for index, button in enumerate(buttons):
        yield from _check_button(f"button-{index}", index + 1, button)
        if labels[text_of(button, "text").strip().casefold()] > 1:
            yield Finding(f"button-{index}", f"Button {index + 1} has the same text as another", "Each needs its own.")
    if len(buttons) > _QUICK_REPLIES_SHOWN:
        note = "WhatsApp shows two and “See all options”."
        yield Finding("buttons", f"{len(buttons)} buttons are many", note, level="warning")


def is_mixed(kinds: Sequence[str]) -> bool:
    """Whether quick replies stand among other buttons, and not together at one end."""
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    return sum(before != after for before, after in pairwise(quick)) > 1


def is_address(url: str) -> bool:
    """Whether this is a whole http or https address of a host that can be on the internet."""
    return "." in host_of(url) and not re.search(r"[\s\[\]]", url)


def host_of(url: str) -> str:
    """The host of an http or https address, or nothing where it has none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in {"http", "https"} else ""


def _check_numbering(field: str, names: list[str], parameter_format: str) -> Iterator[Finding]:
    numbers = [name for name in names if name.isdecimal()]
    if numbers and len(numbers) < len(names):
        yield Finding(field, "Numbers and names are mixed", "Use {{1}}, {{2}} or {{first_name}}, {{city}}, not both.")
    elif parameter_format.upper() == "NAMED" or not numbers:
        wrong = next((name for name in names if not _VARIABLE_NAME.fullmatch(name)), None)
        if wrong:
            yield Finding(
                field, f"“{wrong}” cannot be a variable's name", "Small letters, digits and _, such as first_name."
            )
    elif sorted(map(int, numbers)) != list(range(1, len(numbers) + 1)):
        yield Finding(
            field, "The variables are not numbered in order", "They must be {{1}}, {{2}}, {{3}} without a gap."
        )


def _check_surroundings(field: str, text: str, variable_count: int) -> Iterator[Finding]:
    bare = text.strip()
    starts, ends = VARIABLE.match(bare), bare.endswith("}}")
    if starts or ends:
        where = "start" if starts else "end"
        yield Finding(
            field, f"A variable stands at the {where}", "Meta wants words before the first and after the last one."
        )
    if _ADJACENT.search(text):
        yield Finding(field, "Two variables stand side by side", "Put words between them.")
    words = len(re.findall(r"\w+", VARIABLE.sub(" ", text)))
    if words < _WORDS_PER_VARIABLE * variable_count:
        yield Finding(field, "Too many variables for so few words", "Write more text around them.")


def _check_button(field: str, number: int, button: Component) -> Iterator[Finding]:
    kind = text_of(button, "type").upper()
    if kind not in {"COPY_CODE", "OTP"}:
        yield from _check_label(field, number, text_of(button, "text"))
    if kind == "URL":
        yield from _check_address(field, number, text_of(button, "url"))
    elif kind == "PHONE_NUMBER":
        phone = text_of(button, "phone_number")
        if not re.fullmatch(r"\+[\d ()-]{6,}", phone) or len(phone) > MAX_PHONE:
            yield Finding(field, f"Button {number} has no full phone number", "Such as +27 21 555 0140.")
    elif kind == "COPY_CODE":
        yield from _check_code(field, number, first_sample(button.get("example")))
    elif kind == "FLOW":
        yield from _check_flow(field, number, button)


def _check_label(field: str, number: int, label: str) -> Iterator[Finding]:
    if not label.strip():
        yield Finding(field, f"Button {number} has no text", "Say what it does.")
    elif len(label) > MAX_LABEL:
        yield Finding(field, f"Button {number} is too long", f"{len(label)} of {MAX_LABEL} characters.")
    if "{{" in label:
        yield Finding(field, f"Button {number} has a variable in its text", "Only a link's address may have one.")


def _check_address(field: str, number: int, url: str) -> Iterator[Finding]:
    found = [match[0] for match in VARIABLE.finditer(url)]
    if not is_address(VARIABLE.sub("x", url)):
        yield Finding(field, f"Button {number} has no full address", "Such as https://shop.example/offers.")
    elif len(url) > MAX_URL:
        yield Finding(field, f"The address of button {number} is too long", f"At most {MAX_URL:,} characters.")
    if len(found) > 1 or (found and not url.endswith(found[0])):
        yield Finding(
            field, f"The variable of button {number} is not at the end", "One variable, at the very end of the address."
        )


def _check_code(field: str, number: int, code: str) -> Iterator[Finding]:
    if not code.strip():
        note = "Such as SPRING20. People get their own code when you send."
        yield Finding(field, f"Button {number} has no sample code", note)
    elif len(code) > MAX_CODE:
        yield Finding(field, f"The code of button {number} is too long", f"{len(code)} of {MAX_CODE} characters.")


def _check_flow(field: str, number: int, button: Component) -> Iterator[Finding]:
    flow_id = str(button.get("flow_id") or "").strip()
    if not (flow_id or text_of(button, "flow_name") or text_of(button, "flow_json")):
        yield Finding(field, f"Button {number} opens no flow", "Give the flow's number, from WhatsApp Manager, Flows.")
    elif flow_id and not flow_id.isdecimal():
        yield Finding(field, f"The flow of button {number} is not a number", "Flows have ids such as 1187543219876543.")
    if text_of(button, "flow_action").upper() == FLOW_ACTIONS[0] and not text_of(button, "navigate_screen").strip():
        yield Finding(
            field, f"Button {number} does not say which screen comes first", "Such as WELCOME, as the flow calls it."
        )
