"""A workspace about to write to its people, and one of its conversations, as pages show them."""

import pytest

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot.models import Channel, Contact, Conversation, Template


@pytest.fixture
def browser(client: Client, cast: Cast) -> Client:
    """Alice's."""
    client.sign_in(cast.alice)
    return client


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make.make_channel(cast.workspace)


@pytest.fixture
def template(cast: Cast) -> Template:
    body = {"type": "BODY", "text": "Hi {{1}}, spring is in {{2}}.", "example": {"body_text": [["Ann", "Paarl"]]}}
    return make.make_template(cast.workspace, name="spring", components=[body])


@pytest.fixture
def people(cast: Cast) -> list[Contact]:
    """Ann from Paarl (VIP), somebody without a name, Dan who opted out."""
    ann = make.make_contact(cast.workspace, name="Ann Archer", attributes={"city": "Paarl"})
    make.tag_contact(ann, make.make_tag(cast.workspace, "VIP"))
    return [
        ann,
        make.make_contact(cast.workspace, name="", attributes={"city": "Ceres"}),
        make.make_contact(cast.workspace, name="Dan", consent="opted_out"),
    ]


@pytest.fixture
def contact(cast: Cast) -> Contact:
    return make.make_contact(cast.workspace, name="Naledi Mokoena", attributes={"city": "Cape Town"})


@pytest.fixture
def thread(channel: Channel, contact: Contact) -> Conversation:
    message = make.make_inbound(channel, contact, "Do you ship to Namibia?")
    return make.make_conversation(channel, contact, unread_count=1, last_message_id=message.id)


@pytest.fixture
def bob(client: Client, cast: Cast) -> Client:
    """Bob the agent, signed in."""
    client.sign_in(cast.bob)
    return client
