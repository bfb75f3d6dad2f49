"""Somebody else's client of the Cloud API takes the sandbox for the real thing."""

from collections.abc import Iterator

import httpx
import pytest
from pywa import WhatsApp
from pywa.errors import TemplateNotExists
from pywa.types import templates as t

from tests.integration.sandbox.support import NUMBER, WABA, Api, Receiver, wait_for


@pytest.fixture
def whatsapp(api: Api) -> Iterator[WhatsApp]:
    """A client that only differs from one of Meta's in the host it calls."""

    def to_sandbox(request: httpx.Request) -> None:
        target = httpx.URL(api.url)
        request.url = request.url.copy_with(scheme=target.scheme, host=target.host, port=target.port)
        request.headers["host"] = f"{target.host}:{target.port}"

    with httpx.Client(event_hooks={"request": [to_sandbox]}, trust_env=False) as session:
        yield WhatsApp(
            phone_id=NUMBER,
            token="sandbox-token",
            session=session,
            waba_id=WABA,
            app_id="500000000000001",
            api_version="24.0",
        )


def test_send_text(whatsapp: WhatsApp, receiver: Receiver) -> None:
    sent = whatsapp.send_message(to="+27825551234", text="Hello", tracker="t-1")
    assert wait_for(lambda: receiver.statuses(sent.id))[0]["biz_opaque_callback_data"] == "t-1"


def test_send_template(whatsapp: WhatsApp, receiver: Receiver) -> None:
    sent = whatsapp.send_template(
        to="+27825551234",
        name="feedback_request",
        language=t.TemplateLanguage.ENGLISH,
        params=[t.BodyText.params("Ana")],
    )
    wait_for(lambda: receiver.states(sent.id) == ["sent", "delivered", "read"])


def test_unknown_template(whatsapp: WhatsApp) -> None:
    with pytest.raises(TemplateNotExists):
        whatsapp.send_template(to="+27825551234", name="nobody", language=t.TemplateLanguage.ENGLISH, params=[])


def test_upload_media(whatsapp: WhatsApp) -> None:
    media = whatsapp.upload_media(media=b"\x89PNG\r\n\x1a\n0000", mime_type="image/png", filename="a.png")
    about = whatsapp.get_media_url(media_id=media.id)
    assert about.mime_type == "image/png"
    assert whatsapp.get_media_bytes(url=about.url) == b"\x89PNG\r\n\x1a\n0000"
    assert whatsapp.send_image(to="+27825551234", image=media.id).id.startswith("wamid.")


def test_create_template(whatsapp: WhatsApp, receiver: Receiver) -> None:
    created = whatsapp.create_template(
        t.Template(
            name="plant_care",
            language=t.TemplateLanguage.ENGLISH_US,
            category=t.TemplateCategory.UTILITY,
            components=[
                t.HeaderText("Plant care"),
                t.BodyText("Hi {{1}}, water your {{2}} every Sunday, please.", "Ana", "fern"),
                t.FooterText(text="Casa Verde"),
                t.Buttons(buttons=[t.QuickReplyButton(text="Thanks")]),
            ],
        )
    )
    assert created.status == t.TemplateStatus.PENDING
    wait_for(lambda: receiver.of_field("message_template_status_update"))
    assert whatsapp.get_template(template_id=created.id).status == t.TemplateStatus.APPROVED
    assert "plant_care" in [template.name for template in whatsapp.get_templates()]


def test_numbers_and_profile(whatsapp: WhatsApp) -> None:
    assert whatsapp.get_business_phone_number().verified_name == "Casa Verde"
    assert whatsapp.get_business_profile().about == "Plants for small homes"
