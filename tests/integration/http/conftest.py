"""A workspace about to write to its people, as the pages of broadcasts show it."""

import pytest

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot.models import Channel, Contact, Template


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
