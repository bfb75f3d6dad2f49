"""What the inbox shows, made of rows and words."""

from typing import Any

import pytest

from wotnot import clock
from wotnot.blueprints.conversation_views import linkify, media_of, revision_of
from wotnot.models import Direction, InboundMediaState, MediaFile, MediaKind, Message, MessageState
from wotnot.services.inbound_media import InboundFile
from wotnot.services.threads import Entry
from wotnot.services.whatsapp.wording import header_file_id


def entry_of(kind: str = "text", content: Any = None, **fields: Any) -> Entry:
    message = Message(id=7, type=kind, **{"state": MessageState.RECEIVED, "direction": Direction.IN} | fields)
    return Entry(clock.now(), message, content={} if content is None else content)


def file_of(mime_type: str, kind: MediaKind = MediaKind.IMAGE) -> MediaFile:
    return MediaFile(id=3, kind=kind, mime_type=mime_type, size_bytes=2048, filename="fern")


def test_a_line_looks_new_with_each_edit_and_with_its_file() -> None:
    entry = entry_of(content={"body": "One"})
    seen = {revision_of(entry)}
    for words in ("Two", "Three"):
        entry.content, entry.is_edited = {"body": words}, True
        seen.add(revision_of(entry))
    picture = entry_of("image")
    for state in InboundMediaState:
        sent = InboundFile(state, "", file_of("image/png") if state is InboundMediaState.KEPT else None)
        seen.add(revision_of(picture, media_of(picture, picture.message, {}, sent)))
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("mime_type", "shown_as"), [("image/webp", "sticker"), ("application/octet-stream", "document")]
)
def test_what_a_browser_cannot_draw_is_offered_as_a_document(mime_type: str, shown_as: str) -> None:
    entry = entry_of("sticker")
    sent = InboundFile(InboundMediaState.KEPT, "", file_of(mime_type, MediaKind.STICKER))
    file = media_of(entry, entry.message, {}, sent)
    assert (file.kind, file.state, file.url) == (shown_as, "kept", "/app/media/3/file")


def test_ours_are_found_by_the_id_that_meta_gave_them() -> None:
    fern = {"11": file_of("image/png")}
    picture = entry_of("image", {"id": "11"}, direction=Direction.OUT)
    header = [{"type": "header", "parameters": [{"type": "image", "image": {"id": "11"}}]}]
    template = entry_of("template", {"components": header}, direction=Direction.OUT)
    strange = entry_of("image", {"id": "12"}, direction=Direction.OUT)
    assert [media_of(one, one.message, fern, None).state for one in (picture, template, strange)] == [
        "kept",
        "kept",
        "gone",
    ]
    # What a customer's message calls its file is an id of theirs.
    theirs = entry_of("image", {"id": "11"})
    assert media_of(theirs, theirs.message, fern, None).state == "gone"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"components": [{"type": "header", "parameters": [{"type": "video", "video": {"id": "5"}}]}]}, "5"),
        ({"values": {"1": "Ann", "header.document": "6"}}, "6"),
        ({"components": [{"type": "header", "parameters": [{"type": "image", "image": {"link": "https://x"}}]}]}, ""),
        ({"components": [{"type": "header", "parameters": []}, "garbage"]}, ""),
        ({"components": None}, ""),
        ({"values": "garbage"}, ""),
    ],
)
def test_the_file_in_a_templates_header(content: dict[str, Any], found: str) -> None:
    assert header_file_id(content) == found


def test_links_are_links_and_everything_else_is_words() -> None:
    assert linkify("See <b> www.example.com/a?b=1&c, now") == (
        'See &lt;b&gt; <a href="https://www.example.com/a?b=1&amp;c" target="_blank" '
        'rel="noopener noreferrer nofollow">www.example.com/a?b=1&amp;c</a>, now'
    )
