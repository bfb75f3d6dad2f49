"""The settings that the processes of one start get."""

import os
from collections.abc import Mapping
from pathlib import Path

from launcher import envfile, ports, secrets_file
from launcher.errors import StartError
from launcher.paths import ROOT, Paths

SANDBOX_PORT = 5080
SANDBOX_APP_ID = "500000000000001"
SANDBOX_AI_KEY = "sandbox-ai-key"
AI_SETTINGS = ("GEMINI_API_KEY", "GEMINI_API_URL", "OPENROUTER_API_KEY")


def given() -> dict[str, str]:
    """The process environment over .env: what a person sets for one start wins over what they wrote down."""
    written = envfile.read(ROOT / ".env")
    return {name: value for name, value in (written | dict(os.environ)).items() if value}


def for_web(environment: Mapping[str, str], paths: Paths, port: int) -> dict[str, str]:
    """`environment` with everything the processes need that does not depend on a service.

    They listen on this machine only, find the venv's commands first, and speak plainly into their log files.
    """
    secrets = secrets_file.ensure(paths)
    defaults = {
        "PUBLIC_URL": f"http://{ports.LOOPBACK}:{port}",
        "SECRET_KEY": secrets["SECRET_KEY"],
        "ENCRYPTION_KEYS": secrets["ENCRYPTION_KEYS"],
        "STORAGE_PATH": str(paths.var / "storage"),
        "JOURNAL_PATH": str(paths.var / "journal"),
    }
    fixed = {
        "PORT": str(port),
        "HOST": ports.LOOPBACK,
        "PATH": f"{Path(ROOT, 'var', 'venv', 'bin')}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    return defaults | dict(environment) | fixed


def with_sandbox(environment: Mapping[str, str], paths: Paths, sandbox_port: int) -> dict[str, str]:
    """`environment` pointing at the sandbox: Meta's address, and the secrets the two of them share."""
    secrets = secrets_file.ensure(paths)
    address = f"http://{ports.LOOPBACK}:{sandbox_port}"
    shared = {
        "FACEBOOK_APP_ID": SANDBOX_APP_ID,
        "FACEBOOK_APP_SECRET": secrets["SANDBOX_APP_SECRET"],
        "WHATSAPP_VERIFY_TOKEN": secrets["SANDBOX_VERIFY_TOKEN"],
    }
    return shared | _ai(environment, address) | dict(environment) | {"GRAPH_API_URL": address, "SANDBOX_URL": address}


def _ai(environment: Mapping[str, str], address: str) -> dict[str, str]:
    """The sandbox in the place of both model providers, unless the person has a key or an address of their own."""
    if any(environment.get(name) for name in AI_SETTINGS):
        return {}
    return {
        "GEMINI_API_URL": address,
        "GEMINI_API_KEY": SANDBOX_AI_KEY,
        "OPENROUTER_BASE_URL": f"{address}/api/v1",
        "OPENROUTER_API_KEY": SANDBOX_AI_KEY,
    }


def for_sandbox(environment: Mapping[str, str], paths: Paths, sandbox_port: int) -> dict[str, str]:
    """What the sandbox itself is told; its webhooks go straight to the web process on this machine."""
    return dict(environment) | {
        "SANDBOX_HOST": ports.LOOPBACK,
        "SANDBOX_PORT": str(sandbox_port),
        "SANDBOX_APP_ID": environment["FACEBOOK_APP_ID"],
        "SANDBOX_APP_SECRET": environment["FACEBOOK_APP_SECRET"],
        "SANDBOX_VERIFY_TOKEN": environment["WHATSAPP_VERIFY_TOKEN"],
        "SANDBOX_WEBHOOK_URL": f"http://{ports.LOOPBACK}:{environment['PORT']}/webhooks/whatsapp",
        "SANDBOX_DATA": str(paths.sandbox),
    }


def redis_password(paths: Paths) -> str:
    """The embedded Redis's password."""
    return secrets_file.ensure(paths)["REDIS_PASSWORD"]


def remember(paths: Paths, environment: Mapping[str, str]) -> None:
    """Keep what this start changed or added, so that `bin/flask` in another terminal means the same WotNot."""
    added = {name: value for name, value in environment.items() if os.environ.get(name) != value and "\n" not in value}
    envfile.write_private(paths.environment, added)


def remembered(paths: Paths) -> dict[str, str]:
    """The environment of the WotNot that was started last. Raises StartError if none was."""
    if not paths.environment.exists():
        raise StartError("WotNot was not started here yet. Run bin/start first, and leave it running.")
    return dict(os.environ) | envfile.read(paths.environment)
