"""One-time codes. Meta writes their words, in every language; here they are in English, for what is shown until Meta's own
have been fetched. What a business says of a code is only how it is handed over. Source: Meta's reference for
authentication templates.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wotnot.services.whatsapp.components import Component, buttons_of, find, is_otp, text_of

CODE = "123456"
_BODY = "*{{1}}* is your verification code."
_ADVICE = "For your security, do not share this code."


def with_words(components: Sequence[Component]) -> list[dict[str, Any]]:
    """The components of a one-time code with Meta's words in them, where they have none of their own."""
    return [_with_words(part) for part in components]


def as_shown(components: Sequence[Component]) -> list[dict[str, Any]]:
    """Any template as people see it: a one-time code that is as it was submitted, with Meta's words in it."""
    return with_words(components) if _is_without_words(components) else [dict(part) for part in components]


def is_code(components: Sequence[Component]) -> bool:
    """Whether this is a one-time code, as it is submitted or as it is read back."""
    return any(is_otp(button) for button in buttons_of(components))


def told_by(button: Component) -> dict[str, str]:
    """What a code's button says: `otp_type`, `autofill_text`, and `package_name` and `signature_hash` of its first app.

    One that was read back from Meta is a link, which says it in its address.
    """
    app = next(iter(apps_of(button)), ("", ""))
    own = _told_in(button)
    return {
        "otp_type": text_of(own, "otp_type").upper(),
        "autofill_text": text_of(own, "autofill_text") or text_of(own, "cta_display_name"),
        "package_name": app[0],
        "signature_hash": app[1],
    }


def apps_of(button: Component) -> list[tuple[str, str]]:
    """The apps that take the code from a code's button, as (package name, signature hash)."""
    listed = button.get("supported_apps")
    named = listed if isinstance(listed, list) else [_told_in(button)]
    pairs = [(text_of(app, "package_name"), text_of(app, "signature_hash")) for app in named]
    return [pair for pair in pairs if any(pair)]


def _is_without_words(components: Sequence[Component]) -> bool:
    body = find(components, "BODY")
    return is_code(components) and bool(body) and not text_of(body, "text")


def _with_words(part: Component) -> dict[str, Any]:
    kind = text_of(part, "type").upper()
    if text_of(part, "text") or kind not in {"BODY", "FOOTER"}:
        return dict(part)
    if kind == "FOOTER":
        return {**part, "text": _expiry(part.get("code_expiration_minutes"))}
    words = f"{_BODY} {_ADVICE}" if part.get("add_security_recommendation") else _BODY
    return {**part, "text": words, "example": {"body_text": [[CODE]]}}


def _expiry(minutes: object) -> str:
    return f"This code expires in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def _told_in(button: Component) -> Component:
    """Where a code's button says what it does: in itself, or in its address."""
    if text_of(button, "type").upper() == "OTP":
        return button
    return {name: values[0] for name, values in parse_qs(urlsplit(text_of(button, "url")).query).items()}
