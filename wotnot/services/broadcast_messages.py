"""A broadcast's message as each of its recipients got it, or will, and why some did not. Pure but for its input."""

from wotnot.models import Broadcast
from wotnot.services.broadcast_reports import cause_words
from wotnot.services.personalise import fill_values
from wotnot.services.recipients import Recipient
from wotnot.services.template_wordings import Components, Wordings
from wotnot.services.whatsapp.payloads import fill_text

_WAITING = frozenset({"queued", "sending"})


class MessageTexts:
    """The texts of one broadcast's messages, each in its language and in the words that it was sent with."""

    def __init__(self, broadcast: Broadcast, wordings: Wordings) -> None:
        """Take the variables of `broadcast`, and the words of its template and of the translations that people got."""
        self._template_id = broadcast.template_id or 0
        self._variables = broadcast.variables
        self._wordings = wordings

    def text_for(self, recipient: Recipient) -> str:
        """The body: with the values that were sent, or for what waits with those of the contact now."""
        values = recipient.values
        if values is None:
            values = fill_values(self._variables, recipient).values
        return fill_text(self._words_for(recipient), values).body_text

    def _words_for(self, recipient: Recipient) -> Components:
        template_id = recipient.template_id or self._template_id
        if recipient.state in _WAITING:
            return self._wordings.now.get(template_id, ())
        moment = recipient.accepted_at or recipient.changed_at
        return self._wordings.sent(template_id, recipient.template_version, moment)

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
