"""What the import pages say: numbers into words, columns into rows of a form, problems into what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wotnot.models import ContactImport, ImportRow, ImportState, OnDuplicate, RowVerdict
from wotnot.services import csv_sniffing
from wotnot.services.import_columns import ATTRIBUTE, FIXED_TARGETS, IGNORE

_PROBLEM_WORDS = {
    "phone": ("fix 1 phone number", "fix {} phone numbers"),
    "missing": ("enter a phone number in 1 row", "enter a phone number in {} rows"),
    "email": ("fix 1 e-mail address", "fix {} e-mail addresses"),
    "language": ("fix 1 language", "fix {} languages"),
    "text": ("clean 1 cell with unreadable or too much text", "clean {} cells with unreadable or too much text"),
    "row": ("repair 1 row with the wrong number of cells", "repair {} rows with the wrong number of cells"),
}
_KNOWN_WORDS = {
    OnDuplicate.SKIP: "skipped",
    OnDuplicate.FILL: "fill blanks",
    OnDuplicate.OVERWRITE: "overwrite",
}
_BYTES_IN_KB = 1024


@dataclass(frozen=True, slots=True)
class ColumnView:
    """A column on the mapping page: its sample values, what is selected, and the name of a new field."""

    name: str
    samples: list[str]
    selected: str
    new_name: str


@dataclass(frozen=True, slots=True)
class CheckView:
    """The finished check: tabs with their counts, what to fix, and the rows of the tab that is open."""

    ready: int
    tabs: list[tuple[str, str, str, int, bool]]
    to_do: list[str]
    shown: str
    verdict: RowVerdict | None
    base: str
    rows: list[ImportRow] = field(default_factory=list)
    has_more: bool = False

    @classmethod
    def of(cls, found: ContactImport, wanted: str, broadcast_id: int | None) -> "CheckView":
        """The view with the tab `wanted` open, by default the one that needs work."""
        counts = _counts(found)
        shown = wanted if wanted in counts else ("fix" if counts["fix"] else "ready")
        query = f"&broadcast={broadcast_id}" if broadcast_id else ""
        base = f"/app/imports/{found.id}/check?show={shown}{query}"
        tabs = [
            (icon, words, f"/app/imports/{found.id}/check?show={name}{query}", counts[name], name == shown)
            for name, icon, words in _tabs(found)
            if counts[name] or name in {"ready", "fix"}
        ]
        is_checked = found.state is ImportState.CHECKED
        verdict = {"fix": RowVerdict.INVALID, "twice": RowVerdict.DUPLICATE}.get(shown) if is_checked else None
        return cls(counts["ready"], tabs, _to_do(found.problems), shown, verdict, base)


def _counts(found: ContactImport) -> dict[str, int]:
    skips = found.on_duplicate is OnDuplicate.SKIP
    twice = found.problems.get("twice", 0) if skips else found.duplicate_count
    known = (
        found.duplicate_count - twice if skips else found.updated_count + found.unchanged_count - found.opted_out_count
    )
    return {
        "ready": found.created_count + found.updated_count,
        "fix": found.invalid_count,
        "known": known,
        "twice": twice,
        "out": found.opted_out_count,
    }


def _tabs(found: ContactImport) -> list[tuple[str, str, str]]:
    return [
        ("ready", "circle-check", "Ready"),
        ("fix", "alert-circle", "To fix"),
        ("known", "copy", f"Already known, {_KNOWN_WORDS[found.on_duplicate]}"),
        ("twice", "files", "Twice in the file"),
        ("out", "hand-stop", "Opted out, left alone"),
    ]


def _to_do(problems: Mapping[str, int]) -> list[str]:
    return [
        one if problems[kind] == 1 else many.format(f"{problems[kind]:,}")
        for kind, (one, many) in _PROBLEM_WORDS.items()
        if problems.get(kind)
    ]


def columns_of(found: ContactImport, targets: Sequence[str], known: Sequence[str]) -> list[ColumnView]:
    """The file's columns with what is selected for each; a field that does not exist yet is a new one."""
    names = {name.lower(): name for name in known}
    samples = found.dialect["samples"]
    views = []
    for place, (column, target) in enumerate(zip(found.dialect["columns"], targets, strict=True)):
        values = [row[place] if place < len(row) else "" for row in samples]
        selected, new_name = target, ""
        if target.startswith(ATTRIBUTE):
            name = target.removeprefix(ATTRIBUTE)
            is_known = name.lower() in names
            selected, new_name = (ATTRIBUTE + names[name.lower()], "") if is_known else ("new", name)
        views.append(ColumnView(column, values, selected, new_name or column[:60]))
    return views


def target_choices(known: Sequence[str]) -> list[tuple[str, str]]:
    """What a column can go to, for a select."""
    fields = [(ATTRIBUTE + name, name) for name in known]
    return [*FIXED_TARGETS.items(), *fields, ("new", "New field…"), (IGNORE, "Do not import")]


def file_words(found: ContactImport) -> str:
    """How the file is written: "3,214 rows · semicolons, UTF-8, names in row 1"."""
    dialect: Mapping[str, Any] = found.dialect
    header = "names in row 1" if dialect["has_header"] else "no names in row 1"
    rows = f"{found.row_count:,} {'row' if found.row_count == 1 else 'rows'}"
    delimiter = csv_sniffing.DELIMITERS[dialect["delimiter"]]
    letters = dialect.get("rewritten_from") or csv_sniffing.ENCODINGS[dialect["encoding"]]
    return f"{rows} · {delimiter}, {letters}, {header}"


def encoding_choices(found: ContactImport) -> list[tuple[str, str]]:
    """How the letters may be read; a file that came as UTF-16 says so itself, there is nothing to choose."""
    came_as = found.dialect.get("rewritten_from")
    return [(found.dialect["encoding"], came_as)] if came_as else list(csv_sniffing.ENCODINGS.items())


def steps_of(found: ContactImport, now: int, broadcast_id: int | None) -> list[tuple[str, str, str | None]]:
    """The four steps for wizard.steps; only columns can be gone back to, and only before the import."""
    query = f"?broadcast={broadcast_id}" if broadcast_id else ""
    targets = found.mapping["targets"]
    used = f"{sum(bool(target) for target in targets)} of {len(targets)} used"
    may_change = found.state in {ImportState.UPLOADED, ImportState.CHECKING, ImportState.CHECKED}
    columns_url = f"/app/imports/{found.id}/columns{query}" if may_change else None
    return [
        ("File", f"{size_words(found.size_bytes)} uploaded" if now == 2 else found.filename, None),
        ("Match columns", used, columns_url),
        ("Check", "Nothing is saved before", None),
        ("Import", "", None),
    ]


def size_words(size: int) -> str:
    """Bytes as people say them."""
    if size < _BYTES_IN_KB * _BYTES_IN_KB:
        return f"{max(1, round(size / _BYTES_IN_KB))} KB"
    return f"{size / _BYTES_IN_KB / _BYTES_IN_KB:.1f} MB"
