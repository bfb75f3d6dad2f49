"""What can go wrong with a model, as one exception with a sentence for the person and whether trying again can help."""

from enum import StrEnum


class FaultKind(StrEnum):
    """Why a model gave no usable answer."""

    KEY = "key"
    CREDIT = "credit"
    LIMIT = "limit"
    MODEL = "model"
    REQUEST = "request"
    AWAY = "away"
    SILENT = "silent"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"
    CUT = "cut"
    BLOCKED = "blocked"
    LONG = "long"


_WORDS = {
    FaultKind.KEY: "The model's provider refuses the key. Check it under Settings, Writing with AI, and enter it again.",
    FaultKind.CREDIT: "There is no credit left at the model's provider. Top up the account there, then try again.",
    FaultKind.LIMIT: "The model's provider takes no more requests right now. Wait a minute, then try again.",
    FaultKind.MODEL: "The provider does not know this model. Choose another one under Settings, Writing with AI.",
    FaultKind.REQUEST: "The model's provider does not accept the request. Choose another model under Settings, Writing with AI.",
    FaultKind.AWAY: "The model's provider has trouble right now. Try again in a moment.",
    FaultKind.SILENT: "The model did not answer in time. Try again, or choose a faster model in the settings.",
    FaultKind.UNREACHABLE: "The model's provider cannot be reached from here. Check the address and the network, then try again.",
    FaultKind.BROKEN: "What came back is not an answer of a model. Check the address in the settings, or try again in a moment.",
    FaultKind.CUT: "The answer broke off in the middle, so nothing of it is used. Try again.",
    FaultKind.BLOCKED: "The model refuses to write this. Say it in other words, then try again.",
    FaultKind.LONG: "The answer became too long and was cut off. Ask for shorter messages, then try again.",
}  # fmt: skip
_HELPS = {FaultKind.LIMIT, FaultKind.AWAY, FaultKind.SILENT, FaultKind.UNREACHABLE, FaultKind.BROKEN, FaultKind.CUT}


class AiFault(Exception):  # noqa: N818 — named for what it is
    """A model gave no usable answer. `words` is for the person, `cause` (may be empty) the provider's own, for the log.

    `may_retry` says whether the same request can work later without anything being changed.
    """

    def __init__(self, kind: FaultKind, cause: str = "") -> None:
        """Take the kind; the sentence follows from it."""
        super().__init__(f"{kind}: {cause}" if cause else str(kind))
        self.kind = kind
        self.words = _WORDS[kind]
        self.may_retry = kind in _HELPS
        self.cause = cause


def kind_of_status(status: int, words: str = "") -> FaultKind:
    """What an HTTP status (or the code inside an error body) means; `words` tells Google's bad key from a bad request."""
    if status in {401, 403} or (status == 400 and "api key" in words.lower().replace("_", " ")):
        return FaultKind.KEY
    known = {402: FaultKind.CREDIT, 404: FaultKind.MODEL, 408: FaultKind.SILENT, 429: FaultKind.LIMIT}
    if status in known:
        return known[status]
    return FaultKind.AWAY if status >= 500 else FaultKind.REQUEST
