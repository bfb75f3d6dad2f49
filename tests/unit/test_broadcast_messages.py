"""Which words stand beside a recipient: those that the message was sent with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wotnot.models import Broadcast, TemplateVersion
from wotnot.services.broadcast_messages import MessageTexts
from wotnot.services.recipients import Recipient
from wotnot.services.template_wordings import Wordings

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
    versions = [
        TemplateVersion(number=number, components=words(text), created_at=MONDAY + timedelta(days=number - 2))
        for number, text in ((1, "Old {{1}}"), (2, "Middle {{1}}"), (3, "New {{1}}"))
    ]
    return MessageTexts(
        Broadcast(template_id=7, variables={}), Wordings({7: words("New {{1}}"), 8: words("Neu {{1}}")}, {7: versions})
    )


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
        (recipient("read", 1, template_id=8), "Neu Ana"),
        (recipient("queued", None, template_id=8), "Neu Ana"),
    ],
)
def test_the_words_are_those_it_was_sent_with(texts: MessageTexts, one: Recipient, text: str) -> None:
    assert texts.text_for(one) == text


def test_a_template_that_never_changed_needs_no_versions() -> None:
    texts = MessageTexts(Broadcast(template_id=7, variables={}), Wordings({7: words("Only {{1}}")}))
    assert texts.line_for(recipient("read", None)) == "Only Ana"
