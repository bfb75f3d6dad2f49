"""A server that notes every message whose last byte arrived, over plain HTTP or TLS; it never loses one to a dead client."""

import json
import socket
import ssl
import threading
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wotnot import clock

ANSWER = json.dumps({"messages": [{"id": "wamid.1"}]}).encode()


class Receiver:
    """Listens on loopback until `close`. `numbers` are those of the messages that arrived whole, in their order."""

    def __init__(self, context: ssl.SSLContext | None = None, *, answer: bool = True) -> None:
        """With a `context`, TLS. Without `answer`, each connection is closed as soon as its message is read."""
        self.numbers: list[int] = []
        self._context, self._answer = context, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def wait_for_quiet(self) -> None:
        """Return when every connection there was has ended."""
        for thread in list(self._threads):
            thread.join(10)
        self._threads.clear()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(5)
        self.wait_for_quiet()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._context is None:
                self._converse(connection)
            else:
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._converse(secure)

    def _converse(self, connection: Any) -> None:
        reader = connection.makefile("rb")
        while (head := _read_head(reader)) and len(body := reader.read(_length(head))) == _length(head):
            self.numbers.append(json.loads(body)["number"])
            if not self._answer:
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))


def _read_head(reader: Any) -> list[bytes]:
    return list(iter(reader.readline, b"\r\n")) if reader.peek(1) else []


def _length(head: list[bytes]) -> int:
    return next(int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length:"))


def make_tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file with the authority that vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(hours=1))
        .not_valid_after(clock.now() + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, chain
