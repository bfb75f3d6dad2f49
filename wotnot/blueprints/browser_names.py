"""What a browser or program calls itself, as people call it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from wotnot.models import UserSession

# The first that is in the header names it: most browsers also claim to be those further down.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_LONGEST_NAME = 40
_IN_THE_HAND = {"iPhone", "iPad", "Android"}


@dataclass(frozen=True, slots=True)
class BrowserView:
    """A browser or program that is signed in, as its row on the page."""

    id: int
    name: str
    icon: str
    address: str
    created_at: datetime
    last_seen_at: datetime
    is_this: bool = False
    is_program: bool = False


def browser_view(session: UserSession, *, is_this: bool) -> BrowserView:
    """The row of one session."""
    name, system = browser_name(session.user_agent), _first(_SYSTEMS, session.user_agent)
    icon = "device-mobile" if system in _IN_THE_HAND else "device-laptop"
    return BrowserView(session.id, name, icon, session.address, session.created_at, session.last_seen_at, is_this)


def program_view(session: UserSession) -> BrowserView:
    """The row of a program that logged in over the API."""
    name, times = program_name(session.user_agent), (session.created_at, session.last_seen_at)
    return BrowserView(session.id, name, "terminal-2", session.address, *times, is_program=True)


def program_name(user_agent: str) -> str:
    """Such as "curl" or "python-requests"; a browser that calls the API is named as a browser."""
    product = user_agent.partition(" ")[0].partition("/")[0].strip()
    if not product or product == "Mozilla":
        return browser_name(user_agent)
    return product[:_LONGEST_NAME]


def browser_name(user_agent: str) -> str:
    """Such as "Firefox on Linux", from the header User-Agent."""
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "A program or unknown browser"


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for sign, name in names if sign in text), "")
