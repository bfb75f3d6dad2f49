"""A stream on its way into the storage: its first bytes are looked at before, its checksum is known after. Pure."""

import hashlib
from io import BytesIO

from wotnot.services.media_rules import HEAD_BYTES
from wotnot.services.picture_files import UnreadablePictureError, without_metadata
from wotnot.services.storage import Readable

_PIECE = 64 * 1024


class Incoming:
    """The stream with its head put back in front; it adds up the checksum of what passes."""

    def __init__(self, stream: Readable) -> None:
        """Read the head: a stream may give fewer bytes at once than it was asked for."""
        self.head = b""
        while len(self.head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(self.head))):
            self.head += piece
        self._waiting, self._rest = self.head, stream
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""
        piece = self._waiting[:size] or self._rest.read(size)
        self._waiting = self._waiting[size:]
        self._digest.update(piece)
        return piece

    @property
    def sha256(self) -> str:
        """Of everything that was read, in hexadecimal."""
        return self._digest.hexdigest()


def without_place(incoming: Incoming, limit: int) -> Incoming:
    """A picture without where, when and with what it was taken. One beyond `limit` bytes, or too odd to be read, as it is."""
    data = bytearray()
    while len(data) <= limit and (piece := incoming.read(_PIECE)):
        data += piece
    try:
        clean = without_metadata(bytes(data)) if len(data) <= limit else bytes(data)
    except UnreadablePictureError:
        clean = bytes(data)
    return Incoming(BytesIO(clean))
