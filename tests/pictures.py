"""Pictures made for tests, byte by byte."""

import struct
import zlib


def png(width: int, height: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A whole PNG of one grey; `extra` chunks stand before the picture."""
    rows = zlib.compress(bytes(height * (1 + width)))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), *extra, (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
