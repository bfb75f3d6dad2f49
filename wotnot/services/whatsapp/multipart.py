"""A form with one file as a request body that is read while it is sent: a hundred megabytes never lie in memory."""

import secrets
from collections.abc import Mapping
from typing import IO

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class MultipartBody:
    """What `requests` takes as `data`: it has a length, and it can be read once."""

    def __init__(self, fields: Mapping[str, str], file: IO[bytes], filename: str, mime_type: str, size: int) -> None:
        """`file` becomes the part "file"; `size` is what it holds from where it stands."""
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        plain = "".join(_part(boundary, f'name="{name}"') + f"\r\n{value}\r\n" for name, value in fields.items())
        named = _part(boundary, f'name="file"; filename="{filename.translate(_QUOTED)}"')
        self._head = f"{plain}{named}Content-Type: {mime_type}\r\n\r\n".encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._length = len(self._head) + size + len(self._tail)

    def __len__(self) -> int:
        """All bytes that will be read; requests sends it as the Content-Length."""
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        if self._head:
            piece, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
        else:
            piece = self._file.read(size)
        if not piece:
            piece, self._tail = (self._tail, b"") if size < 0 else (self._tail[:size], self._tail[size:])
        return piece


def _part(boundary: str, disposition: str) -> str:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
