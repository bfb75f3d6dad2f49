"""SMTP addresses, what is tried again, and a mail that really goes over a socket."""

import smtplib
import socketserver
import ssl
import threading
from collections.abc import Iterator

import pytest

from wotnot.services.mail import (
    FileMailer,
    MailError,
    SmtpMailer,
    SmtpServer,
    compose,
    mailer_for,
    parse_smtp_url,
)
from wotnot.services.mail import _may_pass as may_pass


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, "", "", is_tls=False)),
        ("smtps://mail.example", SmtpServer("mail.example", 465, "", "", is_tls=True)),
        ("smtp://u%40x:p%3A%2F@h:2525", SmtpServer("h", 2525, "u@x", "p:/", is_tls=False)),
    ],
)
def test_smtp_urls(url, server):
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url", ["mail.example", "http://h", "smtp://", "smtp://h:0", "smtp://h:99999", "smtp://u:secret@h:x"]
)
def test_urls_that_mean_nothing_are_named_without_the_password(url):
    with pytest.raises(MailError) as refused:
        parse_smtp_url(url)
    assert "SMTP_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_line_breaks_cannot_make_headers():
    message = compose(
        sender="WotNot <no-reply@x.example>", to="a@x.example\r\nBcc: b@x.example", subject="Hi\nX: y", body="–"
    )
    assert message["Bcc"] is None
    assert message["X"] is None
    assert message["To"] == "a@x.example"
    assert message["Subject"] == "Hi X: y"


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (smtplib.SMTPServerDisconnected(), True),
        (smtplib.SMTPResponseException(451, b"later"), True),
        (smtplib.SMTPResponseException(550, b"no"), False),
        (smtplib.SMTPAuthenticationError(535, b"no"), False),
        (smtplib.SMTPRecipientsRefused({"a": (450, b"busy")}), True),
        (smtplib.SMTPRecipientsRefused({"a": (550, b"unknown")}), False),
        (ssl.SSLCertVerificationError(), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, again):
    assert may_pass(error) is again


class Server(socketserver.ThreadingTCPServer):
    """An SMTP server in forty lines: refuses the first `busy` mails with 451, keeps the others."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.mails: list[str] = []
        super().__init__(("127.0.0.1", 0), Session)


class Session(socketserver.StreamRequestHandler):
    server: Server

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "MAIL" and self.server.busy > 0:
                self.server.busy -= 1
                self.say("451 busy")
            elif verb == "DATA":
                self.say("354 go")
                self.server.mails.append(self.read_mail())
                self.say("250 kept")
            else:
                self.say("250 ok")

    def read_mail(self) -> str:
        lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
        return "".join(lines)


@pytest.fixture
def smtp(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(getattr(request, "param", 0)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


MESSAGE = {"sender": "WotNot <no-reply@x.example>", "to": "dana@x.example", "subject": "Grüße", "body": "Hällo\n"}


@pytest.mark.parametrize("smtp", [0, 2], indirect=True)
def test_a_mail_arrives_also_at_the_third_try(smtp: Server):
    host, port = smtp.server_address
    SmtpMailer(parse_smtp_url(f"smtp://{host}:{port}"), retry_after=(0.01, 0.01)).send(compose(**MESSAGE))
    assert len(smtp.mails) == 1
    assert "To: dana@x.example" in smtp.mails[0]


@pytest.mark.parametrize("smtp", [3], indirect=True)
def test_a_server_that_stays_busy_is_an_error(smtp: Server):
    host, port = smtp.server_address
    mailer = SmtpMailer(parse_smtp_url(f"smtp://{host}:{port}"), retry_after=(0.01, 0.01))
    with pytest.raises(MailError, match="451"):
        mailer.send(compose(**MESSAGE))
    assert smtp.mails == []


def test_without_a_server_mails_are_files_for_their_owner_only(tmp_path):
    mailer = mailer_for("", tmp_path / "mail")
    assert isinstance(mailer, FileMailer)
    mailer.send(compose(**MESSAGE))
    mailer.send(compose(**MESSAGE))
    files = list((tmp_path / "mail").iterdir())
    assert len(files) == 2
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
