"""Meta's webhook. It checks the signature on the raw bytes, stores the body and answers; nothing else.

Understanding it is the inbox's work (`services/webhook_inbox.py`), so that Meta never waits and nothing is lost.
"""

import hmac

from flask import Blueprint, Flask, abort, current_app, request

from wotnot import metrics
from wotnot.config import Config
from wotnot.extensions import csrf, limiter
from wotnot.services import webhook_inbox

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

MAX_BODY = 3 * 1024 * 1024
"""Meta's own limit for a delivery."""


@blueprint.get("/whatsapp")
def shake_hands() -> tuple[str, int, dict[str, str]]:
    """Answer Meta's handshake: echo the challenge to whoever knows the verify token."""
    expected = _config().whatsapp_verify_token
    given = request.args.get("hub.verify_token", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        abort(403, "The verify token is not the one this WotNot was set up with.")
    return request.args.get("hub.challenge", ""), 200, {"Content-Type": "text/plain; charset=utf-8"}


@blueprint.post("/whatsapp")
def receive() -> tuple[str, int]:
    """Store one signed delivery. 401 when the signature is missing or wrong, 413 beyond Meta's own limit."""
    request.max_content_length = MAX_BODY  # counted while reading: a body may come without saying its length
    body = request.get_data(cache=False)
    if not webhook_inbox.is_signed(body, request.headers.get("X-Hub-Signature-256", ""), _config().facebook_app_secret):
        metrics.count("webhook_deliveries", "forged")
        abort(401, "The signature does not match this app's secret.")
    webhook_inbox.store_delivery(body)
    return "", 200


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config


def register(app: Flask) -> None:
    """Meta signs instead of logging in: no CSRF token, and no rate limit that would lose receipts."""
    csrf.exempt(blueprint)
    limiter.exempt(blueprint)
    app.register_blueprint(blueprint)
