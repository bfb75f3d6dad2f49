"""What the person sees when everything runs."""

from collections.abc import Mapping

from launcher import secrets_file
from launcher.paths import Paths


def show(paths: Paths, environment: Mapping[str, str], address: str, seconds: float) -> None:
    """Where to go, who to be, where to look when something is wrong."""
    lines = [("WotNot", f"{address}/app/")]
    log_in = secrets_file.demo_log_in(paths)
    if log_in and environment.get("SANDBOX_URL"):
        lines.append(("Log in", log_in))
    if environment.get("SANDBOX_URL"):
        lines.append(("Customer's phone", environment["SANDBOX_URL"]))
    lines.append(("Logs", f"{paths.logs}/"))
    width = max(len(name) for name, _ in lines)
    print(f"\n  Ready in {seconds:.1f} s.\n", flush=True)
    for name, value in lines:
        print(f"  {name:<{width}}   {value}", flush=True)
    print("\n  Ctrl-C stops it; the data stays.\n", flush=True)
