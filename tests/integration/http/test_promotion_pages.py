"""The pages and the API of promotions: the form, what it says before it is saved, and the page of each."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.integration.services.test_promotions import COMPONENTS, VARIABLES, buyers
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, Promotion
from wotnot.services import promotion_runs

DAY = timedelta(days=1)


@pytest.fixture
def ids(cast: Cast, sandbox: SandboxControl) -> dict[str, int]:
    """A shop, a number, a template and a buyer of product 102; Alice is signed in nowhere yet."""
    shop = factories.make_sandbox_shop(cast.workspace)
    factories.make_shop_order(shop, factories.make_contact(cast.workspace, name="Naledi Mokoena", consent="opted_in"))
    channel = factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, name="plant_offer", components=COMPONENTS)
    return {"shop": shop.id, "channel": channel.id, "template": template.id}


def form_of(ids: dict[str, int], **changed: Any) -> dict[str, Any]:
    """What a browser sends."""
    today = clock.now().date()
    return {
        "product": "102",
        "channel": ids["channel"],
        "template": ids["template"],
        "name": "Snake plants",
        "source-header.image": "product:picture",
        "source-1": "field:first_name",
        "text-1": "there",
        "source-2": "product:name",
        "source-3": "product:price",
        "source-button.0": "product:link_path",
        "kind": "buyers",
        "when": "days",
        "weekdays": ["0", "3"],
        "at_time": "09:00",
        "first_day": (today + DAY).isoformat(),
        "last_day": (today + 28 * DAY).isoformat(),
    } | changed


def test_the_form_guesses_what_stands_where(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    client.sign_in(cast.alice)
    page = client.get(f"/app/shops/{ids['shop']}/promotions/new?product=102&template={ids['template']}")
    text = page.get_data(as_text=True)
    assert "Promote Snake plant" in text
    for chosen in ("product:picture", "field:first_name", "product:name", "product:price", "product:link_path"):
        assert re.search(rf'<option value="{chosen}"\s+selected', text), chosen
    assert re.search(r"our .*Snake plant.* is .*260.00 ZAR", text)
    assert f"/app/shops/{ids['shop']}/products/102/picture" in text
    assert "1 person" in text


def test_of_several_numbers_one_is_chosen_as_people_write_it(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    factories.make_channel(cast.workspace, display_phone_number="31201234567")
    client.sign_in(cast.alice)
    page = client.get(f"/app/shops/{ids['shop']}/promotions/new?product=102&template={ids['template']}")
    assert "+31 20 123 4567, Casa Verde" in page.get_data(as_text=True)


def test_the_days_are_said_before_they_are_saved(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    client.sign_in(cast.alice)
    page = f"/app/shops/{ids['shop']}/promotions/new?product=102&template={ids['template']}"
    shown = client.submit(f"/app/shops/{ids['shop']}/promotions/preview", page=page, **form_of(ids))
    assert re.search(r"Mondays and Thursdays at 09:00, .*: 8 broadcasts, the next on", shown.get_data(as_text=True))
    none = client.submit(f"/app/shops/{ids['shop']}/promotions/preview", page=page, **form_of(ids, weekdays=[]))
    assert "Choose at least one day of the week." in none.get_data(as_text=True)
    completed = client.submit(
        f"/app/shops/{ids['shop']}/promotions/preview", page=page, **form_of(ids, statuses=["completed"])
    )
    assert "0 people" in completed.get_data(as_text=True)


def test_it_is_planned_paused_and_ended(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{ids['shop']}/promotions"
    page = f"{here}/new?product=102&template={ids['template']}"
    client.submit(f"{here}/new", page=page, **form_of(ids, statuses=["processing"], leave_out=["unreachable"]))
    (one,) = db.session.scalars(select(Promotion)).all()
    assert (one.weekdays, one.leave_out, one.variables) == ([0, 3], ["unreachable"], VARIABLES)
    assert one.audience["filter"]["conditions"][0]["value"] == f"{ids['shop']}/102 processing"
    shown = client.get(f"{here}/{one.id}").get_data(as_text=True)
    assert "The days to come" in shown
    assert "Bought product 102 in an order that is “Processing”" in shown
    for act, state in (("pause", "paused"), ("resume", "on"), ("end", "ended")):
        client.submit(f"{here}/{one.id}/{act}", page=f"{here}/{one.id}")
        db.session.expire_all()
        assert one.state == state
    assert "Snake plants" in client.get(here).get_data(as_text=True)


def test_once_goes_on_in_the_wizard(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{ids['shop']}/promotions/new"
    page = f"{here}?product=102&template={ids['template']}"
    answer = client.submit(here, page=page, **form_of(ids, when="once"))
    (draft,) = db.session.scalars(select(Broadcast)).all()
    assert draft.variables["2"] == {"text": "Snake plant"}
    assert answer.headers["Location"].endswith(f"/app/broadcasts/{draft.id}/when")
    assert db.session.scalar(select(Promotion.id)) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"at_time": "nine"}, "Give the time, such as 09:00."),
        ({"first_day": "2020-01-01", "last_day": "2020-02-01"}, "None of these days is still to come."),
        ({"kind": "segment", "segment": ""}, "Choose who gets the message."),
        ({"name": " "}, "Give the broadcast a name"),
        ({"source-2": "text", "text-2": ""}, "Write the text, or choose a field."),
        ({"source-header.image": "file"}, "choose a file, or upload one"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    changed: dict[str, Any], words: str, *, cast: Cast, client: Client, ids: dict[str, int]
) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{ids['shop']}/promotions/new"
    answer = client.submit(here, page=f"{here}?product=102&template={ids['template']}", **form_of(ids, **changed))
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert db.session.scalar(select(Promotion.id)) is None


def test_a_shop_that_is_away_is_said(cast: Cast, client: Client, ids: dict[str, int], sandbox: SandboxControl) -> None:
    client.sign_in(cast.alice)
    SandboxShop(sandbox).trouble(html=True)
    page = client.get(f"/app/shops/{ids['shop']}/promotions/new?product=103").get_data(as_text=True)
    assert "a web page instead of data" in page


def test_agents_see_and_do_not_plan(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    client.sign_in(cast.bob)
    assert client.get(f"/app/shops/{ids['shop']}/promotions").status_code == 200
    assert client.get(f"/app/shops/{ids['shop']}/promotions/new?product=102").status_code == 403


def test_over_the_api(cast: Cast, client: Client, ids: dict[str, int]) -> None:
    api = client.api(cast.alice)
    today = clock.now().date()
    body = {
        "product_id": 102, "name": "Snake plants", "channel_id": ids["channel"], "template_id": ids["template"],
        "variables": VARIABLES, "audience": buyers(102, "completed"), "weekdays": ["monday", "thursday"],
        "at_time": "09:00", "first_day": str(today + DAY), "last_day": str(today + 28 * DAY),
    }  # fmt: skip
    here = f"/shops/{ids['shop']}/promotions"
    made = api.post(here, body)
    assert made.status_code == 201, made.json
    assert made.json["weekdays"] == ["monday", "thursday"]
    assert made.json["at_time"] == "09:00"
    assert made.json["next_at"] is not None
    one = f"{here}/{made.json['id']}"
    assert api.post(f"{one}/pause", {}).json["state"] == "paused"
    assert api.post(f"{one}/pause", {}).status_code == 409
    assert api.post(f"{one}/resume", {}).json["state"] == "on"
    assert [each["id"] for each in api.get(here).json["items"]] == [made.json["id"]]
    assert api.get(f"{one}/dates").json["items"] == []
    assert api.post(f"{one}/end", {}).json["next_at"] is None
    wrong = api.post(here, body | {"product_id": 999})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["product_id"])
    assert api.post(here, body | {"weekdays": ["someday"]}).status_code == 422


def test_a_day_that_came_is_on_the_page(cast: Cast, client: Client, ids: dict[str, int], at: Any) -> None:
    client.sign_in(cast.alice)
    here = f"/app/shops/{ids['shop']}/promotions"
    page = f"{here}/new?product=102&template={ids['template']}"
    client.submit(f"{here}/new", page=page, **form_of(ids, weekdays=list("0123456")))
    one_id = db.session.scalars(select(Promotion.id)).one()
    at(2 * DAY)
    promotion_runs.make_promotion(one_id)
    text = client.get(f"{here}/{one_id}").get_data(as_text=True)
    assert "Left out" in text
    assert "WotNot was not running at that time" in text
