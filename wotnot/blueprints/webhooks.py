"""Meta's webhook, and those of shops. They check the signature on the raw bytes, store the body and answer; nothing else.

Understanding it is the inboxes' work (`services/webhook_inbox.py`, `shop_inbox.py`), so that nobody waits and nothing is lost.
"""

import hmac

from flask import Blueprint, Flask, abort, current_app, request

from wotnot import metrics
from wotnot.config import Config
from wotnot.extensions import csrf, limiter
from wotnot.services import shop_inbox, shop_invites, webhook_inbox
from wotnot.services.shop_inbox import Received

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


@blueprint.post("/woocommerce/<token>")
def receive_from_shop(token: str) -> tuple[str, int]:
    """Store one signed delivery of a shop. 401 for a wrong signature, 410 for a shop that was removed, 413 when it is too large."""
    request.max_content_length = MAX_BODY
    body = request.get_data(cache=False)
    headers = request.headers
    received = shop_inbox.receive(
        token,
        body,
        topic=headers.get("X-WC-Webhook-Topic", ""),
        signature=headers.get("X-WC-Webhook-Signature", ""),
    )
    metrics.count("shop_deliveries", received)
    if received is Received.GONE:
        abort(410, "This shop is not connected any more. Delete this webhook.")
    if received is Received.FORGED:
        abort(401, "The signature does not match this webhook's secret.")
    return "", 200


@blueprint.post("/woocommerce/keys")
def receive_keys() -> tuple[str, int]:
    """Take the keys that a shop's owner granted on WooCommerce's own page; 404 for a request that we did not begin."""
    request.max_content_length = MAX_BODY
    shop_invites.take_keys(request.get_json(force=True, silent=True))
    return "", 200


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config


def register(app: Flask) -> None:
    """Meta signs instead of logging in: no CSRF token, and no rate limit that would lose receipts."""
    csrf.exempt(blueprint)
    limiter.exempt(blueprint)
    app.register_blueprint(blueprint)
