"""The secrets of this machine, made once."""

import base64
import secrets

from launcher import envfile
from launcher.paths import Paths

DEMO_LINE = "log-in: "
DEMO_LOG_IN = "DEMO_LOG_IN"


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


def keep_demo_log_in(paths: Paths, output: str) -> None:
    """Remember the line that `flask demo` printed when it made the demo workspace; other output changes nothing."""
    said = [line.removeprefix(DEMO_LINE) for line in output.splitlines() if line.startswith(DEMO_LINE)]
    if said:
        envfile.write_private(paths.secrets, envfile.read(paths.secrets) | {DEMO_LOG_IN: said[-1]})


def demo_log_in(paths: Paths) -> str:
    """Who may log in to the demo workspace: "address, password …". Empty if there is none."""
    return envfile.read(paths.secrets).get(DEMO_LOG_IN, "")
