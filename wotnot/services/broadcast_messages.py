"""A broadcast's message as each of its recipients got it, or will, and why some did not. Pure but for its input."""

from collections.abc import Mapping, Sequence
from typing import Any

from wotnot.models import Broadcast, TemplateVersion
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.personalise import fill_values
from wotnot.services.recipients import Recipient
from wotnot.services.whatsapp.payloads import fill_text

_WAITING = frozenset({"queued", "sending"})


class MessageTexts:
    """The texts of one broadcast's messages; the template is looked at once."""

    def __init__(self, broadcast: Broadcast, versions: Sequence[TemplateVersion]) -> None:
        """Take the template and variables of `broadcast`; without a template all texts are empty.

        `versions` are all that the template had, the oldest first; none when it never changed.
        """
        self._components = broadcast.template.components if broadcast.template else []
        self._versions = versions
        self._variables = broadcast.variables

    def text_for(self, recipient: Recipient) -> str:
        """The body: with the values that were sent, or for what waits with those of the contact now."""
        values = recipient.values
        if values is None:
            values = fill_values(self._variables, recipient).values
        return fill_text(self._words_for(recipient), values).body_text

    def _words_for(self, recipient: Recipient) -> Sequence[Mapping[str, Any]]:
        """The words it was sent with. Where no version was noted (a person left out, an old message), those of the time."""
        if not self._versions or recipient.state in _WAITING:
            return self._components
        if recipient.template_version is not None:
            fitting = [one for one in self._versions if one.number == recipient.template_version]
        else:
            moment = recipient.accepted_at or recipient.changed_at
            fitting = [one for one in self._versions if one.created_at <= moment]
        return (fitting or self._versions[:1])[-1].components

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
