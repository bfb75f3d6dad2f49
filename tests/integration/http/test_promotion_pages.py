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
from wotnot.models import Broadcast, Promotion, Shop
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


@pytest.fixture
def planned(cast: Cast, client: Client, ids: dict[str, int]) -> Promotion:
    """A promotion that Alice, who is signed in, has made with the form."""
    client.sign_in(cast.alice)
    here = f"/app/shops/{ids['shop']}/promotions/new"
    page = f"{here}?product=102&template={ids['template']}"
    client.submit(here, page=page, **form_of(ids, statuses=["processing"], leave_out=["unreachable"]))
    return db.session.scalars(select(Promotion)).one()


def edit_address(one: Promotion) -> str:
    """Where it is edited."""
    return f"/app/shops/{one.shop_id}/promotions/{one.id}/edit"


def seen_in(text: str) -> str:
    """The mark that a page of the form carries."""
    (found,) = re.findall(r'name="seen" value="(\w+)"', text)
    return str(found)


def test_the_form_of_an_edit_shows_what_is_saved(client: Client, planned: Promotion) -> None:
    here = edit_address(planned)
    assert here in client.get(here.removesuffix("/edit")).get_data(as_text=True)
    text = client.get(here).get_data(as_text=True)
    for chosen in ("product:picture", "field:first_name", "product:name", "product:price", "product:link_path"):
        assert re.search(rf'<option value="{chosen}"\s+selected', text), chosen
    for name, value in (("statuses", "processing"), ("leave_out", "unreachable"), ("weekdays", "0"), ("weekdays", "3")):
        assert re.search(rf'name="{name}" value="{value}"\s+checked', text), value
    assert re.search(r'name="first_day"[^>]*value="' + str(planned.first_day), text)
    assert "Mondays and Thursdays at 09:00" in text


def test_an_edit_is_saved_once_and_a_stale_page_is_told(
    client: Client, ids: dict[str, int], planned: Promotion
) -> None:
    here = edit_address(planned)
    seen = seen_in(client.get(here).get_data(as_text=True))
    sent = form_of(ids, name="Renamed", weekdays=["1"], at_time="15:30", kind="all", seen=seen)
    for _ in range(2):
        answer = client.submit(here, page=here, **sent)
        assert answer.headers["Location"].endswith(here.removesuffix("/edit"))
    db.session.expire_all()
    assert (planned.name, planned.weekdays, f"{planned.at_time:%H:%M}") == ("Renamed", [1], "15:30")
    assert (planned.audience, planned.variables) == ({"all": True}, VARIABLES)
    stale = client.submit(here, page=here, **sent | {"name": "From an old tab"})
    text = stale.get_data(as_text=True)
    assert stale.status_code == 422
    assert "Somebody changed this promotion meanwhile. Save again to replace that change" in text
    db.session.expire_all()
    assert planned.name == "Renamed"
    client.submit(here, page=here, **sent | {"name": "From an old tab", "seen": seen_in(text)})
    db.session.expire_all()
    assert planned.name == "From an old tab"


def test_another_product_is_chosen_among_the_shops(client: Client, ids: dict[str, int], planned: Promotion) -> None:
    here = edit_address(planned)
    products = client.get(f"/app/shops/{planned.shop_id}/products?promotion={planned.id}").get_data(as_text=True)
    assert f"{here}?product=101" in products
    page = f"{here}?product=101"
    seen = seen_in(client.get(page).get_data(as_text=True))
    client.submit(here, page=page, **form_of(ids, product="101", seen=seen))
    db.session.expire_all()
    assert planned.product_id == 101
    assert planned.audience["filter"]["conditions"][0]["value"] == f"{ids['shop']}/101"


def test_an_audience_that_the_form_cannot_say_is_kept(client: Client, ids: dict[str, int], planned: Promotion) -> None:
    here = edit_address(planned)
    kept = {"filter": {"match": "all", "conditions": [{"field": "name", "op": "contains", "value": "a"}]}}
    planned.audience = kept
    db.session.commit()
    text = client.get(here).get_data(as_text=True)
    assert re.search(r'name="kind" value="kept"[^>]*checked', text)
    shown = client.submit(
        f"/app/shops/{planned.shop_id}/promotions/preview", page=here,
        **form_of(ids, kind="kept", promotion=planned.id, seen=seen_in(text)),
    )  # fmt: skip
    assert "It would go to" in shown.get_data(as_text=True)
    client.submit(here, page=here, **form_of(ids, kind="kept", name="Renamed", seen=seen_in(text)))
    db.session.expire_all()
    assert (planned.name, planned.audience) == ("Renamed", kept)


def test_a_shop_that_is_away_is_said_and_the_rest_is_edited(
    client: Client, ids: dict[str, int], planned: Promotion, sandbox: SandboxControl, redis: Any
) -> None:
    """The page shows the product as it was told last, and does not ask the shop again while somebody types."""
    here, shop_id = edit_address(planned), planned.shop_id
    redis.flushall()
    SandboxShop(sandbox).trouble(down=True)
    text = client.get(here).get_data(as_text=True)
    assert "The shop does not answer" in text
    assert re.search(r"our .*Snake plant.* is .*260.00 ZAR", text)
    failed = db.session.get_one(Shop, shop_id, populate_existing=True).failed_count
    sent = form_of(ids, name="Renamed", kind="all", promotion=planned.id, seen=seen_in(text))
    shown = client.submit(f"/app/shops/{shop_id}/promotions/preview", page=here, **sent)
    assert "Snake plant" in shown.get_data(as_text=True)
    assert db.session.get_one(Shop, shop_id, populate_existing=True).failed_count == failed == 1
    saved = client.submit(here, page=here, **sent)
    assert saved.headers["Location"].endswith(here.removesuffix("/edit"))
    db.session.expire_all()
    assert (planned.name, planned.audience) == ("Renamed", {"all": True})
    other = client.submit(here, page=here, **sent | {"product": "101", "seen": ""})
    assert other.status_code == 422
    assert "Until it answers" in other.get_data(as_text=True)


def test_a_wrong_edit_is_said_beside_its_field(client: Client, ids: dict[str, int], planned: Promotion) -> None:
    here = edit_address(planned)
    for changed, words in (
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"first_day": "2020-01-01", "last_day": "2020-02-01"}, "None of these days is still to come."),
    ):
        answer = client.submit(here, page=here, **form_of(ids, **changed))
        assert answer.status_code == 422
        assert words in answer.get_data(as_text=True)


def test_what_is_over_offers_no_edit(client: Client, ids: dict[str, int], planned: Promotion) -> None:
    here = edit_address(planned)
    page = client.get(here)
    client.submit(here.replace("/edit", "/end"), page=here.removesuffix("/edit"))
    assert client.get(here).status_code == 302
    assert here not in client.get(here.removesuffix("/edit")).get_data(as_text=True)
    seen = seen_in(page.get_data(as_text=True))
    late = client.submit(here, page=f"/app/shops/{ids['shop']}/promotions/new?product=102&template={ids['template']}",
                         **form_of(ids, name="Too late", seen=seen))  # fmt: skip
    assert late.status_code in {302, 303}
    db.session.expire_all()
    assert planned.name == "Snake plants"


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404)])
def test_who_may_not_edit(who: str, status: int, *, cast: Cast, client: Client, planned: Promotion) -> None:
    here, ids = edit_address(planned), {"channel": planned.channel_id, "template": planned.template_id}
    client.submit("/app/logout", page="/app/")
    client.sign_in(getattr(cast, who))
    assert client.get(here).status_code == status
    assert client.submit(here, page="/app/", **form_of(ids, name="Mine")).status_code == status
    db.session.expire_all()
    assert planned.name == "Snake plants"


def test_an_edit_over_the_api(cast: Cast, client: Client, planned: Promotion) -> None:
    api = client.api(cast.alice)
    here = f"/shops/{planned.shop_id}/promotions/{planned.id}"
    changed = api.patch(here, {"weekdays": ["friday"], "at_time": "17:00", "name": "Weekend"})
    assert changed.status_code == 200, changed.json
    assert (changed.json["weekdays"], changed.json["at_time"], changed.json["name"]) == (["friday"], "17:00", "Weekend")
    assert changed.json["product_id"] == 102
    assert list(api.patch(here, {"product_id": 999}).json["errors"]) == ["product_id"]
    assert api.patch(here, {"state": "ended"}).status_code == 422
    api.post(f"{here}/end", {})
    assert api.patch(here, {"name": "Too late"}).status_code == 409
