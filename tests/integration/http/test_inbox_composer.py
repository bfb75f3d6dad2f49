"""What members send from the inbox, in a browser without scripts: texts, templates, files, choices, and what failed."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.inbox import page, part, post, revision
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.models import Channel, Contact, Conversation, Message, MessageState
from wotnot.services import media


def test_a_text_is_sent_once_and_comes_back_as_its_bubble(bob: Client, thread: Conversation, session: Any) -> None:
    sent = {"body": "Yes, we do", "client_id": "tab-1"}
    headers = {"HX-Request": "true"}
    first = post(bob, thread, "send", headers=headers, **sent)
    second = post(bob, thread, "send", headers=headers, **sent)
    assert first.status_code == second.status_code == 200
    assert "Yes, we do" in first.get_data(as_text=True)
    assert session.query(Message).filter_by(direction="out").count() == 1
    assert post(bob, thread, "send", body="And again").status_code == 303


def test_a_form_pressed_twice_sends_once(bob: Client, cast: Cast, thread: Conversation, session: Any) -> None:
    """Every composer brings a key of its own, so a second press repeats the first."""
    factories.make_template(cast.workspace, name="news")
    here = f"/app/inbox/{thread.id}"
    acts = {
        "choices": {"body": "Which?", "button": "Small", "shape": "buttons"},
        "react": {"emoji": "👍"},
        "note": {"body": "Hm"},
    }
    for compose, fields in acts.items():
        shown = page(bob, f"{here}?compose={compose}&quote={thread.last_message_id}")
        key = re.search(r'name="client_id" value="([0-9a-f]{32})"', shown)
        assert key, compose
        quoted = {"reply_to": thread.last_message_id} if compose == "react" else {}
        for _ in range(2):
            assert post(bob, thread, compose, client_id=key[1], **quoted, **fields).status_code == 303
    assert session.query(Message).filter_by(direction="out").count() == 2
    assert page(bob, here).count("note, only your team sees it") == 1


def test_a_strange_quote_is_refused_and_nothing_sent(bob: Client, thread: Conversation, session: Any) -> None:
    for strange in ("abc", "9" * 30, "-1"):
        assert post(bob, thread, "send", body="Yes", reply_to=strange).status_code == 404
    assert session.query(Message).filter_by(direction="out").count() == 0


def test_a_text_that_cannot_go_stays_in_the_form(bob: Client, thread: Conversation) -> None:
    answer = post(bob, thread, "send", body="We deliver to {{city_of_birth}}")
    assert answer.status_code == 422
    shown = answer.get_data(as_text=True)
    assert "Nothing is known for {{city_of_birth}}" in shown
    assert "We deliver to {{city_of_birth}}</textarea>" in shown


def test_after_the_window_the_composer_is_a_choice_of_templates(
    bob: Client, cast: Cast, thread: Conversation, session: Any
) -> None:
    template = factories.make_template(cast.workspace, name="order_ready")
    thread.window_expires_at = clock.now() - timedelta(seconds=1)
    factories.save(thread)
    shown = page(bob, f"/app/inbox/{thread.id}")
    assert "Naledi wrote more than 24 hours ago." in shown
    assert "Templates only" in shown
    assert 'name="body"' not in part(bob, f"/app/inbox/{thread.id}", "composer")
    form = page(bob, f"/app/inbox/{thread.id}?compose=template&template={template.id}")
    assert 'name="value-1"' in form
    refused = post(bob, thread, "template", template=template.id, **{"value-1": ""})
    assert (refused.status_code, "This variable has no value." in refused.get_data(as_text=True)) == (422, True)
    preview = post(
        bob, thread, "preview", template=template.id, headers={"HX-Request": "true"}, **{"value-1": "Thandi"}
    )
    assert "Thandi" in preview.get_data(as_text=True)
    assert post(bob, thread, "template", template=template.id, **{"value-1": "Naledi"}).status_code == 303
    sent = session.query(Message).filter_by(direction="out").one()
    assert (sent.type, sent.user_id) == ("template", cast.bob.id)


PICTURE = "header.image"
WITH_PICTURE = [
    {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:abc"]}},
    {"type": "BODY", "text": "Hi {{1}}, spring is here.", "example": {"body_text": [["Ann"]]}},
]


@pytest.fixture
def closed(cast: Cast, contact: Contact, sandbox: SandboxControl) -> Conversation:
    """A thread on the sandbox's number that takes templates only."""
    number = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    return factories.make_conversation(number, contact, window_expires_at=clock.now() - timedelta(hours=1))


def test_a_template_is_offered_once_in_the_language_of_the_person(
    bob: Client, cast: Cast, contact: Contact, closed: Conversation
) -> None:
    words = {"en": "Your order is ready.", "de": "Ihre Bestellung ist fertig.", "fr": "Votre commande est prête."}
    made = {
        language: factories.make_template(
            cast.workspace, name="ready", language=language, components=[{"type": "BODY", "text": said}]
        )
        for language, said in words.items()
    }
    contact.language = "de"
    factories.save(contact)
    shown = part(bob, f"/app/inbox/{closed.id}", "composer")
    assert words["de"] in shown
    assert words["en"] not in shown
    assert f'template={made["fr"].id}"' in shown


def test_a_file_of_the_library_stands_in_a_templates_header(
    bob: Client, cast: Cast, closed: Conversation, session: Any
) -> None:
    template = factories.make_template(cast.workspace, components=WITH_PICTURE)
    file = factories.make_media_file(cast.workspace, "spring.png")
    factories.make_media_file(cast.workspace, "menu.pdf", b"%PDF-1.4 menu")
    shown = part(bob, f"/app/inbox/{closed.id}?compose=template&template={template.id}", "composer")
    assert "spring.png" in shown
    assert "menu.pdf" not in shown
    fields = {"template": template.id, "value-1": "Naledi", f"source-{PICTURE}": "file"}
    refused = post(bob, closed, "template", **fields)
    assert (refused.status_code, "choose a file, or upload one." in refused.text) == (422, True)
    wrong = post(bob, closed, "template", **{**fields, f"source-{PICTURE}": "text", f"text-{PICTURE}": "spring"})
    assert (wrong.status_code, "Give the full address of the file" in wrong.text) == (422, True)
    fields[f"file-{PICTURE}"] = str(file.id)
    preview = post(bob, closed, "preview", headers={"HX-Request": "true"}, **fields)
    assert f'src="/app/media/{file.id}/file"' in preview.text
    assert post(bob, closed, "template", **fields).status_code == 303
    sent = session.query(Message).filter_by(direction="out").one()
    header, body = sent.content["components"]
    assert set(header["parameters"][0]["image"]) == {"id"}
    assert body["parameters"] == [{"type": "text", "text": "Naledi"}]
    assert f'src="/app/media/{file.id}/file"' in part(bob, f"/app/inbox/{closed.id}", "entries")


def test_a_templates_picture_is_uploaded_on_the_spot(bob: Client, cast: Cast, closed: Conversation) -> None:
    template = factories.make_template(cast.workspace, components=WITH_PICTURE)

    def upload(content: bytes, name: str, **kwargs: Any) -> Any:
        fields = {"template": template.id, "value-1": "dear friend", f"source-{PICTURE}": "file"}
        fields[f"upload-{PICTURE}"] = (io.BytesIO(content), name)
        return post(bob, closed, f"template/files?key={PICTURE}", **fields, **kwargs)

    whole = upload(factories.png(411), "new.png")
    (file,) = media.list_files(cast.workspace.id).items
    chosen = rf'value="{file.id}"\s+checked'
    assert whole.status_code == 200
    assert re.search(chosen, whole.text)
    assert 'value="dear friend"' in whole.text
    alone = upload(factories.png(411), "new.png", headers={"HX-Request": "true"})
    assert 'class="wn-filepick"' in alone.text.lstrip()[:80]
    assert re.search(chosen, alone.text)
    refused = upload(b"%PDF-1.4 menu", "menu.pdf", headers={"HX-Request": "true"})
    assert (refused.status_code, "Choose a JPEG picture or PNG picture." in refused.text) == (422, True)


def test_a_file_is_uploaded_kept_and_sent(
    bob: Client, cast: Cast, contact: Contact, sandbox: SandboxControl, session: Any
) -> None:
    number = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    thread = factories.make_conversation(number, contact)
    missing = post(bob, thread, "media", caption="Look")
    assert (missing.status_code, "Choose a file" in missing.get_data(as_text=True)) == (422, True)
    picture = (io.BytesIO(factories.png(7)), "fern.png")
    assert post(bob, thread, "media", file=picture, caption="Look").status_code == 303
    sent = session.query(Message).filter_by(direction="out").one()
    assert (sent.type, sent.content["caption"]) == ("image", "Look")
    assert "/file" in page(bob, f"/app/inbox/{thread.id}")
    refused = post(bob, thread, "media", file=(io.BytesIO(b"MZ\x90"), "run.exe"))
    assert refused.status_code == 422


def test_buttons_lists_and_reactions(bob: Client, thread: Conversation, session: Any) -> None:
    assert post(bob, thread, "choices", body="Which?", shape="buttons", button=["Small", "Large"]).status_code == 303
    rows = {"list_button": "Sizes", "rows": "Small | up to 20 cm\nLarge"}
    assert post(bob, thread, "choices", body="Which?", shape="list", **rows).status_code == 303
    wrong = post(bob, thread, "choices", body="", shape="list", **rows)
    assert (wrong.status_code, "up to 20 cm" in wrong.get_data(as_text=True)) == (422, True)
    assert post(bob, thread, "react", emoji="👍", reply_to=thread.last_message_id).status_code == 303
    assert post(bob, thread, "react", other="ok", reply_to=thread.last_message_id).status_code == 422
    kinds = [one.type for one in session.query(Message).filter_by(direction="out").order_by(Message.id)]
    assert kinds == ["interactive", "interactive", "reaction"]
    assert "Their reaction" not in page(bob, f"/app/inbox/{thread.id}")
    assert "Your reaction" in page(bob, f"/app/inbox/{thread.id}")


def test_what_failed_is_said_and_sent_again(bob: Client, channel: Channel, thread: Conversation) -> None:
    failed = factories.make_message(
        channel,
        thread.contact,
        type="text",
        content={"body": "Hello"},
        state=MessageState.FAILED,
        error_title="This number is not on WhatsApp",
    )
    assert "This number is not on WhatsApp" in page(bob, f"/app/inbox/{thread.id}")
    assert post(bob, thread, f"retry/{failed.id}").status_code == 303
    shown = page(bob, f"/app/inbox/{thread.id}")
    assert "Waiting to be sent" in shown
    assert "sent again what did not arrive" in shown
    assert "This number is not on WhatsApp" not in shown


def test_what_failed_is_discarded(bob: Client, channel: Channel, thread: Conversation) -> None:
    failed = factories.make_message(
        channel, thread.contact, type="text", content={"body": "Too late"}, state=MessageState.FAILED
    )
    before = revision(part(bob, f"/app/inbox/{thread.id}", "entries"), failed)
    answer = post(bob, thread, f"discard/{failed.id}", headers={"HX-Request": "true"})
    assert answer.headers["HX-Trigger"] == "inbox-sent"
    entries = part(bob, f"/app/inbox/{thread.id}", "entries")
    assert "Bob" in entries
    assert "discarded a message that was not sent" in entries
    assert "Too late" not in entries
    assert revision(entries, failed) != before
    sent = factories.make_message(channel, thread.contact, type="text", content={"body": "Hi"}, state="sent")
    assert post(bob, thread, f"discard/{sent.id}", headers={"HX-Request": "true"}).status_code == 409
