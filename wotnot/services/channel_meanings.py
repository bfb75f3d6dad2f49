"""What Meta's words about a number mean for whoever sends from it, and what to do about them. Pure."""

from dataclasses import dataclass
from typing import Protocol

from wotnot.services.channel_words import limit_words
from wotnot.services.messaging_limits import limit_of

_NEXT_LIMIT = "It grows by itself when half of it is used within seven days and the quality stays good."
QUALITY = {
    "GREEN": "Few people block or report you. Nothing to do.",
    "YELLOW": (
        "Some people blocked or reported you in the last seven days, so it goes at half its pace here. "
        "Write less often, and only to those who asked for it."
    ),
    "RED": (
        "Many people blocked or reported you, so marketing is paused here. Write only to people who wrote to you lately, "
        "and make it easy to say stop. The rating looks at seven days."
    ),
}
QUALITY_WORDS = {"GREEN": "high", "YELLOW": "medium", "RED": "low"}
THROUGHPUT = {
    "STANDARD": (
        "Up to 80 messages a second",
        "Meta raises it to 1,000 by itself for numbers without a daily limit that write to very many people.",
    ),
    "HIGH": ("Up to 1,000 messages a second", "Set the pace below as high as you like."),
    "NOT_APPLICABLE": ("Not told by Meta", "Meta tells it once the number is registered."),
}
NAME_STATUSES = {
    "APPROVED": ("Approved", "ok", "Customers see it above the chat."),
    "AVAILABLE_WITHOUT_REVIEW": ("Shown without review", "ok", "Customers see it above the chat."),
    "PENDING_REVIEW": (
        "In review",
        "info",
        "Until it is approved, customers see the number alone. It takes a day or two.",
    ),
    "DECLINED": (
        "Declined",
        "bad",
        "Customers see the number alone. Choose a name that shows who you are, in WhatsApp Manager.",
    ),
    "DEFERRED": ("Put off by Meta", "info", "Meta looks at it later, when the number has sent more."),
    "EXPIRED": ("Expired", "warn", "The approval has run out. Ask for the name again in WhatsApp Manager."),
    "NONE": ("No name", "warn", "Customers see the number alone. Ask for a name in WhatsApp Manager."),
}
NOTICES = {
    "FLAGGED": ("Meta flagged the number for its quality", "warn", "Its limit does not grow until the quality is better."),
    "UNFLAGGED": ("Meta took the flag away", "ok", "The quality is good again."),
    "ACCOUNT_RESTRICTION": ("Meta restricted the account", "bad", "Look into WhatsApp Manager for what is not allowed and until when."),
    "ACCOUNT_VIOLATION": ("Meta says the account broke a rule", "bad", "Read the rule in WhatsApp Manager; more of it leads to a restriction."),
    "ACCOUNT_DELETED": ("The account was deleted at Meta", "bad", "Nothing can be sent from its numbers any more."),
    "DISABLED_UPDATE": ("Meta changed whether the account may be used", "bad", "Look into WhatsApp Manager."),
    "DISABLED_UPDATE_SCHEDULE_FOR_DISABLE": ("Meta will disable the account", "bad", "Ask for a review in WhatsApp Manager before that day."),
    "DISABLED_UPDATE_DISABLE": ("Meta disabled the account", "bad", "Ask for a review in WhatsApp Manager."),
    "DISABLED_UPDATE_REINSTATE": ("Meta opened the account again", "ok", "It can be used as before."),
    "REVIEW_APPROVED": ("Meta approved the account", "ok", "Nothing to do."),
    "REVIEW_REJECTED": ("Meta rejected the account", "bad", "See in WhatsApp Manager what is missing, and ask for another review."),
    "REVIEW_PENDING": ("Meta is looking at the account", "info", "Nothing to do until it has decided."),
    "REVIEW_DEFERRED": ("Meta puts off looking at the account", "info", "Nothing to do until it has decided."),
}  # fmt: skip


class Told(Protocol):
    """What is known of a number."""

    quality_rating: str
    messaging_limit: str
    throughput: str
    name_status: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that Meta says: what it is about, its word, and what that means and asks for. `family` colours it."""

    term: str
    word: str
    sentence: str
    family: str = ""


def quality_meaning(rating: str) -> str:
    """What a rating means, and what to do."""
    return QUALITY.get(rating.upper(), "Meta rates a number once it has written to enough people.")


def list_meanings(number: Told) -> list[Meaning]:
    """All that Meta says of a number but its quality, which has a chip of its own."""
    throughput, why = THROUGHPUT.get(number.throughput, ("Not told by Meta", ""))
    name, family, name_why = NAME_STATUSES.get(number.name_status, (_plain(number.name_status), "", ""))
    has_limit = limit_of(number.messaging_limit) is not None
    limit_why = f"So many may be written to before they answer, over all numbers of the business. {_NEXT_LIMIT}"
    return [
        Meaning("New conversations", limit_words(number.messaging_limit), limit_why if has_limit else ""),
        Meaning("Throughput", throughput, why),
        Meaning("Display name", name or "Not told by Meta", name_why, family),
    ]


def notice_meaning(code: str) -> tuple[str, str, str]:
    """(title, family, what to do) of a notice."""
    return NOTICES.get(code, (f"Meta says: {_plain(code).lower()}", "warn", "Look into WhatsApp Manager."))


def _plain(word: str) -> str:
    return word.replace("_", " ").capitalize()
