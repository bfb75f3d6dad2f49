"""Static files under addresses that change with their content, so that a browser keeps them for a year."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, request, url_for

YEAR_SECONDS = 365 * 86400


def register(app: Flask) -> None:
    """Put a version on every `url_for('static', …)` and let browsers keep what they fetched by it."""
    folder = Path(app.static_folder or "")

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "filename" in values and "v" not in values:
            values["v"] = _version(folder / values["filename"])

    app.add_template_global(_asset, "asset")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = YEAR_SECONDS


def _asset(filename: str) -> str:
    """The address of a static file, for templates. Every page names a dozen of them, always the same."""
    return _address(request.script_root, filename)


@lru_cache(maxsize=512)
def _address(script_root: str, filename: str) -> str:
    del script_root  # part of the address, so part of the key
    return url_for("static", filename=filename)


@lru_cache(maxsize=512)
def _version(file: Path) -> str:
    try:
        facts = file.stat()
    except OSError:
        return "0"
    return f"{facts.st_mtime_ns:x}{facts.st_size:x}"[-16:]
