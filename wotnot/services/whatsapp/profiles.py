"""A number's business profile: what customers read when they press the name of the business. Pure.

Source: Meta's reference of `whatsapp_business_profile`; its page says 256 characters for the description, its own manager takes
512 and so does the API.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wotnot.services.picture_files import PictureFacts, UnreadablePictureError, look_at

Json = dict[str, Any]

LIMITS = {"about": 139, "description": 512, "address": 256, "email": 128}
MOST_WEBSITES, LONGEST_WEBSITE = 2, 256
SMALLEST_SIDE, LARGEST_SIDE = 192, 4096
MAX_PICTURE_BYTES = 5 * 1024 * 1024
FIELDS = ("about", "description", "address", "email", "websites", "category")

# Meta's `vertical`, in the words that WhatsApp shows.
CATEGORIES = {
    "AUTO": "Automotive",
    "BEAUTY": "Beauty, spa and salon",
    "APPAREL": "Clothing and apparel",
    "EDU": "Education",
    "ENTERTAIN": "Entertainment",
    "EVENT_PLAN": "Event planning and service",
    "FINANCE": "Finance and banking",
    "GROCERY": "Food and grocery",
    "GOVT": "Public service",
    "HOTEL": "Hotel and lodging",
    "HEALTH": "Medical and health",
    "NONPROFIT": "Non-profit organisation",
    "PROF_SERVICES": "Professional services",
    "RETAIL": "Shopping and retail",
    "TRAVEL": "Travel and transportation",
    "RESTAURANT": "Restaurant",
    "ALCOHOL": "Alcoholic drinks",
    "ONLINE_GAMBLING": "Online gambling",
    "PHYSICAL_GAMBLING": "Gambling",
    "OTC_DRUGS": "Over-the-counter drugs",
    "MATRIMONY_SERVICE": "Matrimony service",
    "OTHER": "Something else",
}
_META_NAMES = {"category": "vertical"}
_OUR_NAMES = {"vertical": "category", "profile_picture_handle": "picture"}
_ASKED = ("about", "address", "description", "email", "profile_picture_url", "websites", "vertical")
ASKED_FIELDS = ",".join(_ASKED)
_MAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


class RefusedPictureError(ValueError):
    """WhatsApp would not take this picture; the message is a sentence for the person who chose it."""


@dataclass(frozen=True, slots=True)
class BusinessProfile:
    """What customers read. `category` is one of CATEGORIES, or empty; `picture_url` is Meta's own address, or empty."""

    about: str = ""
    description: str = ""
    address: str = ""
    email: str = ""
    websites: tuple[str, ...] = ()
    category: str = ""
    picture_url: str = ""


def read_profile(document: Mapping[str, Any]) -> BusinessProfile:
    """Meta's answer; what is absent or of an odd shape stays empty."""
    data = document.get("data")
    found = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    sites = found.get("websites")
    vertical = _text(found, "vertical").upper()
    return BusinessProfile(
        about=_text(found, "about"),
        description=_text(found, "description"),
        address=_text(found, "address"),
        email=_text(found, "email"),
        websites=tuple(str(site) for site in sites if site)[:MOST_WEBSITES] if isinstance(sites, list) else (),
        category="" if vertical == "UNDEFINED" else vertical,
        picture_url=_text(found, "profile_picture_url"),
    )


def changes_of(present: BusinessProfile, wanted: Mapping[str, Any]) -> Json:
    """What of `wanted` (by FIELDS) differs from the present profile, by our names."""
    return {
        name: value for name, value in wanted.items() if name in FIELDS and _comparable(value) != getattr(present, name)
    }


def problems_of(changes: Mapping[str, Any]) -> dict[str, str]:
    """Why Meta would refuse these changes: field → a sentence that says what to do."""
    problems = {name: _too_long(name, changes[name]) for name in LIMITS if name in changes}
    if "about" in changes and not changes["about"].strip():
        problems["about"] = "WhatsApp does not let this be emptied. Write at least one character."
    if changes.get("email") and not problems["email"] and not _MAIL.fullmatch(changes["email"]):
        problems["email"] = "Enter an e-mail address such as hello@example.com, or leave it empty."
    if "websites" in changes:
        problems["websites"] = _website_problem(changes["websites"])
    for name, value in changes.items():
        if not _is_shown("".join(value)):
            problems[name] = "It holds a character that no phone can show. Type it again."
    if "category" in changes and changes["category"] not in CATEGORIES:
        problems["category"] = "Choose one of the list. WhatsApp does not let it be emptied again."
    return {name: problem for name, problem in problems.items() if problem}


def payload_of(changes: Mapping[str, Any]) -> Json:
    """The body that changes a profile at Meta."""
    fields = {_META_NAMES.get(name, name): value for name, value in changes.items()}
    return {"messaging_product": "whatsapp", **fields}


def field_of_refusal(words: str) -> str:
    """Which of our fields a refusal of Meta's is about, by the parameter that it names; "profile" when it names none."""
    for name in (*LIMITS, "websites", "vertical", "profile_picture_handle"):
        if re.search(rf"\b{name}\b", words):
            return _OUR_NAMES.get(name, name)
    return "profile"


def judge_picture(data: bytes) -> PictureFacts:
    """Whether this can be a profile picture. Raises RefusedPictureError, which says what is wrong and what to do."""
    if len(data) > MAX_PICTURE_BYTES:
        raise RefusedPictureError("The picture is larger than 5 MB. Choose a smaller one; 640 × 640 pixels are plenty.")
    try:
        facts = look_at(data)
    except UnreadablePictureError:
        raise RefusedPictureError("This is not a JPEG or PNG picture, or it is broken. Save it again as one.") from None
    seen = f"This one is {facts.width:,} × {facts.height:,} pixels"
    if min(facts.width, facts.height) < SMALLEST_SIDE:
        raise RefusedPictureError(f"{seen}. Choose one of at least {SMALLEST_SIDE} × {SMALLEST_SIDE}.")
    if max(facts.width, facts.height) > LARGEST_SIDE:
        raise RefusedPictureError(f"{seen}. Choose one of at most {LARGEST_SIDE:,} × {LARGEST_SIDE:,}.")
    if not facts.is_square:
        raise RefusedPictureError(
            f"{seen}. WhatsApp shows a square: cut it to {min(facts.width, facts.height):,} × {min(facts.width, facts.height):,} and choose it again."
        )
    return facts


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def _comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


def _too_long(name: str, value: str) -> str:
    most = LIMITS[name]
    return f"This has {len(value):,} characters, and WhatsApp takes {most}. Shorten it." if len(value) > most else ""


def _is_shown(text: str) -> bool:
    """Whether phones can show it: no control characters but line breaks, and no halves of characters."""
    return all(sign in "\n\t" or unicodedata.category(sign) not in {"Cc", "Cs"} for sign in text)


def _website_problem(sites: Sequence[str]) -> str:
    if len(sites) > MOST_WEBSITES:
        return f"WhatsApp shows at most {MOST_WEBSITES} websites."
    for site in sites:
        if len(site) > LONGEST_WEBSITE:
            return f"An address may have at most {LONGEST_WEBSITE} characters."
        if not _is_website(site):
            return f"“{site}” is not the address of a website. Write it with https:// in front, such as https://example.com."
    return ""


def _is_website(site: str) -> bool:
    try:
        parts = urlsplit(site)
        return parts.scheme in {"http", "https"} and "." in (parts.hostname or "") and not any(map(str.isspace, site))
    except ValueError:
        return False
