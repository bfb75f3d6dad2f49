"""A data folder."""

from pathlib import Path

import pytest

from launcher.paths import Paths


@pytest.fixture
def tmp_paths(tmp_path: Path) -> Paths:
    """Paths below a temporary folder, made."""
    paths = Paths(tmp_path / "var")
    paths.make()
    return paths
