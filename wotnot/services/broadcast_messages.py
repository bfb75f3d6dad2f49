"""A broadcast's message as each of its recipients got it, or will, and why some did not. Pure but for its input."""

from collections.abc import Mapping
from typing import Any

from wotnot.models import Broadcast
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.personalise import fill_values
from wotnot.services.recipients import Recipient
from wotnot.services.whatsapp.payloads import fill_text

Components = list[dict[str, Any]]


class MessageTexts:
    """The texts of one broadcast's messages; the template is looked at once, and so are its `translations` (by id)."""

    def __init__(self, broadcast: Broadcast, translations: Mapping[int, Components] | None = None) -> None:
        """Take the template and variables of `broadcast`; without a template all texts are empty."""
        self._components = broadcast.template.components if broadcast.template else []
        self._translations = translations or {}
        self._variables = broadcast.variables

    def text_for(self, recipient: Recipient) -> str:
        """The body: with the values that were sent, or for what waits with those of the contact now."""
        values = recipient.values
        if values is None:
            values = fill_values(self._variables, recipient).values
        components = self._translations.get(recipient.template_id or 0, self._components)
        return fill_text(components, values).body_text

    def line_for(self, recipient: Recipient) -> str:
        """The body on one line."""
        return " ".join(self.text_for(recipient).split())

    @staticmethod
    def reason_for(recipient: Recipient) -> str:
        """Why it was skipped or failed, or what is unknown about it; empty for what goes well."""
        if recipient.state == "unknown":
            return "The connection broke; Meta will tell us"
        if recipient.state not in {"failed", "skipped"}:
            return ""
        return cause_words(recipient.cause, recipient.error_title or "")[0]
