"""A connected shop with a number and a template, and what is read of the ledger: what the tests about a shop's orders share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tests.client import Client
from tests.sandbox_shop import SandboxShop, deliver
from wotnot.extensions import db
from wotnot.models import Message, Shop, ShopMessage, ShopOrder, ShopRule
from wotnot.services import shop_rules, shops

Drain = Callable[[], dict[str, int]]
VARIABLES = {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "order_number"}, "3": {"field": "total"}}
BODY = {
    "type": "BODY",
    "text": "Hello {{1}}, we have your order {{2}} over {{3}}.",
    "example": {"body_text": [["Thandi", "1042", "R485.00"]]},
}


@dataclass
class Scene:
    """A connected shop with a number and a template, and a browser that plays the shop's server."""

    workspace_id: int
    shop_id: int
    there: SandboxShop
    channel_id: int
    template_id: int
    client: Client

    @property
    def shop(self) -> Shop:
        """The shop now: calls to it give the session back in between."""
        return shops.get_shop(self.workspace_id, self.shop_id)

    def rule(self, event: str = "created", **fields: Any) -> ShopRule:
        """A rule of the shop."""
        given = {"channel_id": self.channel_id, "template_id": self.template_id, "variables": VARIABLES}
        return shop_rules.create_rule(self.workspace_id, self.shop_id, event=event, **given | fields)

    def tell(self, order: dict[str, Any], topic: str = "order.created") -> None:
        """The shop's server posts a webhook."""
        assert deliver(self.client, self.shop, topic, order) == 200

    def order(self, number: int) -> ShopOrder:
        """What we know of an order."""
        return db.session.scalars(select(ShopOrder).where(ShopOrder.order_id == number)).one()


def written() -> list[Message]:
    """The ledger, the oldest entry first."""
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def texts(message: Message) -> list[str]:
    """The values that a message's template is filled with."""
    return [one["text"] for part in (message.content or {})["components"] for one in part["parameters"]]


def unwritten() -> list[str]:
    """Why the others are not in the ledger."""
    db.session.expire_all()
    return list(db.session.scalars(select(ShopMessage.reason).where(ShopMessage.message_id.is_(None))))
