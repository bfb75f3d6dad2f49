"""Mail: through an SMTP server, or into files where none is set up."""

import logging
import smtplib
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15
# Pauses between tries while the server says "try again" (4xx) or cannot be reached.
RETRY_AFTER_SECONDS = (2.0, 8.0)
_DEFAULT_PORTS = {"smtp": 587, "smtps": 465}


class MailError(Exception):
    """The mail did not leave; the message says why."""


class Mailer(Protocol):
    """Whatever takes a finished mail away. Raises MailError."""

    def send(self, message: EmailMessage) -> None:
        """Deliver `message` to its recipient, or to the server that will."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """An SMTP server. `is_tls` means TLS from the first byte; without it STARTTLS is used where it is offered."""

    host: str
    port: int
    username: str
    password: str
    is_tls: bool


def parse_smtp_url(url: str) -> SmtpServer:
    """`smtp://user:password@host:port` or `smtps://…`; user and password URL-quoted, ports 587 and 465 by default.

    Raises MailError saying what is wrong with it, without the password.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        raise MailError("SMTP_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465.")
    return SmtpServer(
        host=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_tls=parts.scheme == "smtps",
    )


class SmtpMailer:
    """Sends through one SMTP server, a connection a mail."""

    def __init__(self, server: SmtpServer, retry_after: tuple[float, ...] = RETRY_AFTER_SECONDS) -> None:
        """`retry_after` are the seconds to wait before each further try."""
        self._server = server
        self._retry_after = retry_after

    def send(self, message: EmailMessage) -> None:
        """Deliver to the server; a passing trouble is tried again, a refusal is not."""
        for pause in (*self._retry_after, None):
            try:
                self._send_once(message)
            except (smtplib.SMTPException, OSError) as error:
                if pause is None or not _may_pass(error):
                    raise MailError(f"{self._server.host} did not take the mail: {error}") from error
                time.sleep(pause)
            else:
                return

    def _send_once(self, message: EmailMessage) -> None:
        server = self._server
        context = ssl.create_default_context()
        if server.is_tls:
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        with client:
            client.ehlo()
            if not server.is_tls and client.has_extn("starttls"):
                client.starttls(context=context)
                client.ehlo()
            if server.username:
                client.login(server.username, server.password)
            client.send_message(message)


class FileMailer:
    """Writes each mail to a folder instead of sending it: for development, and for trying the product out."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first mail comes."""
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Write the mail to a new file that only its owner may read, and log where it is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.eml"
        path.touch(mode=0o600)
        path.write_bytes(bytes(message))
        logger.info("no SMTP_URL is set; the mail was written to %s", path)


def mailer_for(smtp_url: str, folder: Path) -> Mailer:
    """The mailer for `smtp_url`; files in `folder` when it is empty. Raises MailError."""
    return SmtpMailer(parse_smtp_url(smtp_url)) if smtp_url else FileMailer(folder)


def compose(*, sender: str, to: str, subject: str, body: str) -> EmailMessage:
    """A plain-text mail. Line breaks in the headers' values become spaces."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = " ".join(to.split())
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message


def _may_pass(error: Exception) -> bool:
    """Whether trying again can help: unreachable, hung up, or a 4xx answer (RFC 5321, section 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500
    return isinstance(error, OSError) and not isinstance(error, ssl.SSLCertVerificationError)
