"""Jobs over uploaded files."""

from wotnot.services import contact_imports, import_runs


def check_import(import_id: int) -> dict[str, object]:
    """The dry run of an import."""
    return import_runs.run(import_id)


def run_import(import_id: int) -> dict[str, object]:
    """The import itself."""
    return import_runs.run(import_id)


def sweep_imports() -> dict[str, int]:
    """Start again what died."""
    return contact_imports.sweep_imports()
