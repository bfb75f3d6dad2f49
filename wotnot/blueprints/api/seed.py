"""The short paths of the product's first API: one row a path in one table, each a thin adapter around the same services.

The names of fields and the shapes of answers are the first API's; checks, roles and errors are ours.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue

from wotnot.blueprints import errors
from wotnot.blueprints.api import guard_once, seed_broadcasts, seed_contacts, seed_shops, seed_templates
from wotnot.blueprints.api.auth import first_workspace, issue_access_token
from wotnot.blueprints.api.schemas.seed import SeedLoginSchema, SeedRegisterSchema, check
from wotnot.blueprints.api.seed_input import read_body, read_sign_up
from wotnot.blueprints.guards import requires, workspace_id
from wotnot.blueprints.login_limits import check_second_step, count_sign_up, log_in
from wotnot.errors import Conflict, DomainError, Unauthorized
from wotnot.models import Role
from wotnot.services import accounts, sign_up_rows, sign_ups

View = Callable[..., ResponseReturnValue]

open_blueprint = Blueprint("seed_open", __name__)
blueprint = Blueprint("seed", __name__)


@dataclass(frozen=True, slots=True)
class ShortPath:
    """One published path. A trailing slash is optional on all. `role` is the least that may call it.

    `taken_is_400` answers 400 where ours is 409, as the first API did for duplicates.
    """

    method: str
    rule: str
    view: View
    role: Role | None = None
    is_open: bool = False
    taken_is_400: bool = False

    @property
    def shown(self) -> str:
        """The rule as documentation writes it."""
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.rule)

    @property
    def text(self) -> str:
        """The first line of the view's docstring."""
        return (self.view.__doc__ or "").partition("\n")[0]


def login() -> ResponseReturnValue:
    """An access token for e-mail and password, from a form or JSON; wrong either way reads the same."""
    body = check(SeedLoginSchema, read_body())
    try:
        user = log_in(body["username"], body["password"])
        check_second_step(user, body["code"])
    except Unauthorized as refusal:
        raise DomainError(refusal.detail, code=refusal.code) from None
    token = issue_access_token(user, first_workspace(user))
    return jsonify(access_token=token, token_type="bearer")  # noqa: S106 — a kind, not a secret


def register_user() -> ResponseReturnValue:
    """A new account with a workspace of its own."""
    body = check(SeedRegisterSchema, read_body())
    count_sign_up()
    accounts.register_user(email=body["email"], password=body["password"], name=body["username"])
    return jsonify(success=True, message="The account is ready. Log in with the e-mail and the password.")


def subscribe_customer() -> ResponseReturnValue:
    """A number from what Meta's sign-up window handed over: its code, and the account and number if it named them."""
    code, waba_id, phone_number_id = read_sign_up(read_body())
    row = sign_ups.begin(workspace_id(), code=code, waba_id=waba_id, phone_number_id=phone_number_id)
    if sign_up_rows.is_claimed(row):
        raise Conflict("This code is being worked on already.", code="sign_up_running", sign_up_id=row.id)
    if row.failed_step:
        raise DomainError(row.reason, code=f"sign_up_{row.failed_step}", sign_up_id=row.id)
    # The token is the caller's own, from the sign-up they did: the first API answered with it.
    return jsonify(access_token=sign_up_rows.token_of(row), expires_in=row.expires_in, channel_id=row.channel_id)


SHORT_PATHS = (
    ShortPath("POST", "/login", login, is_open=True),
    ShortPath("POST", "/register", register_user, is_open=True, taken_is_400=True),
    ShortPath("POST", "/subscribe_customer", subscribe_customer, Role.ADMIN),
    ShortPath("GET", "/contacts", seed_contacts.index),
    ShortPath("POST", "/contacts", seed_contacts.create, taken_is_400=True),
    ShortPath("PUT", "/contacts/<contact_id>", seed_contacts.update, taken_is_400=True),
    ShortPath("DELETE", "/contacts/<phone>", seed_contacts.delete, Role.ADMIN),
    ShortPath("POST", "/contacts/bulk_import", seed_contacts.bulk_import, Role.ADMIN),
    ShortPath("GET", "/template", seed_templates.index),
    ShortPath("POST", "/create-template", seed_templates.create, Role.ADMIN),
    ShortPath("DELETE", "/delete-template/<name>", seed_templates.delete, Role.ADMIN),
    ShortPath("POST", "/template/restore/<name>", seed_templates.restore, Role.ADMIN),
    ShortPath("POST", "/send-template-message", seed_broadcasts.send, Role.ADMIN),
    ShortPath("GET", "/broadcast", seed_broadcasts.index),
    ShortPath("POST", "/broadcast", seed_broadcasts.create, Role.ADMIN),
    ShortPath("PUT", "/broadcast/<int:broadcast_id>", seed_broadcasts.update, Role.ADMIN),
    ShortPath("DELETE", "/broadcasts-delete/<int:broadcast_id>", seed_broadcasts.cancel, Role.ADMIN),
    ShortPath("GET", "/broadcast-report/<int:broadcast_id>", seed_broadcasts.report),
    ShortPath("GET", "/get-analytics", seed_broadcasts.analytics),
    ShortPath("POST", "/test-woocommerce", seed_shops.test, Role.ADMIN),
    ShortPath("GET", "/woo_products", seed_shops.products),
    ShortPath("POST", "/integrate/woo_order_cnf", seed_shops.confirm_orders, Role.ADMIN, taken_is_400=True),
)


def register(app: Flask) -> None:
    """Put the table on `app`. Errors below these paths are problems, as for every program."""
    if not getattr(blueprint, "is_filled", False):
        for path in SHORT_PATHS:
            _add(path)
        blueprint.is_filled = True  # type: ignore[attr-defined]  # a second app in this process finds it filled
    guard_once(open_blueprint, is_open=True)
    guard_once(blueprint, is_open=False)
    app.register_blueprint(open_blueprint)
    app.register_blueprint(blueprint)
    errors.PROGRAM_SEGMENTS.update(path.rule.split("/")[1] for path in SHORT_PATHS)


def _add(path: ShortPath) -> None:
    view: View = requires(path.role)(path.view) if path.role else path.view
    if path.taken_is_400:
        view = _taken_is_400(view)
    target = open_blueprint if path.is_open else blueprint
    endpoint = f"{path.method.lower()}_{path.rule.strip('/').split('/<')[0].replace('/', '_').replace('-', '_')}"
    target.add_url_rule(f"{path.rule}/", endpoint, view, methods=[path.method], strict_slashes=False)


def _taken_is_400(view: View) -> View:
    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except Conflict as conflict:
            raise DomainError(conflict.detail, code=conflict.code, **conflict.extra) from None

    return wrapped
