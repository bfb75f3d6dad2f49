"""The business profile of a number: what customers read when they press its name. Checked as Meta checks it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.errors import GraphError
from sandbox.jsonio import Json
from sandbox.model import Number
from sandbox.state import World

VERTICALS = (
    "OTHER", "AUTO", "BEAUTY", "APPAREL", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GROCERY", "GOVT", "HOTEL", "HEALTH",
    "NONPROFIT", "PROF_SERVICES", "RETAIL", "TRAVEL", "RESTAURANT", "ALCOHOL", "ONLINE_GAMBLING", "PHYSICAL_GAMBLING",
    "OTC_DRUGS", "MATRIMONY_SERVICE",
)  # fmt: skip
SMALLEST_SIDE = 192
LARGEST_PICTURE = 5 * 1024 * 1024
_MOST = {"about": 139, "address": 256, "description": 512, "email": 128}
_MAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_HANDLE = re.compile(r"4:[^:]*:[^:]*:([A-Za-z0-9_-]+)")
_PICTURE = "picture"  # where the key of the picture's bytes is kept; callers see an address instead


class Profiles:
    """The profiles of all numbers."""

    def __init__(self, world: World) -> None:
        self.world = world

    def read(self, number: Number, query: Json, root: str) -> Json:
        """The profile with the fields asked for; what is empty is left out."""
        fields = [name.strip() for name in str(query.get("fields") or "about").split(",")]
        full = {"messaging_product": "whatsapp", **{key: value for key, value in number.profile.items() if value}}
        if address := picture_address(number, root):
            full["profile_picture_url"] = address
        return {"data": [{key: full[key] for key in (*fields, "messaging_product") if key in full}]}

    def change(self, number: Number, data: Json) -> Json:
        """Set some fields of the profile."""
        if data.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        given = {key: value for key, value in data.items() if key not in ("messaging_product", "access_token")}
        changes = dict(self._checked(key, value) for key, value in given.items())
        number.profile = number.profile | changes
        self.world.accounts_changed = True
        for customer in self.world.customers.values():
            if number.id in customer.chats:
                customer.version += 1  # an open phone shows the new profile
        return {"success": True}

    def _checked(self, key: str, value: Any) -> tuple[str, Any]:
        if key == "websites":
            return key, _websites(value)
        if key == "profile_picture_handle":
            return _PICTURE, self._picture(value)
        if key != "vertical" and key not in _MOST:
            raise GraphError(100, f"Unexpected key '{key}'.")
        if not isinstance(value, str):
            raise _refusal(key, "must be a string")
        if key == "vertical" and value not in VERTICALS:
            raise _refusal(key, f"must be one of {{{', '.join(VERTICALS)}}}")
        if key == "about" and not value.strip():
            raise _refusal(key, "must be between 1 and 139 characters long")
        if len(value) > _MOST.get(key, len(value)):
            raise _refusal(key, f"must be at most {_MOST[key]} characters long")
        if key == "email" and value and not _MAIL.fullmatch(value):
            raise _refusal(key, "must be a valid email address")
        return key, value

    def _picture(self, handle: Any) -> str:
        found = _HANDLE.fullmatch(handle) if isinstance(handle, str) else None
        data = self.world.files.get(found.group(1)) if found else None
        if found is None or data is None:
            raise _refusal("profile_picture_handle", "is not the handle of an upload")
        width, height = size_of(data)
        if min(width, height) < SMALLEST_SIDE or len(data) > LARGEST_PICTURE:
            words = f"must be of a JPEG or PNG of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels and at most 5 MB"
            raise _refusal("profile_picture_handle", words)
        return found.group(1)


def picture_address(number: Number, root: str = "") -> str:
    """Where the picture of a number is shown; nothing without one."""
    key = number.profile.get(_PICTURE)
    return f"{root}/sandbox/sample/{key}" if key else ""


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG; zeros for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return _jpeg_size(data) if data.startswith(b"\xff\xd8\xff") else (0, 0)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Look for the frame header among the segments in front of the picture."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + length
    return 0, 0


def _websites(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > 2:
        raise _refusal("websites", "must be a list of at most 2 addresses")
    for site in value:
        if not isinstance(site, str) or len(site) > 256 or not _is_web(site):
            raise _refusal("websites", "must be http or https addresses of at most 256 characters")
    return list(value)


def _is_web(site: str) -> bool:
    try:
        parts = urlsplit(site)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "." in (parts.hostname or "")


def _refusal(key: str, words: str) -> GraphError:
    return GraphError(131009, f"Param {key} {words}")
