"""Jobs about mail."""

from flask import current_app

from wotnot.config import Config
from wotnot.services import mail


def send_mail(to: str, subject: str, body: str) -> dict[str, int]:
    """Send one plain-text mail. Raises MailError, so that a mail that did not leave is a failed job."""
    config: Config = current_app.extensions["wotnot.config"]
    mailer = mail.mailer_for(config.smtp_url, config.storage_path.parent / "mail")
    mailer.send(mail.compose(sender=config.mail_from, to=to, subject=subject, body=body))
    return {"sent": 1}
