"""HTTP only: authorise, parse, call one service function, choose an answer."""

from importlib import import_module

from flask import Flask

# Each module has `register(app)`. The order is that of the sidebar; errors come first so that they catch everything.
MODULES = (
    "errors",
    "limits",
    "foreign_pages",
    "thread_shares",
    "assets",
    "marks",
    "guards",
    "htmx",
    "auth",
    "second_step",
    "overview",
    "overview_lists",
    "workspaces",
    "settings",
    "key_settings",
    "two_factor",
    "profile_pictures",
    "consent_settings",
    "automation",
    "pace_settings",
    "ai_settings",
    "channels",
    "channel_profiles",
    "channel_history",
    "shops",
    "shop_rules",
    "promotions",
    "shop_customers",
    "channel_sign_up",
    "contacts",
    "segments",
    "imports",
    "message_templates",
    "template_edits",
    "template_library",
    "media",
    "template_writing",
    "light_markdown",
    "assistant",
    "template_translations",
    "broadcasts",
    "meta_answers",
    "costs",
    "exports",
    "conversations",
    "conversation_acts",
    "conversation_card",
    "saved_replies",
    "webhooks",
    "stream",
    "health",
    "api",
)


def register(app: Flask) -> None:
    """Put every page, the JSON API and the webhooks on `app`."""
    for name in MODULES:
        import_module(f"wotnot.blueprints.{name}").register(app)
