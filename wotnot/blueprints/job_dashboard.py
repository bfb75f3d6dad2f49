"""rq-dashboard at /ops/rq, for platform administrators; to everybody else there is nothing at this address."""

import rq_dashboard
from flask import Flask, Response, request
from flask_login import current_user
from rq_dashboard.web import setup_rq_connection

from wotnot.errors import Forbidden, NotFound
from wotnot.extensions import csrf, limiter

PATH = "/ops/rq"

# Its pages are not ours: they carry scripts of their own, which our policy for pages forbids. Still nothing from elsewhere.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def register(app: Flask) -> None:
    """Mount it. Its forms know no CSRF token, so a change is taken from its own pages only, as the browser attests."""
    config = app.extensions["wotnot.config"]
    app.config["RQ_DASHBOARD_REDIS_URL"] = config.redis_url
    app.config.setdefault("RQ_DASHBOARD_POLL_INTERVAL", 2500)
    setup_rq_connection(app)
    csrf.exempt(rq_dashboard.blueprint)
    limiter.exempt(rq_dashboard.blueprint)
    app.before_request(_require_administrator)
    app.after_request(_relax_policy)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix=PATH)


def _require_administrator() -> None:
    if not _is_here():
        return
    if not (current_user.is_authenticated and current_user.is_platform_admin):
        raise NotFound("Page")
    # One of its addresses changes things on GET too, where no cookie rule protects.
    changes = request.method not in {"GET", "HEAD"} or request.endpoint == "rq_dashboard.requeue_all"
    if changes and request.headers.get("Sec-Fetch-Site") != "same-origin":
        raise Forbidden("Use the buttons of the page itself.")


def _relax_policy(response: Response) -> Response:
    if _is_here():
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
    return response


def _is_here() -> bool:
    return request.path == PATH or request.path.startswith(f"{PATH}/")
