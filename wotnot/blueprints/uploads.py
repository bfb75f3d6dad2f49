"""A small uploaded file on the disk for as long as a request reads it."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import request

from wotnot.errors import Invalid, TooLarge


@contextmanager
def uploaded_file(name: str, max_bytes: int) -> Iterator[tuple[Path, str]]:
    """The path and the name of the file in field `name`, gone after the block. Raises Invalid without one, TooLarge."""
    file = request.files.get(name)
    if file is None or not file.filename:
        raise Invalid({name: "Choose a file first."})
    with TemporaryDirectory() as folder:
        path = Path(folder, "upload.csv")
        with closing(file.stream) as stream, path.open("wb") as kept:
            shutil.copyfileobj(stream, kept)
        if path.stat().st_size > max_bytes:
            raise TooLarge(f"The file is larger than {max_bytes >> 20} MB.")
        yield path, file.filename
