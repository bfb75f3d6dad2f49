"""The sandbox's shop, as tests talk to it, and its webhooks as a test delivers them by hand."""

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.client import Client
from tests.sandbox_control import SandboxControl
from wotnot.models import Shop, Workspace
from wotnot.services import shop_access, shops


class SandboxShop:
    """One shop of the sandbox: what happens in it, and what is wrong with it."""

    KEY = "ck_sandbox0000000000000000000000000000000001"
    SECRET = "cs_sandbox0000000000000000000000000000000001"

    def __init__(self, sandbox: SandboxControl, slug: str = "casa-verde") -> None:
        """The first shop is there at the start; another `slug` is opened, with keys of its own."""
        self.sandbox = sandbox
        self.slug = slug
        self.url = f"{sandbox.url}/shop/{slug}"
        self.key, self.secret = self.KEY, self.SECRET
        if slug != "casa-verde":
            sandbox.post("/sandbox/shops", {"slug": slug, "name": slug.title()})
            self.key, self.secret = self.new_keys()

    def new_keys(self, permissions: str = "read_write") -> tuple[str, str]:
        """Another pair of keys."""
        made = self._post("/keys", {"permissions": permissions})
        return made["consumer_key"], made["consumer_secret"]

    def revoke(self, key: str, *, is_revoked: bool = True) -> None:
        """Take a key away, or give it back."""
        self._post(f"/keys/{key}", {"revoked": is_revoked})

    def trouble(self, **troubles: object) -> None:
        """Let the shop misbehave: slow_s, down, html, strip_authorization, repeat, shuffle_s, skip_percent."""
        self._post("", troubles)

    def place(self, **order: object) -> dict[str, Any]:
        """Place an order; answers it as the REST API would."""
        defaults = {"product_ids": [101], "first_name": "Naledi", "phone": "082 555 0142", "country": "ZA"}
        placed: dict[str, Any] = self._post("/orders", defaults | order)
        return placed

    def change(self, order_id: int, **fields: object) -> dict[str, Any]:
        """Change an order."""
        changed: dict[str, Any] = self._post(f"/orders/{order_id}", fields)
        return changed

    def product(self, product_id: int, **fields: object) -> None:
        """Change a product: stock_status, status, price, images, …"""
        self._post(f"/products/{product_id}", fields)

    def state(self) -> dict[str, Any]:
        """The shop with its webhooks."""
        shown: dict[str, Any] = self.sandbox._get(f"/sandbox/shops/{self.slug}")
        return shown

    def _post(self, path: str, body: object) -> Any:
        return self.sandbox.post(f"/sandbox/shops/{self.slug}{path}", body)


def connect(workspace: Workspace, shop: SandboxShop) -> Shop:
    """Connect the sandbox's shop to a workspace."""
    return shops.connect_shop(workspace.id, base_url=shop.url, consumer_key=shop.key, consumer_secret=shop.secret)


def sign(body: bytes, secret: str) -> str:
    """What stands in X-WC-Webhook-Signature."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def deliver(client: Client, shop: Shop, topic: str, data: Any, *, secret: str | None = None) -> int:
    """Post one webhook as the shop does; answers the status."""
    body = json.dumps(data).encode()
    headers = {
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": sign(body, shop_access.hook_secret_of(shop) if secret is None else secret),
    }
    answer = client.post(
        f"/webhooks/woocommerce/{shop.token}", data=body, headers=headers, content_type="application/json"
    )
    return int(answer.status_code)
