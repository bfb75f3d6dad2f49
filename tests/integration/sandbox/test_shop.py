"""The sandbox's shop against what WooCommerce's documentation says: keys, paging, filters, errors, webhooks, authorisation."""

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.integration.sandbox.support import Api, Receiver, wait_for

KEYS = ("ck_sandbox0000000000000000000000000000000001", "cs_sandbox0000000000000000000000000000000001")
ROOT = "/shop/casa-verde"
SECRET = "a &amp; b"
ORDER = {"product_ids": [101, 102], "first_name": "Ann", "phone": "082 555 0142"}


class Woo:
    """The REST API with a pair of keys."""

    def __init__(self, api: Api, keys: tuple[str, str] = KEYS) -> None:
        self.api = api
        self.keys = keys

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Without the sandbox's own bearer token, which no shop knows."""
        return requests.request(
            method, f"{self.api.url}{ROOT}/wp-json/wc/v3/{path}", auth=self.keys, timeout=10, **kwargs
        )

    def get(self, path: str, **params: Any) -> requests.Response:
        """GET with a query."""
        return self.call("GET", path, params=params)


@pytest.fixture
def woo(api: Api) -> Woo:
    """The shop of the start."""
    return Woo(api)


def place(api: Api, **fields: Any) -> dict[str, Any]:
    order: dict[str, Any] = api.post("/sandbox/shops/casa-verde/orders", ORDER | fields).json()
    return order


def refusal(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["data"]["status"] == answer.status_code
    assert body["message"]
    return answer.status_code, body["code"]


def test_it_says_what_it_is(woo: Woo) -> None:
    index = requests.get(f"{woo.api.url}{ROOT}/wp-json/", timeout=10).json()
    assert "wc/v3" in index["namespaces"]
    status = woo.get("system_status").json()
    assert status["environment"]["version"] == "10.9.0"
    assert status["settings"]["currency"] == "ZAR"


def test_keys_open_it_by_header_and_by_query_and_only_what_they_may(api: Api, woo: Woo) -> None:
    bare = f"{api.url}{ROOT}/wp-json/wc/v3/orders"
    assert refusal(requests.get(bare, timeout=10)) == (401, "woocommerce_rest_cannot_view")
    query = {"consumer_key": KEYS[0], "consumer_secret": KEYS[1]}
    assert requests.get(bare, params=query, timeout=10).status_code == 200
    assert refusal(Woo(api, (KEYS[0], "cs_wrong")).get("orders")) == (401, "woocommerce_rest_authentication_error")
    made = api.post("/sandbox/shops/casa-verde/keys", {"permissions": "read"}).json()
    reader = Woo(api, (made["consumer_key"], made["consumer_secret"]))
    assert reader.get("orders").status_code == 200
    assert refusal(reader.call("POST", "webhooks", json={})) == (401, "woocommerce_rest_authentication_error")


def test_lists_are_paged_with_wordpress_headers(woo: Woo) -> None:
    first = woo.get("orders", per_page=5)
    assert (first.headers["X-WP-Total"], first.headers["X-WP-TotalPages"]) == ("18", "4")
    assert 'rel="next"' in first.headers["Link"]
    assert 'rel="prev"' not in first.headers["Link"]
    ids = [one["id"] for page in range(1, 5) for one in woo.get("orders", per_page=5, page=page, orderby="id").json()]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 18
    assert refusal(woo.get("orders", per_page=101)) == (400, "rest_invalid_param")


def test_filters(api: Api, woo: Woo) -> None:
    order = place(api, first_name="Zanele")
    assert [one["id"] for one in woo.get("orders", search="zanele").json()] == [order["id"]]
    before = woo.get("orders", modified_after=order["date_modified_gmt"], dates_are_gmt="true").json()
    assert before == [], "the moment itself is not after it"
    assert {one["status"] for one in woo.get("orders", status="refunded,cancelled").json()} == {"refunded", "cancelled"}
    assert [one["sku"] for one in woo.get("products", search="olive").json()] == ["OLI-01"]
    assert woo.get("customers", search="grace").json()[0]["billing"]["country"] == "KE"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("orders/9", (404, "woocommerce_rest_shop_order_invalid_id")),
        ("products/9", (404, "woocommerce_rest_product_invalid_id")),
        ("webhooks/9", (404, "woocommerce_rest_shop_webhook_invalid_id")),
        ("nothing", (404, "rest_no_route")),
        ("orders?orderby=mood", (400, "rest_invalid_param")),
        ("orders?modified_after=soon", (400, "rest_invalid_param")),
    ],
)
def test_woocommerces_own_errors(woo: Woo, path: str, expected: tuple[int, str]) -> None:
    assert refusal(woo.get(path)) == expected


def test_a_webhook_pings_signs_and_comes_once(api: Api, woo: Woo, receiver: Receiver) -> None:
    made = woo.call("POST", "webhooks", json={"topic": "order.created", "delivery_url": receiver.url, "secret": SECRET})
    assert made.status_code == 201
    assert "secret" not in made.json()
    (ping,) = receiver.posts
    assert ping[0] == f"webhook_id={made.json()['id']}".encode()
    assert "X-WC-Webhook-Signature" not in ping[1]
    order = place(api)
    wait_for(lambda: len(receiver.posts) == 2)
    body, headers, _ = receiver.posts[1]
    expected = hmac.new(b"a & b", body, hashlib.sha256).digest()
    assert headers["X-WC-Webhook-Signature"] == base64.b64encode(expected).decode()
    assert headers["X-WC-Webhook-Topic"] == "order.created"
    assert json.loads(body) == woo.get(f"orders/{order['id']}").json()


def test_a_webhook_that_fails_is_never_sent_again_and_switched_off_after_the_sixth(
    api: Api, woo: Woo, receiver: Receiver
) -> None:
    hook = woo.call(
        "POST", "webhooks", json={"topic": "order.created", "delivery_url": receiver.url, "secret": "s"}
    ).json()
    receiver.answers = [500] * 6
    for _ in range(6):
        place(api)
    wait_for(lambda: woo.get(f"webhooks/{hook['id']}").json()["status"] == "disabled")
    assert len(receiver.posts) == 1 + 6
    place(api)
    woo.call("PUT", f"webhooks/{hook['id']}", json={"status": "active"})
    wait_for(lambda: len(receiver.posts) == 1 + 6 + 1)
    assert receiver.posts[-1][0].startswith(b"webhook_id=")


def test_changes_notes_and_deletions_are_told(api: Api, woo: Woo, receiver: Receiver) -> None:
    note_topic = "action.woocommerce_new_customer_note"
    for topic in ("order.updated", "order.deleted", note_topic):
        woo.call("POST", "webhooks", json={"topic": topic, "delivery_url": receiver.url, "secret": "s"})
    order_id = place(api)["id"]
    woo.call("PUT", f"orders/{order_id}", json={"status": "completed"})
    woo.call("POST", f"orders/{order_id}/notes", json={"note": "On its way", "customer_note": True})
    woo.call("POST", f"orders/{order_id}/notes", json={"note": "Only for us", "customer_note": False})
    woo.call("DELETE", f"orders/{order_id}")
    wait_for(lambda: len(receiver.posts) == 3 + 4)
    told = [(headers["X-WC-Webhook-Topic"], json.loads(body)) for body, headers, _ in receiver.posts[3:]]
    by_topic: dict[str, list[Any]] = {}
    for topic, body in told:
        by_topic.setdefault(topic, []).append(body)
    assert sorted(body["status"] for body in by_topic["order.updated"]) == ["completed", "processing"]
    assert by_topic[note_topic][0]["arg"] == {"order_id": order_id, "customer_note": "On its way"}
    assert by_topic["order.deleted"] == [{"id": order_id}]


def test_its_troubles(api: Api, woo: Woo, receiver: Receiver) -> None:
    control = "/sandbox/shops/casa-verde"
    api.post(control, {"html": True})
    assert woo.get("orders").headers["Content-Type"].startswith("text/html")
    api.post(control, {"html": False, "down": True})
    with pytest.raises(requests.ConnectionError):
        woo.get("orders")
    api.post(control, {"down": False, "repeat": 5})
    woo.call("POST", "webhooks", json={"topic": "order.created", "delivery_url": receiver.url, "secret": "s"})
    place(api)
    wait_for(lambda: len(receiver.posts) == 1 + 5)
    assert api.post(control, {"nonsense": 1}).status_code == 422


def test_its_owner_grants_keys(api: Api, receiver: Receiver) -> None:
    asked = {
        "app_name": "An app",
        "scope": "read_write",
        "user_id": "me",
        "return_url": "http://127.0.0.1:1/back",
        "callback_url": receiver.url,
    }
    page = requests.get(f"{api.url}{ROOT}/wc-auth/v1/authorize", params=asked, timeout=10)
    assert "An app would like to connect to your store" in page.text
    granted = f"{api.url}{ROOT}/wc-auth/v1/access_granted"
    answer = requests.post(granted, params=asked, data={"answer": "approve"}, allow_redirects=False, timeout=10)
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"success": ["1"], "user_id": ["me"]}
    keys = json.loads(receiver.posts[0][0])
    assert (keys["user_id"], keys["key_permissions"]) == ("me", "read_write")
    assert Woo(api, (keys["consumer_key"], keys["consumer_secret"])).get("orders").status_code == 200
    denied = requests.post(granted, params=asked, data={"answer": "deny"}, allow_redirects=False, timeout=10)
    assert parse_qs(urlsplit(denied.headers["Location"]).query)["success"] == ["0"]
    assert requests.get(page.url.replace("read_write", "all"), timeout=10).status_code == 401


def test_pictures_are_png(api: Api) -> None:
    picture = requests.get(f"{api.url}{ROOT}/pictures/103.png", timeout=10)
    assert (picture.headers["Content-Type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    assert requests.get(f"{api.url}{ROOT}/pictures/9.png", timeout=10).status_code == 404
