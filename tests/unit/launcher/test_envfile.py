"""Files of NAME=value lines: read as people write them, written for their owner only."""

from pathlib import Path

import pytest

from launcher import envfile
from launcher.errors import StartError


def test_lines_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        '\ufeff# a comment\n\nA=1\nexport B = two words \nC="with # inside"\nD=x # why\nE=\nF=a=b==\n', encoding="utf-8"
    )
    expected = {"A": "1", "B": "two words", "C": "with # inside", "D": "x", "E": "", "F": "a=b=="}
    assert envfile.read(file) == expected


def test_no_file_is_no_settings(tmp_path: Path) -> None:
    assert envfile.read(tmp_path / "none") == {}


@pytest.mark.parametrize("line", ["what is this", "1A=x", "=x", "A B=x"])
def test_a_line_that_is_no_setting_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"A=1\n{line}\n")
    with pytest.raises(StartError, match="line 2"):
        envfile.read(file)


def test_what_is_written_is_private_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    envfile.write_private(file, {"KEY": "a=b", "OTHER": "x"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert envfile.read(file) == {"KEY": "a=b", "OTHER": "x"}
