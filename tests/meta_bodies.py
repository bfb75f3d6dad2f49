"""Whether what the product sent about templates looks as Meta's reference says, key by key (`golden/meta_bodies.json`)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

_SCHEMA = json.loads((Path(__file__).parent / "golden" / "meta_bodies.json").read_text())
_VALIDATORS = {
    kind: Draft202012Validator(_SCHEMA | {"$ref": f"#/$defs/{kind}"}) for kind in ("creation", "edit", "message")
}


_RIGHT: set[tuple[str, str]] = set()
"""What was found right: a sandbox tells again what earlier tests had sent to it."""


def check_bodies(bodies: Iterable[dict[str, Any]]) -> None:
    """Each body as the sandbox remembers it, {"kind", "body"}; raises AssertionError with the place of the first fault."""
    for one in bodies:
        here = (one["kind"], json.dumps(one["body"]))
        if here not in _RIGHT:
            _check(one["kind"], one["body"])
            _RIGHT.add(here)


def _check(kind: str, body: dict[str, Any]) -> None:
    fault = best_match(_VALIDATORS[kind].iter_errors(body))
    if fault is not None:
        raise AssertionError(f"{kind} {fault.json_path}: {fault.message}\n{json.dumps(body, indent=1)}")
