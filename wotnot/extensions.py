"""Extensions, created empty; the factory binds them to an app."""

from flask_cors import CORS
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_smorest import Api
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base of every model; its constraint names are the same in every database."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class RedisExtension:
    """A Redis client that belongs to the app. One per process; redis-py pools and reconnects by itself."""

    def __init__(self) -> None:
        """Start unbound: using it before `init_app` is a programming error and raises."""
        self._client: Redis | None = None

    def init_app(self, url: str) -> None:
        """Bind to `url`. Nothing connects before the first command."""
        self._client = Redis.from_url(
            url,
            socket_timeout=10,
            socket_connect_timeout=3,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
            health_check_interval=15,
        )

    @property
    def client(self) -> Redis:
        """The client, returning bytes (RQ needs them raw)."""
        if self._client is None:
            raise RuntimeError("Redis is used before create_app() bound it.")
        return self._client


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate(compare_type=True)
login = LoginManager()
jwt = JWTManager()
csrf = CSRFProtect()
cors = CORS()
api = Api()
limiter = Limiter(key_func=get_remote_address)
redis = RedisExtension()
