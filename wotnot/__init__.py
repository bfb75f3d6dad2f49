"""WotNot: WhatsApp marketing that can prove what it did. `create_app` builds the Flask application."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wotnot import blueprints, cli, log
from wotnot.config import Config
from wotnot.extensions import api, csrf, db, jwt, limiter, login, migrate, redis

__all__ = ["Config", "create_app"]


def create_app(config: Config | None = None, *, with_web: bool = True) -> Flask:
    """Build the application from `config` (default: the environment); without pages, API and webhooks unless `with_web`.

    Raises ConfigError with one clear line when a setting is missing or wrong.
    """
    config = config or Config.from_env()
    app = Flask(__name__)
    app.config.from_mapping(config.as_flask())
    app.extensions["wotnot.config"] = config
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    log.configure(config.log_format)
    if config.trusted_proxies:
        # Limits, log lines and links need the visitor's own address and scheme, not those of the proxy in front.
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    log.register(app)

    # Stores first: everything below may use them.
    db.init_app(app)
    migrate.init_app(app, db, directory="migrations")
    redis.init_app(config.redis_url)

    if with_web:
        _open_to_the_web(app)
    cli.register(app)
    return app


def _open_to_the_web(app: Flask) -> None:
    # Who is asking, and how much they may ask.
    login.init_app(app)
    jwt.init_app(app)
    csrf.init_app(app)
    limiter.init_app(app)

    # What they can ask for.
    api.init_app(app)
    blueprints.register(app)
