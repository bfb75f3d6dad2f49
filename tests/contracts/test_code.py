"""The code about itself: short functions, files of a size to read, documented doors, no session in HTTP."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.paths import ROOT

PACKAGES = ("wotnot", "sandbox", "launcher", "bench")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FUNCTION = 60
LONGEST_FILE = 450
# All tables stand in one file, which therefore may be long and may not do anything.
DECLARATIONS = "wotnot/models.py"
LONGEST_DECLARED_FUNCTION = 10
# The edge where a failed transaction is ended, whichever view it happened in.
MAY_END_TRANSACTIONS = {"wotnot/blueprints/errors.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(where, lines) of every function in `path`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


LENGTHS = dict(pair for path in FILES for pair in functions(path))


def test_no_function_is_long() -> None:
    assert {where: lines for where, lines in LENGTHS.items() if lines > LONGEST_FUNCTION} == {}


def test_most_functions_are_short() -> None:
    assert statistics.median(LENGTHS.values()) <= 10
    assert statistics.quantiles(LENGTHS.values(), n=10)[-1] <= 35


def test_no_file_is_long() -> None:
    sizes = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in FILES}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE and name != DECLARATIONS} == {}


def test_the_tables_are_declarations() -> None:
    found = {where: lines for where, lines in LENGTHS.items() if where.startswith(f"{DECLARATIONS}:")}
    assert {where: lines for where, lines in found.items() if lines > LONGEST_DECLARED_FUNCTION} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_and_modules_are_documented(package: str) -> None:
    bare = []
    for path in (one for one in FILES if one.relative_to(ROOT).parts[0] == package):
        tree = ast.parse(path.read_text())
        if path.read_text().strip() and not ast.get_docstring(tree):
            bare.append(str(path.relative_to(ROOT)))
        doors = [node for node in tree.body if isinstance(node, Function | ast.ClassDef) and node.name[0] != "_"]
        bare += [f"{path.relative_to(ROOT)}:{door.lineno} {door.name}" for door in doors if not ast.get_docstring(door)]
    assert bare == []


def test_blueprints_never_touch_the_session() -> None:
    touching = []
    for path in sorted((ROOT / "wotnot" / "blueprints").rglob("*.py")):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        names = {alias.name for node in imports if node.module == "wotnot.extensions" for alias in node.names}
        if "db" in names and str(path.relative_to(ROOT)) not in MAY_END_TRANSACTIONS:
            touching.append(str(path.relative_to(ROOT)))
    assert touching == []


def test_nothing_is_left_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error")
    found = [f"{path.relative_to(ROOT)}: {mark}" for path in FILES for mark in marks if mark in path.read_text()]
    assert found == []
