"""Static files under addresses that change with their content, so that a browser keeps them for a year."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask

YEAR_SECONDS = 365 * 86400


def register(app: Flask) -> None:
    """Put a version on every `url_for('static', …)` and let browsers keep what they fetched by it."""
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values and "v" not in values:
            values["v"] = _version(folder / values["filename"])

    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_SECONDS


@lru_cache(maxsize=512)
def _version(file: Path) -> str:
    try:
        facts = file.stat()
    except OSError:
        return "0"
    return f"{facts.st_mtime_ns:x}{facts.st_size:x}"[-16:]
