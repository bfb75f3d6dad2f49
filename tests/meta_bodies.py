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


def check_bodies(bodies: Iterable[dict[str, Any]]) -> None:
    """Each body as the sandbox remembers it, {"kind", "body"}; raises AssertionError with the place of the first fault."""
    for one in bodies:
        fault = best_match(_VALIDATORS[one["kind"]].iter_errors(one["body"]))
        if fault is not None:
            raise AssertionError(
                f"{one['kind']} {fault.json_path}: {fault.message}\n{json.dumps(one['body'], indent=1)}"
            )
