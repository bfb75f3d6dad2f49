"""The JSON API, version 1: one resource a module, its schemas beside it, the OpenAPI document generated from both."""

from importlib import import_module
from importlib.util import find_spec

from flask import Flask
from flask_smorest import Blueprint

from wotnot.blueprints.guards import guard_api
from wotnot.extensions import api

# Each module has `blueprint`, a flask_smorest Blueprint whose url_prefix starts with /api/v1.
MODULES = (
    "auth",
    "me",
    "api_keys",
    "channels",
    "templates",
    "media",
    "contacts",
    "segments",
    "imports",
    "broadcasts",
    "messages",
    "conversations",
    "shops",
    "promotions",
    "customer_imports",
    "analytics",
    "exports",
)
# Nobody is signed in yet when these are called; they guard what needs it themselves.
OPEN = {"auth"}


def register(app: Flask) -> None:
    """Put every resource, the documentation and the short paths on `app`."""
    for name in MODULES:
        if find_spec(f"{__name__}.{name}"):
            blueprint = import_module(f"{__name__}.{name}").blueprint
            guard_once(blueprint, is_open=name in OPEN)
            api.register_blueprint(blueprint)
    for name in ("docs", "seed"):
        if find_spec(f"{__name__}.{name}"):
            import_module(f"{__name__}.{name}").register(app)


def guard_once(blueprint: Blueprint, *, is_open: bool) -> None:
    """Guard a blueprint the first time it is registered: a second app in the same process finds it guarded."""
    if not getattr(blueprint, "is_guarded", False):
        guard_api(blueprint, is_open=is_open)
        blueprint.is_guarded = True
