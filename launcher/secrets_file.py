"""The secrets of this machine, made once."""

import base64
import secrets

from launcher import envfile
from launcher.paths import Paths


def ensure(paths: Paths) -> dict[str, str]:
    """Every secret, making those that are missing. Losing this file means losing what was encrypted with it."""
    known = envfile.read(paths.secrets)
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "SANDBOX_APP_SECRET": secrets.token_hex(16),
        "SANDBOX_VERIFY_TOKEN": secrets.token_urlsafe(24),
        "REDIS_PASSWORD": secrets.token_urlsafe(24),
    }
    complete = made | {name: value for name, value in known.items() if value}
    if complete != known:
        envfile.write_private(paths.secrets, complete)
    paths.secrets.chmod(0o600)
    return complete
