"""Jobs that write files for people."""

from wotnot.services import export_runs, exports


def build_export(export_id: int) -> dict[str, object]:
    """Write the file of an export."""
    return export_runs.run(export_id)


def sweep_exports() -> dict[str, int]:
    """Start again what died."""
    return exports.sweep_exports()
