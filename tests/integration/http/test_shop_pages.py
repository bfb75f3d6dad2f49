"""The shops' pages, the API and the short paths: connecting, being refused in words, rules, tests, products, authorisation."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.sandbox_control import SandboxControl
from tests.sandbox_shop import SandboxShop
from tests.shop_scene import BODY, VARIABLES
from wotnot.extensions import db
from wotnot.models import Message, Shop, ShopInvite, ShopRule
from wotnot.services import shop_sync


@pytest.fixture
def there(sandbox: SandboxControl) -> Iterator[SandboxShop]:
    """The sandbox's shop."""
    return SandboxShop(sandbox)


def keys_of(shop: SandboxShop, **changed: str) -> dict[str, str]:
    """What the form and the API take."""
    return {"base_url": shop.url, "consumer_key": shop.key, "consumer_secret": shop.secret} | changed


def test_a_shop_is_shown_before_it_is_connected(cast: Cast, client: Client, there: SandboxShop) -> None:
    client.sign_in(cast.alice)
    page = client.submit("/app/shops/new", page="/app/shops/new", **(keys_of(there) | {"step": "check"}))
    text = page.get_data(as_text=True)
    assert "This is Casa Verde" in text
    assert "10.9.0" in text
    assert db.session.scalar(select(Shop.id)) is None
    client.submit("/app/shops/new", page="/app/shops/new", **(keys_of(there) | {"step": "connect"}))
    (shop,) = db.session.scalars(select(Shop)).all()
    assert (shop.name, shop.currency, shop.country, shop.trouble) == ("Casa Verde", "ZAR", "ZA", "")
    assert {hook["topic"]: hook["status"] for hook in there.state()["webhooks"]} == {
        "order.created": "active",
        "order.updated": "active",
        "order.deleted": "active",
        "action.woocommerce_new_customer_note": "active",
    }
    again = client.submit("/app/shops/new", page="/app/shops/new", **(keys_of(there) | {"step": "connect"}))
    assert again.status_code == 422
    assert "connected already" in again.get_data(as_text=True)


@pytest.mark.parametrize(
    ("trouble", "changed", "field", "words"),
    [
        ("", {"consumer_secret": "cs_wrong"}, "consumer_key", "refuses these keys"),
        ("", {"consumer_key": "cs_swapped"}, "consumer_key", "begins with ck_"),
        ("", {"base_url": "ftp://shop.example"}, "base_url", "full address"),
        ("html", {}, "base_url", "a web page instead of data"),
        ("down", {}, "base_url", "does not answer"),
    ],
)
def test_each_failure_is_said_beside_its_field(
    trouble: str, changed: dict[str, str], field: str, words: str, *, cast: Cast, client: Client, there: SandboxShop
) -> None:
    there.trouble(**({trouble: True} if trouble else {}))
    answer = client.api(cast.alice).post("/shops", keys_of(there, **changed))
    assert answer.status_code == 422
    assert words in answer.json["errors"][field][0]


def test_another_site_is_not_woocommerce(cast: Cast, client: Client, there: SandboxShop) -> None:
    wrong = keys_of(there, base_url=there.url.replace("/shop/casa-verde", "/shop/nowhere"))
    answer = client.api(cast.alice).post("/shops/test", wrong)
    assert answer.status_code == 422
    assert "base_url" in answer.json["errors"]


def test_keys_that_may_only_read_are_refused_before_anything_is_kept(
    cast: Cast, client: Client, there: SandboxShop
) -> None:
    there.key, there.secret = there.new_keys("read")
    answer = client.api(cast.alice).post("/shops", keys_of(there))
    assert "may read but not write" in answer.json["errors"]["consumer_key"][0]
    assert db.session.scalar(select(Shop.id)) is None


def test_a_host_that_strips_the_header_gets_the_keys_in_the_address(
    cast: Cast, client: Client, there: SandboxShop
) -> None:
    there.trouble(strip_authorization=True)
    answer = client.api(cast.alice).post("/shops/test", keys_of(there))
    assert (answer.status_code, answer.json["name"]) == (200, "Casa Verde")


def test_keys_are_never_answered(cast: Cast, client: Client, there: SandboxShop) -> None:
    api = client.api(cast.alice)
    shop = api.post("/shops", keys_of(there)).json
    told = json.dumps([shop, api.get("/shops").json, api.get(f"/shops/{shop['id']}").json])
    assert there.key not in told
    assert there.secret not in told
    stored = db.session.scalars(select(Shop)).one()
    assert there.secret not in (stored.secret_encrypted, stored.key_encrypted)


def test_an_owner_grants_keys_on_the_shops_own_page(cast: Cast, client: Client, there: SandboxShop) -> None:
    client.sign_in(cast.alice)
    page = client.submit("/app/shops/new", page="/app/shops/new", base_url=there.url, step="grant")
    url = next(
        part.split('"')[0].replace("&amp;", "&")
        for part in page.get_data(as_text=True).split('href="')
        if "wc-auth" in part
    )
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["scope"] == "read_write"
    assert requests.get(url, timeout=5).status_code == 200
    key, secret = there.new_keys()
    granted = {"key_id": 1, "user_id": asked["user_id"], "consumer_key": key, "consumer_secret": secret}
    callback = urlsplit(asked["callback_url"]).path
    assert client.post(callback, json=granted | {"user_id": "guessed"}).status_code == 404
    assert client.post(callback, json=granted).status_code == 200
    back = client.get(f"/app/shops/back?success=1&user_id={asked['user_id']}")
    (shop,) = db.session.scalars(select(Shop)).all()
    assert back.headers["Location"].endswith(f"/app/shops/{shop.id}")
    assert db.session.scalar(select(ShopInvite.id)) is None


def test_revoked_keys_are_granted_anew_and_the_rest_stays(cast: Cast, client: Client, there: SandboxShop) -> None:
    shop = factories.make_sandbox_shop(cast.workspace)
    rule = factories.make_shop_rule(
        shop, factories.make_channel(cast.workspace), factories.make_template(cast.workspace)
    )
    shop_id, rule_id = shop.id, rule.id
    there.revoke(there.key)
    shop_sync.tend_shop(shop_id)
    client.sign_in(db.session.merge(cast.alice))
    here = f"/app/shops/{shop_id}"
    assert "Paste new keys" in client.get(here).get_data(as_text=True)
    page = client.submit(f"{here}/grant", page=here).get_data(as_text=True)
    url = next(part.split('"')[0].replace("&amp;", "&") for part in page.split('href="') if "wc-auth" in part)
    token = parse_qs(urlsplit(url).query)["user_id"][0]
    key, secret = there.new_keys()
    granted = {"key_id": 1, "user_id": token, "consumer_key": key, "consumer_secret": secret}
    assert client.post("/webhooks/woocommerce/keys", json=granted).status_code == 200
    back = client.get(f"/app/shops/back?success=1&user_id={token}")
    assert back.headers["Location"].endswith(here)
    same = db.session.scalars(select(Shop).execution_options(populate_existing=True)).one()
    assert (same.id, same.trouble) == (shop_id, "")
    assert db.session.scalars(select(ShopRule.id)).all() == [rule_id]
    assert "Paste new keys" not in client.get(here).get_data(as_text=True)


def test_who_denies_at_the_shop_comes_back_to_the_form(cast: Cast, client: Client) -> None:
    client.sign_in(cast.alice)
    back = client.get("/app/shops/back?success=0&user_id=x")
    assert back.headers["Location"].endswith("/app/shops/new")


@pytest.fixture
def ready(cast: Cast, there: SandboxShop) -> dict[str, Any]:
    """A shop, a number, a template and an order."""
    shop = factories.make_sandbox_shop(cast.workspace)
    channel = factories.make_channel(cast.workspace, phone_number_id=SandboxControl.PHONE_NUMBER_ID)
    template = factories.make_template(cast.workspace, components=[BODY], category="utility", name="order_confirmed")
    order = factories.make_shop_order(shop)
    return {"shop": shop.id, "channel": channel.id, "template": template.id, "order": order.id}


def rule_form(ready: dict[str, Any], **changed: str) -> dict[str, str]:
    """What the rule's form sends."""
    sources = {f"source-{key}": f"field:{source['field']}" for key, source in VARIABLES.items()}
    ids = {name: str(ready[name]) for name in ("channel", "template", "order")}
    return sources | ids | {"event": "created", "delay": "2", "unit": "60", "countries": "ZA, DE"} | changed


def test_a_rule_is_written_seen_changed_switched_and_deleted(cast: Cast, client: Client, ready: dict[str, Any]) -> None:
    client.sign_in(cast.alice)
    base = f"/app/shops/{ready['shop']}/rules"
    new = f"{base}/new?template={ready['template']}"
    shown = client.get(new).get_data(as_text=True)
    assert "Naledi" in shown
    assert "R485.00" in shown
    client.submit(f"{base}/new", page=new, **(rule_form(ready)))
    (rule,) = db.session.scalars(select(ShopRule)).all()
    assert (rule.event, rule.delay_minutes, rule.conditions) == ("created", 120, {"countries": ["ZA", "DE"]})
    client.submit(
        f"{base}/{rule.id}",
        page=f"{base}/{rule.id}",
        **(rule_form(ready, event="other", own_status="ready-to-collect", delay="0")),
    )
    db.session.refresh(rule)
    assert (rule.event, rule.delay_minutes) == ("status:ready-to-collect", 0)
    assert "An order becomes “Ready to collect”" in client.get(f"/app/shops/{ready['shop']}").get_data(as_text=True)
    client.submit(f"{base}/{rule.id}/switch", page=f"/app/shops/{ready['shop']}", on="")
    db.session.refresh(rule)
    assert rule.is_on is False
    client.submit(f"{base}/{rule.id}/delete", page=f"{base}/{rule.id}")
    assert client.get(f"{base}/{rule.id}").status_code == 404


def test_what_is_wrong_with_a_rule_is_said_and_nothing_typed_is_lost(
    cast: Cast, client: Client, ready: dict[str, Any]
) -> None:
    client.sign_in(cast.alice)
    base = f"/app/shops/{ready['shop']}/rules"
    wrong = rule_form(ready, countries="ZA, Narnia", total_min="plenty")
    answer = client.submit(f"{base}/new", page=f"{base}/new?template={ready['template']}", **(wrong))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "“Narnia” is no country" in text
    assert 'value="ZA, Narnia"' in text
    assert "Write an amount" in text


def test_a_rule_is_tried_with_a_past_order_on_ones_own_phone(
    cast: Cast, client: Client, ready: dict[str, Any], there: SandboxShop
) -> None:
    client.sign_in(cast.alice)
    base = f"/app/shops/{ready['shop']}/rules"
    sent = rule_form(ready, to="082 555 0777")
    answer = client.submit(f"{base}/test", page=f"{base}/new?template={ready['template']}", **(sent))
    assert answer.status_code == 200
    (message,) = db.session.scalars(select(Message)).all()
    assert message.phone == "27825550777"
    assert db.session.scalar(select(ShopRule.id)) is None


def test_products_are_asked_of_the_shop(cast: Cast, client: Client, ready: dict[str, Any], there: SandboxShop) -> None:
    client.sign_in(cast.alice)
    found = client.get(f"/app/shops/{ready['shop']}/products?search=olive").get_data(as_text=True)
    assert "Olive tree, one metre" in found
    assert "Snake plant" not in found
    picture = client.get(f"/app/shops/{ready['shop']}/products/103/picture")
    assert (picture.mimetype, picture.data[:4]) == ("image/png", b"\x89PNG")
    there.trouble(html=True)
    assert "a web page instead of data" in client.get(f"/app/shops/{ready['shop']}/products").get_data(as_text=True)
    assert "Answers HTML" in client.get("/app/shops").get_data(as_text=True)


def test_the_short_paths(cast: Cast, client: Client, ready: dict[str, Any], there: SandboxShop) -> None:
    api = client.api(cast.alice)
    tested = api.post("//test-woocommerce", keys_of(there) | {"store_name": "Mine"})
    assert tested.json["store_info"] == {"name": "Mine", "version": "10.9.0", "currency": "ZAR", "country": "ZA"}
    refused = api.post("//test-woocommerce", keys_of(there, consumer_secret="cs_wrong") | {"store_name": ""})
    assert (refused.status_code, "refuses these keys" in refused.json["detail"]) == (400, True)
    listed = api.get("//woo_products?limit=2&offset=1")
    assert listed.json == [
        {"id": 102, "name": "Snake plant", "price": "260.00"},
        {"id": 103, "name": "Olive tree, one metre", "price": "890.00"},
    ]
    wanted = {
        "template_id": "order_confirmed",
        "parameters": [{"key": "first_name"}, {"key": "order_id"}, {"key": "total"}],
    }
    made = api.post("//integrate/woo_order_cnf", wanted | {"type": "text", "template_data": "{}"})
    assert (made.status_code, made.json["template"]) == (200, "order_confirmed")
    (rule,) = db.session.scalars(select(ShopRule)).all()
    assert rule.variables == {"1": {"field": "first_name"}, "2": {"field": "order_number"}, "3": {"field": "total"}}
    assert api.post("//integrate/woo_order_cnf", wanted).status_code == 400


def test_an_agent_looks_and_changes_nothing(cast: Cast, client: Client, ready: dict[str, Any]) -> None:
    client.sign_in(cast.bob)
    page = client.get(f"/app/shops/{ready['shop']}")
    assert page.status_code == 200
    assert "Remove this shop" not in page.get_data(as_text=True)
    assert client.get("/app/shops/new").status_code == 403


def test_orders_stand_beside_the_conversation(cast: Cast, client: Client) -> None:
    contact = factories.make_contact(cast.workspace, name="Naledi Mokoena")
    channel = factories.make_channel(cast.workspace)
    shop = factories.make_shop(cast.workspace)
    order = factories.make_shop_order(shop, contact)
    conversation = factories.make_conversation(channel, contact)
    client.sign_in(cast.alice)
    page = client.get(f"/app/inbox/{conversation.id}").get_data(as_text=True)
    assert f"#{order.number}, R485.00" in page
    assert "Snake plant" in page
