"""Importing contacts from a CSV, against bare `phonenumbers` parsing of the same numbers in the same run.

    python -m bench.imports [--rows 200000]

Ours is the whole job as a worker runs it: reading, checking every cell, finding doubles, COPY, upsert, search index, counts,
checkpoints. Three runs over one file: the dry run, the import, and the same file again with `overwrite`. Bars for the import:
20,000 rows a second, half of the bare loop's pace, and memory that does not grow with the file.
"""

import argparse
import csv
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import phonenumbers

from bench.world import execute, running_world, seed_workspace
from wotnot.models import OnDuplicate
from wotnot.services import contact_imports, import_runs

ROWS_A_SECOND = 20_000
SHARE_OF_BARE = 0.5
MEMORY_MB = 64
COUNTRY = "ZA"
_FIRST = [
    "Naledi",
    "Pieter",
    "Aïsha",
    "Thabo",
    "Femke",
    "Chidi",
    "Lerato",
    "Sipho",
    "Anneke",
    "Zanele",
    "José",
    "Jürgen",
    "Amélie",
    "Oluwaseun",
]
_LAST = [
    "Mokoena",
    "van Wyk",
    "Patel",
    "Dlamini",
    "de Boer",
    "Okafor",
    "Khumalo",
    "Oberholzer-Schwarzenbach",
    "Müller",
    "O'Neil",
]
_TOWNS = ["Paarl", "Cape Town", "Durban", "Pretoria", "Stellenbosch", "London", "Utrecht"]


def main() -> int:
    """Run the bench; the exit code says whether the bars were met."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=200_000)
    rows = arguments.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="wotnot-bench-") as folder, running_world():
        path = Path(folder) / "people.csv"
        numbers = _write_file(path, rows)
        workspace_id = seed_workspace()
        execute("UPDATE workspaces SET default_country = :country", country=COUNTRY)
        _import(path.with_name("warm.csv"), workspace_id, _write_file(path.with_name("warm.csv"), 2000))
        bare = _time(lambda: _parse_bare(numbers))
        before = _memory_mb()
        dry = _import(path, workspace_id, numbers, dry_run=True)
        first = _import(path, workspace_id, numbers)
        grown = _memory_mb() - before
        again = _import(path, workspace_id, numbers, on_duplicate=OnDuplicate.OVERWRITE)
        bare = min(bare, _time(lambda: _parse_bare(numbers)))
    return _report(rows, bare, {"dry run": dry, "import": first, "again, overwrite": again}, grown)


def _report(rows: int, bare: float, runs: dict[str, float], grown: float) -> int:
    print(f"{'bare phonenumbers':20} {bare:7.2f} s {rows / bare:10,.0f} rows/s")
    for name, seconds in runs.items():
        print(f"{name:20} {seconds:7.2f} s {rows / seconds:10,.0f} rows/s   {bare / seconds:.2f} of bare")
    seconds = runs["import"]
    print(f"memory grew by {grown:.0f} MB")
    met = rows / seconds >= ROWS_A_SECOND and bare / seconds >= SHARE_OF_BARE and grown <= MEMORY_MB
    print(f"bars: {ROWS_A_SECOND:,} rows/s, {SHARE_OF_BARE} of bare, {MEMORY_MB} MB: {'met' if met else 'MISSED'}")
    return 0 if met else 1


def _import(path: Path, workspace_id: int, numbers: list[str], **options: object) -> float:
    """Seconds of the job alone; the upload, which a person waits for, is not in it."""
    with path.open("rb") as stream:
        found = contact_imports.create_import(workspace_id, stream, path.name, default_country=COUNTRY, **options)  # type: ignore[arg-type]
    import_id = found.id
    seconds = _time(lambda: import_runs.run(import_id))
    found = contact_imports.get_import(workspace_id, import_id)
    if import_runs.rows_done(found) != len(numbers) or found.invalid_count:
        sys.exit(f"the import did not take every row: {found.state} {found.reason} {found.invalid_count} invalid")
    return seconds


def _write_file(path: Path, rows: int) -> list[str]:
    """A file as shops have them: numbers written in five ways, one in 200 there twice. Answers the numbers."""
    rng = random.Random(rows)
    numbers = []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Phone", "First name", "Surname", "E-mail", "Town", "Last order"])
        for n in range(rows):
            numbers.append(_number(rng, n if n % 200 else n // 2))
            first, last = rng.choice(_FIRST), rng.choice(_LAST)
            order = f"2026-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
            writer.writerow([numbers[-1], first, last, f"person{n}@example.com", rng.choice(_TOWNS), order])
    return numbers


def _number(rng: random.Random, n: int) -> str:
    digits = f"{n * 7919 % 10_000_000:07d}"
    written = (
        f"+2782{digits}",
        f"2782{digits}",
        f"082{digits}",
        f"082 {digits[:3]} {digits[3:]}",
        f"+27 (82) {digits[:3]}-{digits[3:]}",
    )
    return rng.choice(written)


def _parse_bare(numbers: list[str]) -> None:
    for number in numbers:
        parsed = phonenumbers.parse(number, COUNTRY)
        if not phonenumbers.is_valid_number(parsed):
            sys.exit(f"{number} is no number")


def _time(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _memory_mb() -> float:
    """The most this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
