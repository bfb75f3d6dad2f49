"""What Meta accepts when a template is created or edited.

Every refusal is code 100 with a sub-code and words for the person (`error_user_title`, `error_user_msg`).
Sub-codes and limits: Meta's template reference; rules for which no sub-code is documented come without one.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

from sandbox.errors import GraphError
from sandbox.jsonio import Json
from sandbox.settings import is_http_url
from sandbox.template_plan import variables_of

CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
NAME = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
_NAMED = re.compile(r"[a-z][a-z0-9_]*")
_ANY_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")
_ADJACENT = re.compile(r"\}\}\s*\{\{")
_HEADER_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT", "GIF")
_COMPONENTS = ("HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST")
_BUTTON_LIMITS = {"QUICK_REPLY": 10, "URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1, "FLOW": 1, "VOICE_CALL": 1, "OTP": 1}
_OTHER_BUTTONS = ("CATALOG", "MPM", "SPM", "REQUEST_CONTACT_INFO", "APP")
_OTP_TYPES = ("COPY_CODE", "ONE_TAP", "ZERO_TAP")
_PROMOTIONAL = re.compile(r"\d\s?% off|\bsale\b|\bdiscount|\bspecial offer\b|\bcoupon|\bpromo", re.IGNORECASE)

TOO_LONG, MISSING_SAMPLE, HEADER, BODY, FOOTER, TOO_MANY, AT_THE_EDGE = (
    2388040, 2388043, 2388047, 2388072, 2388073, 2388293, 2388299,
)  # fmt: skip


def refusal(subcode: int | None, title: str, message: str) -> GraphError:
    """Code 100 with words for the person who wrote the template."""
    return GraphError(100, message="Invalid parameter", subcode=subcode, user_title=title, user_message=message)


def check_template(data: Json) -> None:
    """Raise GraphError unless `data` is a template that Meta would take for review."""
    name, language = data.get("name"), data.get("language")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise refusal(
            None, "Invalid template name", "The name may have 512 lower-case letters, digits and underscores at most."
        )
    if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
        raise refusal(None, "Invalid language", "The language must be a code such as en, en_US or pt_BR.")
    check_category(data.get("category"))
    check_components(data.get("components"), category=str(data["category"]).upper(), named=is_named(data))


def check_category(category: Any) -> None:
    """Raise GraphError unless this is one of the three categories."""
    if str(category).upper() not in CATEGORIES:
        raise refusal(None, "Invalid category", f"The category must be one of {', '.join(CATEGORIES)}.")


def is_named(data: Json) -> bool:
    """Whether the template's variables have names rather than positions."""
    return str(data.get("parameter_format", "POSITIONAL")).upper() == "NAMED"


def check_components(components: Any, *, category: str, named: bool) -> None:
    """Raise GraphError unless the components are complete and within their limits."""
    if not isinstance(components, list) or not components or not all(isinstance(c, dict) for c in components):
        raise refusal(MISSING_SAMPLE, "Components are missing", "The template needs a list of components with a body.")
    kinds = Counter(str(component.get("type", "")).upper() for component in components)
    for kind, times in kinds.items():
        if kind not in _COMPONENTS or times > 1:
            raise refusal(
                None,
                "Invalid component",
                f"Each of {', '.join(_COMPONENTS)} may appear once; got {times} × {kind or 'no type'}.",
            )
    if "BODY" not in kinds:
        raise refusal(BODY, "The body is missing", "Every template needs a body.")
    for component in components:
        _check_component(component, category=category, named=named)
    if category == "AUTHENTICATION" and not _has_otp(components):
        raise refusal(None, "One-time password button is missing", "Authentication templates need one OTP button.")


def _check_component(component: Json, *, category: str, named: bool) -> None:
    kind = str(component["type"]).upper()
    if kind == "HEADER":
        _check_header(component, named=named)
    elif kind == "BODY" and category != "AUTHENTICATION":
        _check_body(component, limit=1024, named=named)
    elif kind == "FOOTER" and category != "AUTHENTICATION":
        _check_footer(component)
    elif kind == "FOOTER":
        minutes = component.get("code_expiration_minutes")
        if minutes is not None and not (isinstance(minutes, int) and 1 <= minutes <= 90):
            raise refusal(FOOTER, "Invalid expiry", "code_expiration_minutes must be a number from 1 to 90.")
    elif kind == "BUTTONS":
        check_buttons(component.get("buttons"))
    elif kind == "CAROUSEL":
        _check_carousel(component.get("cards"), named=named)
    elif kind == "LIMITED_TIME_OFFER":
        offer = component.get("limited_time_offer")
        text = offer.get("text") if isinstance(offer, dict) else None
        if not isinstance(text, str) or not 1 <= len(text) <= 16:
            raise refusal(TOO_LONG, "Offer text too long", "The text of a limited-time offer has 1 to 16 characters.")


def _check_header(component: Json, *, named: bool) -> None:
    form = str(component.get("format", "")).upper()
    given = component.get("example")
    example: Json = given if isinstance(given, dict) else {}
    if form in _HEADER_MEDIA:
        handles = example.get("header_handle")
        if not (isinstance(handles, list) and handles and _is_handle(handles[0])):
            raise refusal(
                MISSING_SAMPLE,
                "Header sample is missing",
                f"A header of the type {form} needs a sample in example.header_handle, uploaded with the resumable upload.",
            )
        return
    if form in ("LOCATION", "PRODUCT"):
        return
    if form != "TEXT":
        raise refusal(
            HEADER, "Invalid header format", "The header's format must be TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION."
        )
    text = _string(component, "text", HEADER, "header")
    if len(_ANY_VARIABLE.sub("", text)) > 60:
        raise refusal(TOO_LONG, "Header too long", "The header may have 60 characters at most.")
    if "\n" in text or "*" in text:
        raise refusal(HEADER, "Invalid header", "The header cannot have new lines, asterisks or formatting characters.")
    variables = _variables(text, HEADER, "header", named=named)
    if len(variables) > 1:
        raise refusal(HEADER, "Too many variables in the header", "The header may have one variable at most.")
    samples = _samples(example, "header_text", named=named)
    if len(samples) < len(variables):
        raise refusal(MISSING_SAMPLE, "Header sample is missing", "The header's variable needs a sample value.")


def _check_body(component: Json, *, limit: int, named: bool) -> None:
    text = _string(component, "text", BODY, "body")
    if len(text) > limit:
        raise refusal(TOO_LONG, "Body too long", f"The body may have {limit} characters at most.")
    variables = _variables(text, BODY, "body", named=named)
    if not variables:
        return
    bare = text.strip()
    if bare.startswith("{{") or bare.endswith("}}"):
        raise refusal(
            AT_THE_EDGE,
            "Variables can't be at the start or end of the template",
            "The body starts or ends with a variable. Add text around it.",
        )
    if _ADJACENT.search(text):
        raise refusal(BODY, "Variables next to each other", "There must be text between two variables.")
    if len(re.findall(r"\w+", _ANY_VARIABLE.sub(" ", text))) < 2 * len(variables):
        raise refusal(
            TOO_MANY,
            "Too many variables",
            "This template has too many variables for its length. Reduce the number of variables or write more text.",
        )
    example = component.get("example")
    samples = _samples(example if isinstance(example, dict) else {}, "body_text", named=named)
    if len(samples) != len(variables):
        raise refusal(
            MISSING_SAMPLE,
            "Samples are missing",
            f"The body has {len(variables)} variables and {len(samples)} sample values.",
        )


def _check_footer(component: Json) -> None:
    text = _string(component, "text", FOOTER, "footer")
    if len(text) > 60:
        raise refusal(TOO_LONG, "Footer too long", "The footer may have 60 characters at most.")
    if _ANY_VARIABLE.search(text):
        raise refusal(FOOTER, "Variables in the footer", "The footer can't have variables.")


def check_buttons(buttons: Any) -> None:
    """Raise GraphError unless the buttons are few, labelled, complete and grouped."""
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 10 or not all(isinstance(b, dict) for b in buttons):
        raise refusal(None, "Invalid buttons", "A template has 1 to 10 buttons.")
    kinds = [str(button.get("type", "")).upper() for button in buttons]
    for kind, times in Counter(kinds).items():
        if kind not in _BUTTON_LIMITS and kind not in _OTHER_BUTTONS:
            raise refusal(None, "Invalid button type", f"There is no button of the type {kind or 'nothing'}.")
        if times > _BUTTON_LIMITS.get(kind, 1):
            raise refusal(
                None,
                "Too many buttons",
                f"A template may have {_BUTTON_LIMITS.get(kind, 1)} buttons of the type {kind} at most.",
            )
    quick = [kind == "QUICK_REPLY" for kind in kinds]
    if sum(a != b for a, b in itertools.pairwise(quick)) > 1:
        raise refusal(
            None, "Buttons are mixed", "Quick replies must stand together, before or after the other buttons."
        )
    for kind, button in zip(kinds, buttons, strict=True):
        _check_button(kind, button)


def _check_button(kind: str, button: Json) -> None:
    if kind not in ("COPY_CODE", "OTP"):
        label = button.get("text")
        if not isinstance(label, str) or not 1 <= len(label) <= 25:
            raise refusal(None, "Invalid button label", "A button's label has 1 to 25 characters.")
    if kind == "URL":
        _check_url_button(button)
    elif kind == "PHONE_NUMBER":
        phone = str(button.get("phone_number", ""))
        if not re.fullmatch(r"\+?[\d ()-]{5,20}", phone):
            raise refusal(None, "Invalid phone number", "A phone button needs a phone number of 20 characters at most.")
    elif kind == "COPY_CODE":
        _check_code_button(button)
    elif kind == "FLOW" and not any(button.get(key) for key in ("flow_id", "flow_name", "flow_json")):
        raise refusal(None, "Flow is missing", "A flow button needs a flow_id, a flow_name or a flow_json.")
    elif kind == "OTP":
        _check_otp_button(button)


def _check_code_button(button: Json) -> None:
    example = button.get("example")
    code = example[0] if isinstance(example, list) and example else example
    if not isinstance(code, str) or not 1 <= len(code) <= 15:
        raise refusal(
            MISSING_SAMPLE, "Code sample is missing", "A copy-code button needs a sample of 15 characters at most."
        )


def _check_otp_button(button: Json) -> None:
    kind = str(button.get("otp_type", "")).upper()
    if kind not in _OTP_TYPES:
        raise refusal(None, "Invalid code button", f"otp_type must be one of {', '.join(_OTP_TYPES)}.")
    apps = button.get("supported_apps")
    if kind != "COPY_CODE" and not (isinstance(apps, list) and apps and all(_is_app(app) for app in apps)):
        raise refusal(
            None, "Invalid app", "One-tap and zero-tap need supported_apps with package_name and signature_hash."
        )
    if kind == "ZERO_TAP" and button.get("zero_tap_terms_accepted") is not True:
        raise refusal(None, "Terms are not accepted", "Zero-tap needs zero_tap_terms_accepted to be true.")


def _is_app(app: Any) -> bool:
    if not isinstance(app, dict):
        return False
    return bool(app.get("package_name")) and len(str(app.get("signature_hash", ""))) == 11


def _check_url_button(button: Json) -> None:
    url = button.get("url")
    if not isinstance(url, str) or len(url) > 2000 or not is_http_url(_ANY_VARIABLE.sub("x", url)):
        raise refusal(
            None, "Invalid button address", "A URL button needs an http or https address of 2,000 characters at most."
        )
    found = _ANY_VARIABLE.findall(url)
    if len(found) > 1 or (found and not url.endswith(found[0])):
        raise refusal(
            None, "Invalid button address", "A URL button may have one variable, at the very end of the address."
        )
    if found and not button.get("example"):
        raise refusal(MISSING_SAMPLE, "Button sample is missing", "A URL button with a variable needs an example.")


def _check_carousel(cards: Any, *, named: bool) -> None:
    if not isinstance(cards, list) or not 2 <= len(cards) <= 10:
        raise refusal(None, "Invalid carousel", "A carousel has 2 to 10 cards.")
    for card in cards:
        parts = card.get("components") if isinstance(card, dict) else None
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise refusal(None, "Invalid carousel", "Each card needs a list of components.")
        for part in parts:
            kind = str(part.get("type", "")).upper()
            if kind == "HEADER":
                _check_header(part, named=named)
            elif kind == "BODY":
                _check_body(part, limit=160, named=named)
            elif kind == "BUTTONS":
                check_buttons(part.get("buttons"))


def _string(component: Json, key: str, subcode: int, where: str) -> str:
    text = component.get(key)
    if not isinstance(text, str) or not text.strip():
        raise refusal(subcode, f"The {where} is empty", f"The {where} needs a text.")
    return text


def _variables(text: str, subcode: int, where: str, *, named: bool) -> list[str]:
    """The variables of a text, whose names must fit the template's parameter format."""
    variables = variables_of(text)
    if text.count("{{") != text.count("}}") or len(_ANY_VARIABLE.findall(text)) != text.count("{{"):
        raise refusal(subcode, "Broken variable", f"A variable of the {where} is not closed properly.")
    if named:
        fits = all(_NAMED.fullmatch(name) for name in variables)
        rule = "lower-case letters, digits and underscores, such as {{first_name}}"
    else:
        fits = sorted(variables) == sorted(str(n) for n in range(1, len(variables) + 1))
        rule = "consecutive numbers from {{1}}"
    if not fits:
        raise refusal(subcode, "Invalid variables", f"The variables of the {where} must be {rule}.")
    return variables


def _samples(example: Json, key: str, *, named: bool) -> list[Any]:
    """The sample values of a header or body, wherever the format keeps them."""
    if named:
        given = example.get(f"{key}_named_params")
        return [p for p in given if isinstance(p, dict) and p.get("example")] if isinstance(given, list) else []
    given = example.get(key)
    if key == "body_text" and isinstance(given, list) and given and isinstance(given[0], list):
        given = given[0]
    return [value for value in given if value] if isinstance(given, list) else []


def _is_handle(handle: Any) -> bool:
    return isinstance(handle, str) and handle.startswith("4:") and handle.count(":") >= 3


def _has_otp(components: list[Json]) -> bool:
    return any(
        str(button.get("type", "")).upper() == "OTP"
        for component in components
        if str(component.get("type", "")).upper() == "BUTTONS"
        for button in component.get("buttons", [])
    )


def seen_category(category: str, components: list[Json]) -> str:
    """The category Meta gives: what calls itself utility and advertises becomes marketing."""
    text = " ".join(str(c.get("text", "")) for c in components)
    return "MARKETING" if category == "UTILITY" and _PROMOTIONAL.search(text) else category
