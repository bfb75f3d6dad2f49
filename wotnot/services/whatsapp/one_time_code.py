"""The words of a one-time code. Meta writes them, in every language; here they are in English, for what is shown until
Meta's own have been fetched. Source: Meta's reference for authentication templates.
"""

from collections.abc import Sequence
from typing import Any

from wotnot.services.whatsapp.components import Component, find, text_of

CODE = "123456"
_BODY = "*{{1}}* is your verification code."
_ADVICE = "For your security, do not share this code."


def with_words(components: Sequence[Component]) -> list[dict[str, Any]]:
    """The components of a one-time code with Meta's words in them, where they have none of their own."""
    return [_with_words(part) for part in components]


def is_without_words(components: Sequence[Component]) -> bool:
    """Whether these are the components of a one-time code as they are submitted, without the text that Meta adds."""
    body = find(components, "BODY")
    return bool(body) and not text_of(body, "text")


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
