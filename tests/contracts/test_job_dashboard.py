"""rq-dashboard is there for platform administrators, and for nobody else."""

from typing import Any

import pytest

from tests.cast import Cast
from tests.client import Client

ADDRESSES = ("/ops/rq/", "/ops/rq/0/view/queues", "/ops/rq/0/data/queues.json", "/ops/rq/0/view/workers")
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def make_administrator(cast: Cast, session: Any) -> None:
    cast.alice.is_platform_admin = True
    session.commit()


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_else_learns_that_it_exists(address: str, cast: Cast, client: Client) -> None:
    assert client.get(address).status_code == 404
    client.sign_in(cast.alice)
    assert client.get(address).status_code == 404


def test_an_administrator_sees_the_queues(cast: Cast, session: Any, client: Client) -> None:
    make_administrator(cast, session)
    client.sign_in(cast.alice)
    assert client.get("/ops/rq/0/data/queues.json").status_code == 200
    with client.application.app_context():
        page = super(Client, client).open("/ops/rq/")  # its HTML is not ours to inspect
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_another_site_cannot_press_its_buttons(cast: Cast, session: Any, client: Client) -> None:
    make_administrator(cast, session)
    client.sign_in(cast.alice)
    address = "/ops/rq/queue/default/queued/empty"
    assert client.post(address).status_code == 403
    assert client.post(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/ops/rq/requeue/default").status_code == 403
    assert client.post(address, headers=SAME_SITE).status_code == 200
