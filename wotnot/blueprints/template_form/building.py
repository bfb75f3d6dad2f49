"""From the parts of the form to Meta's component objects, with the samples where Meta wants them. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wotnot.blueprints.template_form.parts import (
    CATALOG_WORDS,
    ButtonValues,
    CardValues,
    CodeValues,
    OfferValues,
)
from wotnot.services.whatsapp.components import VARIABLE, variable_names

Json = dict[str, Any]

# What people write into a number for the eye, and Meta's examples leave out.
_DRESSING = re.compile(r"[ ()-]")


def media_header(kind: str, file_id: str) -> Json:
    """A header with a file; the file stands for its handle, which there is once it is uploaded."""
    return {"type": "HEADER", "format": kind, **({"example": {"header_handle": [file_id]}} if file_id else {})}


def text_part(kind: str, text: str, samples: Mapping[str, str], *, named: bool) -> Json:
    """A header or a body (`kind` is Meta's) with a sample for each of its variables."""
    head: Json = {"type": kind, "format": "TEXT"} if kind == "HEADER" else {"type": kind}
    return {**head, "text": text.strip(), **_examples(kind.lower(), text, samples, named=named)}


def buttons_part(buttons: Sequence[ButtonValues], samples: Mapping[str, str]) -> list[Json]:
    """The buttons' component, or nothing without any; `samples` by variable key."""
    rows = [_button(button, _sample(samples, f"button.{index}")) for index, button in enumerate(buttons)]
    return [{"type": "BUTTONS", "buttons": rows}] if rows else []


def offer_buttons(offer: OfferValues) -> list[ButtonValues]:
    """The code first, as Meta wants it, where the offer has one."""
    code = [ButtonValues("COPY_CODE", value=offer.code)] if offer.code.strip() else []
    return [*code, ButtonValues("URL", offer.link_text, offer.link)]


def offer_part(offer: OfferValues) -> Json:
    """The line of the offer."""
    return {
        "type": "LIMITED_TIME_OFFER",
        "limited_time_offer": {"text": offer.text.strip(), "has_expiration": offer.expires},
    }


def carousel_part(cards: Sequence[CardValues], header: str, samples: Mapping[str, str], *, named: bool) -> Json:
    """All cards; one has a body when any of them has, because they must be alike."""
    has_body = any(card.body.strip() for card in cards)
    parts = []
    for index, card in enumerate(cards):
        prefix = f"card.{index}."
        mine = {key.removeprefix(prefix): value for key, value in samples.items() if key.startswith(prefix)}
        body = [text_part("BODY", card.body, mine, named=named)] if has_body else []
        parts.append({"components": [media_header(header, card.file_id), *body, *buttons_part(card.buttons, mine)]})
    return {"type": "CAROUSEL", "cards": parts}


def code_parts(code: CodeValues) -> list[Json]:
    """A one-time code: no words of ours, only how it is handed over."""
    minutes = code.minutes.strip()
    footer = [{"type": "FOOTER", "code_expiration_minutes": int(minutes) if minutes.isdecimal() else minutes}]
    button: Json = {"type": "OTP", "otp_type": code.type}
    button |= {"text": code.text.strip()} if code.text.strip() else {}
    if code.type != "COPY_CODE":
        button |= {"autofill_text": code.autofill.strip()} if code.autofill.strip() else {}
        app = {"package_name": code.package.strip(), "signature_hash": code.signature.strip()}
        button["supported_apps"] = [app]
    if code.type == "ZERO_TAP":
        button["zero_tap_terms_accepted"] = code.terms
    return [
        {"type": "BODY", "add_security_recommendation": code.advice},
        *(footer if minutes else []),
        {"type": "BUTTONS", "buttons": [button]},
    ]


def _button(button: ButtonValues, sample: str) -> Json:
    row: Json = {"type": button.type, "text": button.text.strip()}
    value = button.value.strip()
    if button.type == "PHONE_NUMBER":
        return row | {"phone_number": _DRESSING.sub("", value)}
    if button.type == "URL":
        example = {"example": [VARIABLE.sub(lambda _: sample, value)]} if VARIABLE.search(value) and sample else {}
        return row | {"url": value} | example
    if button.type == "COPY_CODE":
        return {"type": "COPY_CODE", "example": value}
    if button.type == "FLOW":
        screen = button.screen.strip()
        action = {"flow_action": "navigate", "navigate_screen": screen} if screen else {"flow_action": "data_exchange"}
        return row | {"flow_id": value} | action
    return row | ({"text": CATALOG_WORDS} if button.type == "CATALOG" else {})


def _examples(part: str, text: str, samples: Mapping[str, str], *, named: bool) -> Json:
    prefix = "header." if part == "header" else ""
    names = variable_names(text)
    if not names:
        return {}
    if named:
        rows = [{"param_name": name, "example": _sample(samples, prefix + name)} for name in names]
        return {"example": {f"{part}_text_named_params": rows}}
    values = [_sample(samples, prefix + name) for name in sorted(names, key=int)]
    return {"example": {"header_text": values} if part == "header" else {"body_text": [values]}}


def _sample(samples: Mapping[str, str], key: str) -> str:
    return samples.get(key, "").strip()
