"""`python -m launcher start`, and `python -m launcher flask …` for commands beside a running WotNot."""

import os
import sys

from launcher import environment, start
from launcher.errors import StartError
from launcher.paths import ROOT, Paths


def main(arguments: list[str]) -> int:
    """The exit code: 0 after Ctrl-C, 1 with one clear message when it cannot start."""
    try:
        match arguments:
            case ["start"]:
                start.run(Paths.from_env())
            case ["flask", *rest]:
                _flask(rest)
            case _:
                print("usage: python -m launcher start | flask …", file=sys.stderr)
                return 2
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _flask(arguments: list[str]) -> None:
    """Become flask, with the settings of the last start."""
    settings = environment.remembered(Paths.from_env())
    flask = str(ROOT / "var" / "venv" / "bin" / "flask")
    os.execve(flask, [flask, "--app", str(ROOT / "wsgi"), *arguments], settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
