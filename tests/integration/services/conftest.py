"""What several tests of services begin with."""

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop, connect
from tests.shop_scene import BODY, Drain, Scene
from wotnot.services import shop_inbox, shop_sync


@pytest.fixture
def drain() -> Drain:
    """Apply what waits, without lingering for more."""
    return lambda: shop_inbox.drain(linger_seconds=0)


@pytest.fixture
def scene(cast: Cast, client: Client, sandbox: SandboxControl, drain: Drain) -> Scene:
    """A shop that was connected and whose past orders were read."""
    there = SandboxShop(sandbox)
    workspace_id = cast.workspace.id
    channel_id = factories.make_channel(cast.workspace).id
    template_id = factories.make_template(cast.workspace, components=[BODY], category="utility").id
    shop_id = connect(cast.workspace, there).id
    shop_sync.tend_shop(shop_id)
    drain()
    return Scene(workspace_id, shop_id, there, channel_id, template_id, client)
