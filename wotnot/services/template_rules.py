"""What Meta will not take, said before it is asked: the rules for a template that is about to be submitted.

Pure. The dashboard's form, its live check and the JSON API all use these findings. Source for the limits: Meta's template
components and template review references.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from wotnot.services.languages import LANGUAGES
from wotnot.services.template_extras import LOCATION_PARTS, Finding, check_extras
from wotnot.services.whatsapp.components import (
    MEDIA_FORMATS,
    VARIABLE,
    buttons_of,
    find,
    list_variables,
    text_of,
    variable_names,
)

__all__ = ["CATEGORIES", "LANGUAGES", "Finding", "check_template", "errors_of", "infer_format", "shape_problem"]

Component = Mapping[str, Any]

MAX_NAME, MAX_HEADER, MAX_BODY, MAX_FOOTER, MAX_LABEL = 512, 60, 1024, 60, 25
MAX_BUTTONS, MAX_URL, MAX_PHONE, MAX_CODE = 10, 2000, 20, 15
BUTTON_LIMITS = {"QUICK_REPLY": 10, "URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "FLOW": 1, "VOICE_CALL": 1, "OTP": 1}
BUTTON_WORDS = {
    "QUICK_REPLY": "quick replies",
    "URL": "links",
    "PHONE_NUMBER": "phone button",
    "COPY_CODE": "offer code",
}
CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")

_NAME = re.compile(r"[a-z0-9_]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BRACES = re.compile(r"\{\{|\}\}")
_ADJACENT = re.compile(r"\}\}\s*\{\{")
_HEADER_FORMATTING = re.compile(r"[*_~`\n]|[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_PROMOTIONAL = re.compile(
    r"\d+\s?%(\s?off)?|\b(sale|discounts?|special offer|offers?|coupon|promo\w*|free gift|buy now|deal)\b",
    re.IGNORECASE,
)
# Meta refuses a body whose variables outweigh its words; this is the ratio it is known to accept.
_WORDS_PER_VARIABLE = 2
_MEDIA_WORDS = {"IMAGE": "picture", "VIDEO": "video", "DOCUMENT": "document"}
_QUICK_REPLIES_SHOWN = 3


def check_template(
    *, name: str, language: str, category: str, components: Sequence[Component], parameter_format: str
) -> list[Finding]:
    """Everything that Meta would refuse (errors) or might dislike (warnings), in the order of the form."""
    findings = [*_check_name(name), *_check_language(language), *_check_category(category)]
    if category.upper() == "AUTHENTICATION":
        return [*findings, *_check_authentication(components)]
    findings += _check_header(find(components, "HEADER"))
    findings += _check_body(text_of(find(components, "BODY"), "text"), parameter_format)
    findings += _check_footer(text_of(find(components, "FOOTER"), "text"))
    findings += _check_buttons(buttons_of(components))
    findings += check_extras(category, components)
    findings += _check_samples(components, parameter_format)
    findings += _check_words(category, components)
    return findings


def errors_of(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """The errors by field, each one sentence: what `Invalid` takes."""
    errors: dict[str, list[str]] = {}
    for finding in findings:
        if finding.level == "error":
            errors.setdefault(finding.field, []).append(f"{finding.text}. {finding.note}".strip())
    return errors


def infer_format(components: Sequence[Component]) -> str:
    """NAMED when a variable of the header or body has a name, else POSITIONAL."""
    texts = (text_of(find(components, kind), "text") for kind in ("HEADER", "BODY"))
    named = any(not name.isdecimal() for text in texts for name in variable_names(text))
    return "NAMED" if named else "POSITIONAL"


def shape_problem(components: object) -> str:
    """Why this cannot be a list of components at all, or nothing. For what comes from outside."""
    if not isinstance(components, list) or not components:
        return "Give a list of components with at least a body."
    kinds = [text_of(component, "type").upper() for component in components]
    if "" in kinds:
        return "Each component is an object with a type: HEADER, BODY, FOOTER or BUTTONS."
    twice = [kind for kind, times in Counter(kinds).items() if times > 1]
    return f"There is more than one {twice[0].lower()}." if twice else ""


def _check_name(name: str) -> Iterator[Finding]:
    if not name:
        yield Finding("name", "The template has no name", "Small letters, digits and _, such as spring_offer.")
    elif len(name) > MAX_NAME:
        yield Finding("name", "The name is too long", f"At most {MAX_NAME} characters.")
    elif not _NAME.fullmatch(name):
        yield Finding("name", "The name has other characters", "Use small letters, digits and _, such as spring_offer.")


def _check_language(language: str) -> Iterator[Finding]:
    if not _LANGUAGE.fullmatch(language):
        yield Finding("language", "The language is not a code", "Such as en, en_US or pt_BR.")


def _check_category(category: str) -> Iterator[Finding]:
    if category.upper() not in CATEGORIES:
        yield Finding("category", "The category is missing", "Choose marketing, utility or authentication.")


def _check_authentication(components: Sequence[Component]) -> Iterator[Finding]:
    if not any(text_of(button, "type").upper() == "OTP" for button in buttons_of(components)):
        yield Finding(
            "category",
            "A one-time code needs Meta's fixed form",
            "It has a code button of the type OTP and no text of its own.",
        )


def _check_header(header: Component) -> Iterator[Finding]:
    shape = text_of(header, "format").upper()
    if not header or shape in {*MEDIA_FORMATS, "LOCATION", "PRODUCT"}:
        return
    text = text_of(header, "text")
    if shape not in {"", "TEXT"}:
        yield Finding("header", "The header's format is not known", "Use TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION.")
    elif not text.strip():
        yield Finding("header", "The header is empty", "Write a line or leave the header out.")
    elif len(text) > MAX_HEADER:
        yield Finding("header", "The header is too long", f"{len(text)} of {MAX_HEADER} characters.")
    if len(variable_names(text)) > 1:
        yield Finding("header", "The header has more than one variable", "Meta allows one.")
    if _HEADER_FORMATTING.search(VARIABLE.sub("", text)):
        yield Finding("header", "The header is formatted", "No line breaks, emoji, *, _, ~ or ` there.")
    yield from _check_braces("header", text)


def _check_body(text: str, parameter_format: str) -> Iterator[Finding]:
    if not text.strip():
        yield Finding("body", "The body is empty", "It is the one part that every template needs.")
        return
    if len(text) > MAX_BODY:
        yield Finding("body", "The body is too long", f"{len(text):,} of {MAX_BODY:,} characters.")
    yield from _check_braces("body", text)
    names = variable_names(text)
    if names:
        yield from _check_numbering(names, parameter_format)
        yield from _check_surroundings(text, len(names))


def _check_braces(field: str, text: str) -> Iterator[Finding]:
    if _BRACES.search(VARIABLE.sub("", text)):
        yield Finding(field, "A variable is not closed properly", "Write it as {{1}} or {{first_name}}.")


def _check_numbering(names: list[str], parameter_format: str) -> Iterator[Finding]:
    numbers = [name for name in names if name.isdecimal()]
    if numbers and len(numbers) < len(names):
        yield Finding("body", "Numbers and names are mixed", "Use {{1}}, {{2}} or {{first_name}}, {{city}}, not both.")
    elif parameter_format.upper() == "NAMED" or not numbers:
        wrong = next((name for name in names if not _VARIABLE_NAME.fullmatch(name)), None)
        if wrong:
            yield Finding(
                "body", f"“{wrong}” cannot be a variable's name", "Small letters, digits and _, such as first_name."
            )
    elif sorted(map(int, numbers)) != list(range(1, len(numbers) + 1)):
        yield Finding(
            "body", "The variables are not numbered in order", "They must be {{1}}, {{2}}, {{3}} without a gap."
        )


def _check_surroundings(text: str, variable_count: int) -> Iterator[Finding]:
    bare = text.strip()
    starts, ends = VARIABLE.match(bare), bare.endswith("}}")
    if starts or ends:
        where = "start" if starts else "end"
        yield Finding(
            "body", f"A variable stands at the {where}", "Meta wants words before the first and after the last one."
        )
    if _ADJACENT.search(text):
        yield Finding("body", "Two variables stand side by side", "Put words between them.")
    words = len(re.findall(r"\w+", VARIABLE.sub(" ", text)))
    if words < _WORDS_PER_VARIABLE * variable_count:
        yield Finding("body", "Too many variables for so few words", "Write more text around them.")


def _check_footer(text: str) -> Iterator[Finding]:
    if len(text) > MAX_FOOTER:
        yield Finding("footer", "The footer is too long", f"{len(text)} of {MAX_FOOTER} characters.")
    if "{{" in text:
        yield Finding("footer", "The footer has a variable", "Meta allows none there.")
    if "\n" in text:
        yield Finding("footer", "The footer has a line break", "It is one line.")


def _check_buttons(buttons: Sequence[Component]) -> Iterator[Finding]:
    kinds = [text_of(button, "type").upper() for button in buttons]
    if len(buttons) > MAX_BUTTONS:
        yield Finding("buttons", "There are too many buttons", f"At most {MAX_BUTTONS}.")
    for kind, times in Counter(kinds).items():
        if times > BUTTON_LIMITS.get(kind, MAX_BUTTONS):
            yield Finding(
                "buttons", f"Too many {BUTTON_WORDS.get(kind, kind.lower())}", f"At most {BUTTON_LIMITS[kind]}."
            )
    if _is_mixed(kinds):
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


def _check_button(field: str, number: int, button: Component) -> Iterator[Finding]:
    kind, label = text_of(button, "type").upper(), text_of(button, "text")
    if kind not in {"COPY_CODE", "OTP"}:
        if not label.strip():
            yield Finding(field, f"Button {number} has no text", "Say what it does.")
        elif len(label) > MAX_LABEL:
            yield Finding(field, f"Button {number} is too long", f"{len(label)} of {MAX_LABEL} characters.")
        if "{{" in label:
            yield Finding(field, f"Button {number} has a variable in its text", "Only a link's address may have one.")
    if kind == "URL":
        yield from _check_address(field, number, text_of(button, "url"))
    elif kind == "PHONE_NUMBER":
        phone = text_of(button, "phone_number")
        if not re.fullmatch(r"\+[\d ()-]{6,}", phone) or len(phone) > MAX_PHONE:
            yield Finding(field, f"Button {number} has no full phone number", "Such as +27 21 555 0140.")


def _check_address(field: str, number: int, url: str) -> Iterator[Finding]:
    found = [match[0] for match in VARIABLE.finditer(url)]
    parts = urlsplit(VARIABLE.sub("x", url)) if "[" not in url else None
    if (
        parts is None
        or parts.scheme not in {"http", "https"}
        or "." not in parts.netloc
        or re.search(r"\s", VARIABLE.sub("", url))
    ):
        yield Finding(field, f"Button {number} has no full address", "Such as https://shop.example/offers.")
    elif len(url) > MAX_URL:
        yield Finding(field, f"The address of button {number} is too long", f"At most {MAX_URL:,} characters.")
    if len(found) > 1 or (found and not url.endswith(found[0])):
        yield Finding(
            field, f"The variable of button {number} is not at the end", "One variable, at the very end of the address."
        )


def _check_samples(components: Sequence[Component], parameter_format: str) -> Iterator[Finding]:
    for variable in list_variables(components, parameter_format):
        if variable.sample.strip():
            if variable.component == "button" and len(variable.sample) > MAX_URL:
                yield Finding(f"sample-{variable.key}", "A sample is too long", f"At most {MAX_URL:,} characters.")
            continue
        if variable.component == "offer" or variable.key.rsplit(".", 1)[-1] in LOCATION_PARTS:
            # Where a place is and when an offer ends is said with each message; the reviewers do not ask for it.
            continue
        word = _MEDIA_WORDS.get(text_of(find(components, "HEADER"), "format").upper(), "")
        if variable.component == "header" and word:
            note = "Choose a file: Meta's reviewers want to see a real one."
            yield Finding(f"sample-{variable.key}", f"The {word} of the header has no sample", note)
            continue
        where = {
            "header": "the header",
            "body": "the body",
            "button": f"button {variable.index + 1}",
            "card": f"card {variable.index + 1}",
        }[variable.component]
        name = variable.key.removeprefix(f"card.{variable.index}.").removeprefix("header.")
        subject = f"Button {variable.index + 1}" if variable.component == "button" else f"Variable {name} of {where}"
        yield Finding(
            f"sample-{variable.key}", f"{subject} has no sample", "Meta's reviewers want to see a real value."
        )


def _check_words(category: str, components: Sequence[Component]) -> Iterator[Finding]:
    text = " ".join(text_of(find(components, kind), "text") for kind in ("HEADER", "BODY", "FOOTER"))
    promotional = _PROMOTIONAL.search(text)
    if category.upper() == "UTILITY" and promotional:
        note = f"“{promotional[0].strip()}” reads like an offer: Meta would approve it as marketing, at that price."
        yield Finding("category", "This may not be a utility message", note, level="warning")


def _is_mixed(kinds: Sequence[str]) -> bool:
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    return sum(before != after for before, after in pairwise(quick)) > 1
