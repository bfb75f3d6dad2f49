"""Which scope of an API key each call needs, and which calls a test key may make. `guards.py` asks."""

from collections.abc import Sequence

from wotnot.errors import Forbidden
from wotnot.services import api_keys

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# By blueprint. Every blueprint that takes keys is here, or in FREE.
AREAS = {
    "contacts-api": "contacts",
    "segments-api": "contacts",
    "imports-api": "contacts",
    "templates-api": "templates",
    "media-api": "templates",
    "broadcasts-api": "broadcasts",
    "messages-api": "messages",
    "conversations-api": "messages",
    "analytics": "analytics",
    "exports-api": "exports",
    "shops-api": "shops",
    "promotions-api": "shops",
    "customer-imports-api": "shops",
    "channels-api": "account",
    "api-keys": "account",
}
# The short paths share a blueprint: by the first part of the path.
SHORT_AREAS = {
    "contacts": "contacts",
    "template": "templates",
    "create-template": "templates",
    "delete-template": "templates",
    "send-template-message": "broadcasts",
    "broadcast": "broadcasts",
    "broadcasts-delete": "broadcasts",
    "broadcast-report": "broadcasts",
    "get-analytics": "analytics",
    "subscribe_customer": "account",
    "test-woocommerce": "shops",
    "woo_products": "shops",
    "integrate": "shops",
}
FREE = {"me": "who the key belongs to is no secret to whoever holds it"}
# They take a body to read with.
READING_POSTS = {"segments-api.count_filter"}
# What a key must not do whatever its scopes: one that got out could make itself another.
NEEDS_A_PERSON = {"api-keys.create"}
# All that a test key may do beside reading.
SIMULATED = {"messages-api.send"}
# Reading that asks Meta there and then, which a test key never does.
ASKS_META = {"channels-api.profile"}


def area_of(endpoint: str, path: str) -> str | None:
    """The area that a call belongs to; None for what needs no scope, or is in no area."""
    name = endpoint.partition(".")[0]
    if name == "seed":
        return SHORT_AREAS.get(path.strip("/").partition("/")[0])
    return AREAS.get(name)


def changes(endpoint: str, method: str) -> bool:
    """Whether a call changes something."""
    return method not in SAFE_METHODS and endpoint not in READING_POSTS


def check(scopes: Sequence[str], endpoint: str, path: str, method: str, *, is_test: bool) -> None:
    """Let a key pass, or raise Forbidden with code `scope` or `test_key` and what to do."""
    is_change = changes(endpoint, method)
    if endpoint in NEEDS_A_PERSON:
        raise Forbidden(
            "A key cannot make another. Make it in the settings, or log in and use the token.", code="scope"
        )
    if is_test and is_change and endpoint not in SIMULATED:
        raise Forbidden(
            "A test key reads and sends simulated messages; it changes nothing else. Use a live key for this.",
            code="test_key",
        )
    if is_test and endpoint in ASKS_META:
        raise Forbidden("This asks Meta, which a test key never does. Use a live key for this.", code="test_key")
    if not scopes or endpoint.partition(".")[0] in FREE:
        return
    area = area_of(endpoint, path)
    if area is None:
        raise Forbidden("This call needs a key without limits.", code="scope")
    if not api_keys.may(scopes, area, changes=is_change):
        needed = f"{area}:{api_keys.AREAS[area][-1] if is_change else 'read'}"
        raise Forbidden(f"This API key does not have the scope “{needed}”.", code="scope", scope=needed)
