"""What a segment can ask about people: the registry of fields and of the operators that each takes. Pure.

A new kind of condition ("bought …") is one entry in FIELDS, and under the same key one in `segment_sql.CONDITIONS`. The form,
the API's checks and the sentences are all made from these entries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from wotnot.models import Consent
from wotnot.services.languages import LANGUAGES, language_name, read_language
from wotnot.services.phone_numbers import country_name, is_country, list_countries

ATTRIBUTE = "attribute:"
"""Before the name of a custom field, as in the columns of imports."""

TEXT_TYPE, NUMBER_TYPE, DATE_TYPE, YES_NO_TYPE = "text", "number", "date", "yes_no"


class Takes(StrEnum):
    """What an operator compares with."""

    NOTHING = "nothing"
    TEXT = "text"
    PHONE = "phone"
    NUMBER = "number"
    NUMBERS = "numbers"
    DATE = "date"
    DAYS = "days"
    TAGS = "tags"
    CHOICE = "choice"
    BROADCAST = "broadcast"
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Operator:
    """One way to compare. `words` follow the field's; "…" is where the value stands when not at the end. `said` is the whole
    condition as a sentence, where field and words make none.
    """

    key: str
    words: str
    takes: Takes = Takes.NOTHING
    said: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """The values a field can have: `read` makes a stored value of what was given, or None; `say` names it."""

    read: Callable[[str], str | None]
    say: Callable[[str], str]
    list: Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that is known of people. `group` is the heading it stands under; `is_fleeting`: the answer changes without a change to the contact."""

    words: str
    group: str
    operators: tuple[Operator, ...]
    choices: Choices | None = None
    is_fleeting: bool = False

    def find(self, key: object) -> Operator | None:
        """The operator with this key, or None."""
        return next((one for one in self.operators if one.key == key), None)


def _texts(takes: Takes) -> tuple[Operator, ...]:
    return (
        Operator("is", "is", takes),
        Operator("is_not", "is not", takes),
        Operator("contains", "contains", takes),
        Operator("starts_with", "starts with", takes),
        Operator("empty", "is empty"),
        Operator("not_empty", "is not empty"),
    )


_TEXT = _texts(Takes.TEXT)
_EMPTY = (Operator("empty", "is not known"), Operator("not_empty", "is known"))
_CHOICE = (Operator("is", "is", Takes.CHOICE), Operator("is_not", "is not", Takes.CHOICE))
_NUMBER = (
    Operator("equals", "is exactly", Takes.NUMBER),
    Operator("less", "is less than", Takes.NUMBER),
    Operator("more", "is more than", Takes.NUMBER),
    Operator("between", "is between", Takes.NUMBERS),
)
_PAST = (
    Operator("on", "is on", Takes.DATE),
    Operator("before", "is before", Takes.DATE),
    Operator("after", "is after", Takes.DATE),
    Operator("last_days", "is in the last … days", Takes.DAYS),
)
_DATE = (
    *_PAST,
    Operator("next_days", "is in the next … days", Takes.DAYS),
    Operator("anniversary", "comes round in the next … days", Takes.DAYS),
)
_YES_NO = (Operator("yes", "is yes"), Operator("no", "is no"))
_TAGS = (
    Operator("any", "include one of", Takes.TAGS),
    Operator("all", "include all of", Takes.TAGS),
    Operator("none", "include none of", Takes.TAGS),
)
_FROM_THEM = (
    Operator("within", "in the last … days", Takes.DAYS, "wrote to you in the last … days"),
    Operator("not_within", "none in the last … days", Takes.DAYS, "did not write to you in the last … days"),
    Operator("ever", "ever", said="ever wrote to you"),
    Operator("never", "never", said="never wrote to you"),
)
_TO_THEM = (
    Operator("within", "in the last … days", Takes.DAYS, "was sent a message in the last … days"),
    Operator("not_within", "none in the last … days", Takes.DAYS, "was sent no message in the last … days"),
    Operator("ever", "ever", said="was ever sent a message"),
    Operator("never", "never", said="was never sent a message"),
)
_BROADCAST = (
    Operator("sent", "was sent", Takes.BROADCAST, "was sent …"),
    Operator("delivered", "received", Takes.BROADCAST, "received …"),
    Operator("read", "read", Takes.BROADCAST, "read …"),
    Operator("not_read", "did not read", Takes.BROADCAST, "did not read …"),
    Operator("replied", "replied to", Takes.BROADCAST, "replied to …"),
    Operator("not_replied", "did not reply to", Takes.BROADCAST, "did not reply to …"),
    Operator("read_not_replied", "read and did not reply to", Takes.BROADCAST, "read … and did not reply"),
    Operator("failed", "not reached by", Takes.BROADCAST, "could not be reached by …"),
    Operator("failed_for_now", "not reached for now by", Takes.BROADCAST, "could not be reached for now by …"),
    Operator("not_in", "not on the list of", Takes.BROADCAST, "was not on the list of …"),
)

_ORDERED = (
    Operator("within", "in the last … days", Takes.DAYS, "ordered in the last … days"),
    Operator("not_within", "none in the last … days", Takes.DAYS, "did not order in the last … days"),
    Operator("ever", "ever", said="ever ordered"),
    Operator("never", "never", said="never ordered"),
)
_BOUGHT = (
    Operator("contains", "have in their name", Takes.TEXT, "bought something with … in its name"),
    Operator("contains_not", "never had in their name", Takes.TEXT, "never bought anything with … in its name"),
    Operator("is", "include the number", Takes.NUMBER, "bought product …"),
    Operator("is_not", "never included the number", Takes.NUMBER, "never bought product …"),
    Operator("in_order", "by number and status", Takes.PURCHASE, "bought product …"),
)

_CONSENT_WORDS = {Consent.OPTED_IN: "Opted in", Consent.OPTED_OUT: "Opted out", Consent.UNKNOWN: "Not known"}


def _read_country(text: str) -> str | None:
    code = text.strip().upper()
    return code if is_country(code) else None


_CONSENTS = Choices(
    lambda text: text if text in set(Consent) else None,
    lambda value: _CONSENT_WORDS[Consent(value)],
    lambda: [(consent.value, words) for consent, words in _CONSENT_WORDS.items()],
)
_LANGUAGES = Choices(read_language, language_name, lambda: list(LANGUAGES.items()))
_COUNTRIES = Choices(_read_country, country_name, list_countries)

PERSON, OWN, MESSAGES = "About the person", "Your own fields", "What you wrote to each other"
SHOP = "What they ordered in your shops"

FIELDS: dict[str, Field] = {
    "tags": Field("Tags", PERSON, _TAGS),
    "name": Field("Name", PERSON, _TEXT),
    "email": Field("E-mail", PERSON, _TEXT),
    "phone": Field("Phone number", PERSON, _texts(Takes.PHONE)),
    "country": Field("Country of the number", PERSON, _CHOICE, _COUNTRIES),
    "language": Field("Language", PERSON, (*_CHOICE, *_EMPTY), _LANGUAGES),
    "consent": Field("Consent", PERSON, _CHOICE, _CONSENTS),
    "created": Field("Day they were added", PERSON, _PAST),
    "last_in": Field("Messages from them", MESSAGES, _FROM_THEM, is_fleeting=True),
    "last_out": Field("Messages to them", MESSAGES, _TO_THEM, is_fleeting=True),
    "broadcast": Field("Broadcast", MESSAGES, _BROADCAST, is_fleeting=True),
    "ordered": Field("Orders", SHOP, _ORDERED, is_fleeting=True),
    "bought": Field("Products they bought", SHOP, _BOUGHT, is_fleeting=True),
    "order_count": Field("Number of orders", SHOP, _NUMBER, is_fleeting=True),
    "spent": Field("Money spent", SHOP, _NUMBER, is_fleeting=True),
}
"""By the key that a condition names as its `field`."""

TYPES: dict[str, tuple[str, tuple[Operator, ...]]] = {
    TEXT_TYPE: ("as text", _TEXT),
    NUMBER_TYPE: ("as a number", _NUMBER),
    DATE_TYPE: ("as a date", _DATE),
    YES_NO_TYPE: ("as yes or no", _YES_NO),
}
"""What a custom field, whose values are all texts, can be read as."""


def find_field(key: str, kind: str = TEXT_TYPE) -> Field | None:
    """The field with this key; for a custom one, read as `kind`. None for what there is not."""
    name = key.removeprefix(ATTRIBUTE)
    if key.startswith(ATTRIBUTE):
        return Field(f"“{name}”", OWN, TYPES[kind][1]) if name.strip() and kind in TYPES else None
    return FIELDS.get(key)
