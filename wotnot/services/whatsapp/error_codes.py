"""Meta's error codes as one table: what each means for us, and how to say it to a person.

Source: Meta's Cloud API error reference and practice; whether a code comes in the HTTP answer or only by webhook is not
documented, so every code is treated alike in both places.
"""

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """What a fault means for the sender.

    throttled: slow down and send again · transient: surely not sent, may be tried again soon · deferred: hours later ·
    recipient, content, opted_out: this message only · auth, policy, template: nobody else would succeed either.
    """

    THROTTLED = "throttled"
    TRANSIENT = "transient"
    DEFERRED = "deferred"
    RECIPIENT = "recipient"
    CONTENT = "content"
    OPTED_OUT = "opted_out"
    AUTH = "auth"
    POLICY = "policy"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Words:
    """An error in plain words: `title` names it, `advice` says what to do."""

    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One row of the table."""

    kind: ErrorKind
    words: Words


K = ErrorKind

_RECONNECT = "Make a new token in Meta's Business settings and replace it on the channel's page."
_PERMISSIONS = "Give the token whatsapp_business_messaging and whatsapp_business_management for this account."
_AGAIN_BY_ITSELF = "It is tried again by itself."
_PIN = "Register the number again with its two-step PIN in WhatsApp Manager."
_MM_ONLY = "This template can only go out as a Marketing Message; change the template or the route at Meta."

_ROWS: tuple[tuple[int, ErrorKind, str, str], ...] = (
    # The token and what it may do
    (0, K.AUTH, "Access token is no longer valid", _RECONNECT),
    (3, K.AUTH, "The app may not do this", _PERMISSIONS),
    (10, K.AUTH, "Permission denied by Meta", _PERMISSIONS),
    (190, K.AUTH, "Access token has expired", _RECONNECT),
    (131005, K.AUTH, "Access denied by Meta", _PERMISSIONS),
    # Too fast
    (4, K.THROTTLED, "The app made too many calls", _AGAIN_BY_ITSELF),
    (613, K.THROTTLED, "Too many calls of this kind", _AGAIN_BY_ITSELF),
    (80007, K.THROTTLED, "The account made too many calls", _AGAIN_BY_ITSELF),
    (130429, K.THROTTLED, "Faster than the number is allowed to send", "Sending slowed down and went on by itself."),
    (131056, K.THROTTLED, "Too many messages to the same person", "Wait a little before writing to this person again."),
    # Meta's servers
    (1, K.TRANSIENT, "Meta had an unknown problem", _AGAIN_BY_ITSELF),
    (2, K.TRANSIENT, "Meta's service is down or overloaded", _AGAIN_BY_ITSELF),
    (131000, K.TRANSIENT, "Something went wrong at Meta", _AGAIN_BY_ITSELF),
    (131016, K.TRANSIENT, "Meta's service is unavailable", _AGAIN_BY_ITSELF),
    (
        131057,
        K.TRANSIENT,
        "The number is in maintenance at Meta",
        "It takes a minute or two; sending goes on by itself.",
    ),
    (133004, K.TRANSIENT, "Meta's server is temporarily away", _AGAIN_BY_ITSELF),
    (2494100, K.TRANSIENT, "The number is in maintenance at Meta", "It takes a few minutes."),
    # Not now
    (
        131049,
        K.DEFERRED,
        "Held back by Meta",
        "This person got many marketing messages lately. Try again after a day at the earliest.",
    ),
    (
        131064,
        K.DEFERRED,
        "Limit after misclassified templates",
        "Meta lifts it by itself; check the categories of your templates.",
    ),
    (
        132069,
        K.DEFERRED,
        "The form in this template is slowed down",
        "Meta lets 10 an hour through until it works well again.",
    ),
    (133008, K.DEFERRED, "Too many wrong PINs", "Wait as long as Meta says, then try once more."),
    (133009, K.DEFERRED, "PIN tried too quickly", "Wait as long as Meta says, then try once more."),
    (133015, K.DEFERRED, "The number was deleted moments ago", "Wait five minutes, then try again."),
    (133016, K.DEFERRED, "Registered too often", "Meta allows 10 registrations in 72 hours."),
    (134101, K.DEFERRED, "The template is still being prepared", "It takes up to ten minutes."),
    # This person
    (130403, K.RECIPIENT, "You blocked this person", "Unblock them at WhatsApp if you want to write to them."),
    (
        130472,
        K.RECIPIENT,
        "Part of an experiment by Meta",
        "This person gets no marketing messages for now; nothing was billed.",
    ),
    (130497, K.RECIPIENT, "Not allowed in this country", "Meta restricts this account from writing to people there."),
    (131020, K.RECIPIENT, "The group has only one member", "Choose another recipient."),
    (131021, K.RECIPIENT, "This is your own number", "A number cannot write to itself."),
    (131026, K.RECIPIENT, "Not reachable on WhatsApp", "Wrong number, or the app is not installed."),
    (
        131030,
        K.RECIPIENT,
        "Not on the test number's list",
        "A test number reaches five people; add this one at Meta or connect a real number.",
    ),
    (131047, K.RECIPIENT, "Last wrote more than 24 hours ago", "Use a template: it may be sent at any time."),
    (131062, K.RECIPIENT, "Needs a phone number", "This template cannot go to people who only share a user name."),
    (131070, K.RECIPIENT, "Another tool answers this chat", "Take the chat over at Meta first."),
    (137000, K.RECIPIENT, "The person's identity changed", "They may have a new phone; ask them before you go on."),
    # They said no
    (
        131050,
        K.OPTED_OUT,
        "Stopped your marketing messages",
        "Respect it: only order updates and codes may still go to them.",
    ),
    # What is sent
    (
        100,
        K.CONTENT,
        "Meta refused a value",
        "Look at the details; something in the message or the request is not as Meta wants it.",
    ),
    (131008, K.CONTENT, "A required value is missing", "Give every variable a value or a fallback."),
    (131009, K.CONTENT, "A value is not valid", "Look at the details and correct the value."),
    (131051, K.CONTENT, "This kind of message is not supported", "Send another kind."),
    (131052, K.CONTENT, "Their file could not be fetched", "Ask them to send it again."),
    (
        131053,
        K.CONTENT,
        "The file could not be used",
        "Check its type and size, or whether its address opens without a log-in.",
    ),
    (131055, K.CONTENT, "Only marketing templates can go this way", _MM_ONLY),
    (131059, K.CONTENT, "A page of a list has expired", "Ask for the list from its beginning."),
    (131061, K.CONTENT, "The template has a maximum price", _MM_ONLY),
    (131063, K.CONTENT, "Marketing templates are switched off here", _MM_ONLY),
    (131065, K.CONTENT, "No maximum price in this country", "Send it without a maximum price."),
    (132000, K.CONTENT, "Number of variables does not match", "Sync the templates: this one has changed at Meta."),
    (132005, K.CONTENT, "Text too long once filled in", "Shorten this person's values."),
    (
        132008,
        K.CONTENT,
        "A variable has the wrong form",
        "Values must be one line of text, and the kind of header must match.",
    ),
    (
        132012,
        K.CONTENT,
        "A variable has the wrong form",
        "Values must be one line of text, and the kind of header must match.",
    ),
    (132018, K.CONTENT, "A variable is not valid", "Check the values for line breaks and many spaces."),
    (134011, K.CONTENT, "Payment terms not accepted", "Accept them in WhatsApp Manager."),
    (134100, K.CONTENT, "Only marketing templates can go this way", _MM_ONLY),
    (135000, K.CONTENT, "Meta could not use this message", "Look at the details."),
    # The number or the account
    (33, K.POLICY, "The number was deleted at Meta", "Connect another number."),
    (
        368,
        K.POLICY,
        "Blocked by Meta for a while",
        "The account broke a policy; see Account quality in Business Manager.",
    ),
    (131031, K.POLICY, "The account is locked", "See Account quality in Business Manager and ask for a review."),
    (131037, K.POLICY, "The display name is not approved", "Have it approved in WhatsApp Manager."),
    (131042, K.POLICY, "Payment problem at Meta", "Check the payment method of the account in Business Manager."),
    (131044, K.POLICY, "Payment problem with calls", "Check the payment method of the account in Business Manager."),
    (131045, K.POLICY, "The number is not registered properly", _PIN),
    (
        131048,
        K.POLICY,
        "Too many people blocked or reported you",
        "Pause, check the quality of the number, then go on slowly.",
    ),
    (133000, K.POLICY, "The number is half deregistered", "Deregister it again, then register it."),
    (133005, K.POLICY, "Wrong two-step PIN", "Enter the right PIN, or reset it in WhatsApp Manager."),
    (133006, K.POLICY, "The number must be verified first", "Ask Meta for a code and enter it."),
    (133010, K.POLICY, "The number is not registered", _PIN),
    # The template
    (
        132001,
        K.TEMPLATE,
        "Template missing or not approved",
        "Sync the templates and check its name, language and state.",
    ),
    (132007, K.TEMPLATE, "Template breaks a policy", "Change its text and submit it again."),
    (
        132015,
        K.TEMPLATE,
        "Template paused by Meta",
        "Too many people disliked it. Meta lets it go on after some hours.",
    ),
    (132016, K.TEMPLATE, "Template disabled by Meta", "It cannot be sent any more; make a new one."),
    (132068, K.TEMPLATE, "The form in this template is blocked", "Repair the form at Meta."),
    (134102, K.TEMPLATE, "Template not available here", "Use another template."),
    (
        1752041,
        K.CONTENT,
        "Asked for already",
        "The request to join Marketing Messages is under way; there is nothing to do.",
    ),
    # Making a template (also as the subcode of 100)
    (2388019, K.CONTENT, "The account has too many templates", "Delete some that you no longer use."),
    (
        2388023,
        K.CONTENT,
        "This name is being deleted",
        "Meta keeps the name of an approved template for 30 days after it was deleted. Choose another name.",
    ),
    (2388024, K.CONTENT, "There is a template of this name already", "Choose another name or another language."),
    (2388039, K.CONTENT, "In review just now", "Wait until the review is over."),
    (2388040, K.CONTENT, "A text is too long", "Shorten it."),
    (
        2388047,
        K.CONTENT,
        "The header is not as Meta wants it",
        "At most one variable, no line breaks, no emoji, no formatting.",
    ),
    (2388072, K.CONTENT, "The body is not as Meta wants it", "Check the variables and the line breaks."),
    (2388073, K.CONTENT, "The footer is not as Meta wants it", "No variables and at most 60 characters."),
    (2388293, K.CONTENT, "Too many variables for so little text", "Write more words around them."),
    (2388299, K.CONTENT, "A variable stands at the edge", "Put words before the first and after the last variable."),
)

TABLE: dict[int, CodeEntry] = {code: CodeEntry(kind, Words(title, advice)) for code, kind, title, advice in _ROWS}

PASSING_KINDS = frozenset({K.THROTTLED, K.TRANSIENT, K.DEFERRED})
"""What can succeed later without anybody changing anything."""
PASSING_CODES = frozenset(code for code, entry in TABLE.items() if entry.kind in PASSING_KINDS)

# Each of 200–299 is one missing permission.
PERMISSION_CODES = range(200, 300)

UNKNOWN_WORDS = Words("Refused by Meta", "Look at the details; try again later if they do not help.")


def plain_words(code: int | None) -> Words:
    """An error code in words for a person; unknown codes get a general sentence.

    None means that no answer of Meta says why, which is how a message ends whose request may have got lost.
    """
    if code is None:
        return Words("No answer from Meta", "It is not known whether the message arrived.")
    entry = TABLE.get(code)
    if entry:
        return entry.words
    if code in PERMISSION_CODES:
        return Words("The token lacks a permission", _PERMISSIONS)
    return UNKNOWN_WORDS
