"""A template of every kind, made through our own service, reviewed by the sandbox, sent through the API's service: the
sandbox checks both against Meta's rules, and what it received is what the golden file says."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cast import Cast
from tests.factories import make_channel
from tests.sandbox_control import SandboxControl
from wotnot.models import Message, MessageState, TemplateStatus
from wotnot.services import message_templates, single_messages
from wotnot.services.sender import Sender

GOLDEN = Path(__file__).parents[2] / "golden" / "graph"
# With the sample handles that Meta asks for when one is made; a bill's file comes with each message.
KINDS = ("carousel", "location", "offer", "positional")


@pytest.mark.parametrize("kind", KINDS)
def test_made_reviewed_and_sent(
    app: Flask, committed_cast: Cast, committed: Any, sandbox: SandboxControl, kind: str
) -> None:
    sandbox.set(webhooks=False, endings=False, review_after_s=0)
    case: dict[str, Any] = json.loads((GOLDEN / f"template_{kind}.json").read_text())
    workspace = committed_cast.workspace
    channel = make_channel(workspace, waba_id=sandbox.WABA_ID, phone_number_id=sandbox.PHONE_NUMBER_ID)
    name = case["template"]["name"]
    message_templates.create_template(
        workspace.id,
        channel_id=channel.id,
        name=name,
        language=case["template"]["language"],
        category="MARKETING",
        components=case["template"]["components"],
        parameter_format=case["template"].get("parameter_format"),
    )
    message_templates.sync_templates(workspace.id, channel.id)
    template = message_templates.find_template(workspace.id, channel.id, name)
    assert template is not None
    assert template.status is TemplateStatus.APPROVED

    values = {key: _known(value) for key, value in case["values"].items()}
    message = single_messages.send_message(
        workspace.id,
        channel_id=channel.id,
        to="+27821234567",
        type="template",
        content={"name": name, "variables": values},
    )
    Sender(app, threads=4, idle_seconds=0.2, max_seconds=3).run()
    message = committed.get_one(Message, message.id)
    committed.refresh(message)
    assert (message.state, message.error_title) == (MessageState.ACCEPTED, None)
    assert sandbox.sends()["to"] == {"27821234567": 1}
    assert _shape(message) == _shape_of(case["message"]["template"])


def _known(value: str) -> str:
    """A media id of the golden file is nobody's; an address is taken as it is."""
    return "https://shop.example/picture.jpg" if value.isdecimal() and len(value) > 12 else value


def _shape(message: Message) -> Any:
    return _shape_of(message.content or {})


def _shape_of(template: dict[str, Any]) -> Any:
    """Types, indexes and names without the values, which the golden test compares."""
    return [
        (part["type"], part.get("sub_type"), part.get("index"), [p["type"] for p in part.get("parameters", ())],
         [[(inner["type"], inner.get("index")) for inner in card["components"]] for card in part.get("cards", ())])
        for part in template.get("components", ())
    ]  # fmt: skip
