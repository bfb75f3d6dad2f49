"""Which words stand beside a recipient: those that the message was sent with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wotnot.models import Broadcast, Template, TemplateVersion
from wotnot.services.broadcast_messages import MessageTexts
from wotnot.services.recipients import Recipient

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOTHING: dict[str, Any] = dict.fromkeys(Recipient.__slots__)


def words(text: str) -> list[dict[str, Any]]:
    return [{"type": "BODY", "text": text}]


def recipient(state: str, version: int | None, **fields: Any) -> Recipient:
    known = {"state": state, "template_version": version, "values": {"1": "Ana"}, "changed_at": MONDAY}
    return Recipient(**NOTHING | known | fields)


@pytest.fixture
def texts() -> MessageTexts:
    """Old words until Tuesday, middle ones until Wednesday, new ones now."""
    broadcast = Broadcast(variables={})
    broadcast.template = Template(components=words("New {{1}}"), version=3)
    versions = [
        TemplateVersion(number=number, components=words(text), created_at=MONDAY + timedelta(days=number - 2))
        for number, text in ((1, "Old {{1}}"), (2, "Middle {{1}}"), (3, "New {{1}}"))
    ]
    return MessageTexts(broadcast, versions)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (recipient("read", 1), "Old Ana"),
        (recipient("failed", 2), "Middle Ana"),
        (recipient("delivered", 3), "New Ana"),
        (recipient("queued", None), "New Ana"),
        (recipient("queued", 1), "New Ana"),
        (recipient("skipped", None), "Middle Ana"),
        (recipient("read", None, changed_at=MONDAY + timedelta(days=9), accepted_at=MONDAY), "Middle Ana"),
        (recipient("read", None, accepted_at=MONDAY - timedelta(days=9)), "Old Ana"),
    ],
)
def test_the_words_are_those_it_was_sent_with(texts: MessageTexts, one: Recipient, text: str) -> None:
    assert texts.text_for(one) == text


def test_a_template_that_never_changed_needs_no_versions() -> None:
    broadcast = Broadcast(variables={})
    broadcast.template = Template(components=words("Only {{1}}"), version=1)
    assert MessageTexts(broadcast, []).line_for(recipient("read", None)) == "Only Ana"
