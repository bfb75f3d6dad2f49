"""What the person sees when everything runs."""

from collections.abc import Mapping

from launcher.paths import Paths


def show(paths: Paths, environment: Mapping[str, str], address: str, seconds: float) -> None:
    """Where to go, who to be, where to look when something is wrong."""
    lines = [("WotNot", f"{address}/app/")]
    log_in = _demo_log_in(paths)
    if log_in:
        lines.append(("Log in", log_in))
    if environment.get("SANDBOX_URL"):
        lines.append(("Customer's phone", environment["SANDBOX_URL"]))
    lines.append(("Logs", f"{paths.logs}/"))
    width = max(len(name) for name, _ in lines)
    print(f"\n  Ready in {seconds:.1f} s.\n", flush=True)
    for name, value in lines:
        print(f"  {name:<{width}}   {value}", flush=True)
    print("\n  Ctrl-C stops it; the data stays.\n", flush=True)


def _demo_log_in(paths: Paths) -> str:
    """The line that `flask demo` printed when it made the demo workspace, kept in its log; empty if there is none."""
    log = paths.logs / "demo.log"
    if not log.exists():
        return ""
    marked = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("log-in: ")]
    return marked[-1].removeprefix("log-in: ") if marked else ""
