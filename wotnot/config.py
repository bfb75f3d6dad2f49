"""Configuration: read once from the environment, checked, then frozen.

A wrong or missing setting stops the process with one line that names it; nothing is guessed in production.
"""

import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

META_GRAPH_URL = "https://graph.facebook.com"


class ConfigError(Exception):
    """A setting is missing or cannot be used. The message names the variable and says what it should be."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the product. Field names are the environment's names in lower case."""

    database_url: str
    redis_url: str
    secret_key: str
    encryption_keys: tuple[str, ...]
    graph_api_url: str = META_GRAPH_URL
    graph_api_version: str = "v24.0"
    facebook_app_id: str = ""
    facebook_app_secret: str = ""
    facebook_config_id: str = ""
    whatsapp_verify_token: str = ""
    send_rate: int = 20
    gemini_api_key: str = ""
    gemini_api_url: str = ""
    openrouter_api_key: str = ""
    openrouter_base_url: str = "https://openrouter.ai/api/v1"
    public_url: str = "http://127.0.0.1:8000"
    cors_origins: tuple[str, ...] = ()
    smtp_url: str = ""
    mail_from: str = "WotNot <no-reply@localhost>"
    trusted_proxies: int = 0
    allow_private_urls: bool = False
    port: int = 8000
    web_threads: int = 320
    storage_path: Path = field(default=Path("var/storage"))
    storage_url: str = ""
    s3_endpoint_url: str = ""
    aws_region: str = ""
    aws_access_key_id: str = ""
    aws_secret_access_key: str = field(default="", repr=False)
    journal_path: Path = field(default=Path("var/journal"))
    sandbox_url: str = ""
    log_format: str = "json"
    testing: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Config":
        """Read the configuration from `env` (default: the process environment).

        Raises ConfigError naming the first variable that is missing or malformed.
        """
        source = os.environ if env is None else env
        return cls(
            database_url=_database_url(_required(source, "DATABASE_URL")),
            redis_url=_required(source, "REDIS_URL"),
            secret_key=_secret(source, "SECRET_KEY"),
            encryption_keys=_fernet_keys(source),
            graph_api_url=_url(source, "GRAPH_API_URL", META_GRAPH_URL),
            graph_api_version=source.get("GRAPH_API_VERSION") or "v24.0",
            facebook_app_id=source.get("FACEBOOK_APP_ID", ""),
            facebook_app_secret=source.get("FACEBOOK_APP_SECRET", ""),
            facebook_config_id=source.get("FACEBOOK_CONFIG_ID", ""),
            whatsapp_verify_token=source.get("WHATSAPP_VERIFY_TOKEN", ""),
            send_rate=_integer(source, "SEND_RATE", 20, 1, 1000),
            gemini_api_key=source.get("GEMINI_API_KEY", ""),
            gemini_api_url=source.get("GEMINI_API_URL", ""),
            openrouter_api_key=source.get("OPENROUTER_API_KEY", ""),
            openrouter_base_url=source.get("OPENROUTER_BASE_URL") or "https://openrouter.ai/api/v1",
            public_url=_url(source, "PUBLIC_URL", f"http://127.0.0.1:{source.get('PORT') or 8000}"),
            cors_origins=_words(source.get("CORS_ORIGINS", "")),
            smtp_url=source.get("SMTP_URL", ""),
            mail_from=source.get("MAIL_FROM") or "WotNot <no-reply@localhost>",
            trusted_proxies=_integer(source, "TRUSTED_PROXIES", 0, 0, 9),
            allow_private_urls=_flag(source, "ALLOW_PRIVATE_URLS"),
            port=_integer(source, "PORT", 8000, 1, 65535),
            web_threads=_integer(source, "WEB_THREADS", 320, 4, 4000),
            storage_path=Path(source.get("STORAGE_PATH") or "var/storage").resolve(),
            storage_url=_bucket_url(source.get("STORAGE_URL", "")),
            s3_endpoint_url=_url(source, "S3_ENDPOINT_URL", "") if source.get("S3_ENDPOINT_URL") else "",
            aws_region=source.get("AWS_REGION", ""),
            aws_access_key_id=source.get("AWS_ACCESS_KEY_ID", ""),
            aws_secret_access_key=source.get("AWS_SECRET_ACCESS_KEY", ""),
            journal_path=Path(source.get("JOURNAL_PATH") or "var/journal").resolve(),
            sandbox_url=source.get("SANDBOX_URL", ""),
            log_format=_choice(source, "LOG_FORMAT", ("json", "text")),
        )

    def as_flask(self) -> dict[str, object]:
        """The settings that Flask and its extensions read by their own names."""
        secure = self.public_url.startswith("https://")
        return {
            "TESTING": self.testing,
            "SECRET_KEY": self.secret_key,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": {
                "pool_pre_ping": True,
                "pool_size": 10,
                "max_overflow": 20,
                "hide_parameters": True,  # of a statement that failed: they are people's numbers and messages
            },
            "JWT_SECRET_KEY": self.secret_key,
            "JWT_ACCESS_TOKEN_EXPIRES": 3600,
            "JWT_REFRESH_TOKEN_EXPIRES": 30 * 86400,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_SECURE": secure,
            # Only an answer that changed the session sets its cookie: that of a fragment may come late, and would put an
            # older one back. So pages renew it (`guards.py`), and it does not note when somebody's address changes.
            "SESSION_REFRESH_EACH_REQUEST": False,
            "SESSION_PROTECTION": None,
            "REMEMBER_COOKIE_HTTPONLY": True,
            "REMEMBER_COOKIE_SAMESITE": "Lax",
            "REMEMBER_COOKIE_SECURE": secure,
            "MAX_CONTENT_LENGTH": 210 * 1024 * 1024,
            "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
            "WTF_CSRF_TIME_LIMIT": None,
            "RATELIMIT_STORAGE_URI": self.redis_url,
            "RATELIMIT_HEADERS_ENABLED": True,
            "RATELIMIT_SWALLOW_ERRORS": True,
            "API_TITLE": "WotNot",
            "API_VERSION": "1",
            "OPENAPI_VERSION": "3.1.0",
            "OPENAPI_URL_PREFIX": "/api/v1",
            "OPENAPI_JSON_PATH": "openapi.json",
        }


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set. Set it in the environment or in .env (see .env.example).")
    return value


def _secret(env: Mapping[str, str], name: str) -> str:
    value = _required(env, name)
    if len(value) < 32:
        raise ConfigError(f"{name} is too short to be a secret: give at least 32 random characters.")
    return value


def _database_url(url: str) -> str:
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    if url.startswith("postgresql+psycopg2://"):
        return url
    raise ConfigError("DATABASE_URL must start with postgresql:// — WotNot runs on PostgreSQL only.")


def _fernet_keys(env: Mapping[str, str]) -> tuple[str, ...]:
    keys = _words(_required(env, "ENCRYPTION_KEYS"))
    for key in keys:
        try:
            decoded = urlsafe_b64decode(key)
        except ValueError:
            decoded = b""
        if len(decoded) != 32:
            raise ConfigError("ENCRYPTION_KEYS must be Fernet keys (32 bytes, URL-safe base64), newest first.")
    return keys


def _url(env: Mapping[str, str], name: str, default: str) -> str:
    value = (env.get(name) or default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigError(f"{name} must be a full http(s) address; it is {value!r}.")
    return value


def _bucket_url(value: str) -> str:
    parts = urlsplit(value.strip())
    if value.strip() and (parts.scheme != "s3" or not parts.netloc):
        raise ConfigError(f"STORAGE_URL must be s3://bucket or s3://bucket/prefix, or unset; it is {value!r}.")
    return value.strip()


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    raw = env.get(name, "").strip() or str(default)
    if not raw.isdecimal() or not low <= int(raw) <= high:
        raise ConfigError(f"{name} must be a whole number from {low} to {high}; it is {raw!r}.")
    return int(raw)


def _flag(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = env.get(name, "").strip() or choices[0]
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; it is {value!r}.")
    return value


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
