"""One plain function a model: what a test does not care about gets a sensible value, what it names is taken.

Each commits (a savepoint, under the `session` fixture), so that the product's own sessions see the row.
"""

import hashlib
import io
import itertools
import struct
import zlib
from datetime import date, time, timedelta
from typing import Any, TypeVar

import bcrypt
from flask import current_app

from wotnot import clock
from wotnot.extensions import Base, db
from wotnot.models import (
    AiConversation,
    AiTurn,
    AiTurnState,
    ApiKey,
    Automation,
    Broadcast,
    Channel,
    ConsentEvent,
    Contact,
    ContactImport,
    ContactMerge,
    ContactTag,
    Conversation,
    CustomerImport,
    Direction,
    Export,
    ExportFormat,
    ExportKind,
    ExportState,
    ImportRow,
    InboundMedia,
    Invitation,
    MediaFile,
    Member,
    Message,
    MessageCost,
    MessageState,
    Promotion,
    Purchase,
    RateCard,
    Role,
    RowVerdict,
    Segment,
    Shop,
    ShopOrder,
    ShopRule,
    SignUp,
    Tag,
    Template,
    TemplateCategory,
    TemplateOrigin,
    TemplateStatus,
    User,
    UserSession,
    WebhookEvent,
    Workspace,
)
from wotnot.services import contact_merges, crypto, media, rate_cards, storage, template_versions
from wotnot.services.contact_merges import Pair
from wotnot.services.pricing.cards import CATEGORIES, Card
from wotnot.services.storage import storage_for
from wotnot.services.woocommerce.orders import Item, Order

PASSWORD_HASH = bcrypt.hashpw(b"correct horse battery", bcrypt.gensalt(4)).decode()
API_KEY = "wn_test_0123456789abcdef"

Row = TypeVar("Row", bound=Base)

_numbers = itertools.count(101)  # below are those that the sandbox knows


def save(row: Row) -> Row:
    """Add and commit `row`. What is loaded stays loaded: nobody has changed it."""
    session = db.session()
    session.add(row)
    session.expire_on_commit = False
    session.commit()
    session.expire_on_commit = True
    return row


def make_workspace(**fields: Any) -> Workspace:
    """A workspace."""
    return save(Workspace(**{"name": f"Workspace {next(_numbers)}", "default_country": "ZA"} | fields))


def make_user(**fields: Any) -> User:
    """A user with tests.cast.PASSWORD."""
    number = next(_numbers)
    defaults = {"name": f"User {number}", "email": f"user{number}@example.com", "password_hash": PASSWORD_HASH}
    return save(User(**defaults | fields))


def make_member(workspace: Workspace, user: User, role: Role = Role.AGENT) -> Member:
    """`user` in `workspace`."""
    return save(Member(workspace_id=workspace.id, user_id=user.id, role=role))


def make_api_key(workspace: Workspace, user: User, **fields: Any) -> ApiKey:
    """The key API_KEY of `user`."""
    key_hash = hashlib.sha256(API_KEY.encode()).hexdigest()
    defaults = {"name": "Shop", "prefix": API_KEY[:10], "key_hash": key_hash}
    return save(ApiKey(workspace_id=workspace.id, user_id=user.id, **defaults | fields))


def make_user_session(user: User, **fields: Any) -> UserSession:
    """A browser in which `user` is signed in."""
    return save(UserSession(user_id=user.id, key=f"session-{next(_numbers)}", **fields))


def give_picture(user: User) -> User:
    """A picture of `user`, in the storage."""
    storage = storage_for(current_app.extensions["wotnot.config"])
    user.picture_key, _ = storage.save(io.BytesIO(b"\x89PNG\r\n\x1a\n"), limit=100)
    user.picture_type = "image/png"
    return save(user)


def make_sign_up(workspace: Workspace, **fields: Any) -> SignUp:
    """A sign-up at Meta that has stopped at its first step."""
    defaults = {"token_encrypted": "", "failed_step": "inspect", "reason": "Meta does not answer."}
    return save(SignUp(workspace_id=workspace.id, **defaults | fields))


def make_invitation(workspace: Workspace, **fields: Any) -> Invitation:
    """Somebody who was invited as an agent."""
    number = next(_numbers)
    defaults = {"email": f"invited{number}@example.com", "role": Role.AGENT, "nonce": f"nonce-{number}"}
    return save(Invitation(workspace_id=workspace.id, **defaults | fields))


def make_channel(workspace: Workspace, **fields: Any) -> Channel:
    """A connected number with a token that the sandbox takes. The sandbox knows only 800000000000001."""
    number = next(_numbers)
    keys = current_app.extensions["wotnot.config"].encryption_keys
    defaults = {
        "waba_id": "700000000000001",
        "phone_number_id": f"8{number:014d}",
        "token_encrypted": crypto.encrypt("sandbox-token", keys),
        "display_phone_number": f"+27 21 555 {number % 10_000:04d}",
        "verified_name": "Casa Verde",
        "quality_rating": "GREEN",
        "messaging_limit": "TIER_10K",
    }
    return save(Channel(workspace_id=workspace.id, **defaults | fields))


def make_template(workspace: Workspace, **fields: Any) -> Template:
    """An approved marketing template with one body variable."""
    number = next(_numbers)
    body = {"type": "BODY", "text": "Hello {{1}}, we have news for you.", "example": {"body_text": [["Thandi"]]}}
    defaults = {
        "waba_id": "700000000000001",
        "meta_id": f"9{number:014d}",
        "name": f"news_{number}",
        "language": "en",
        "category": TemplateCategory.MARKETING,
        "status": TemplateStatus.APPROVED,
        "components": [body],
    }
    template = save(Template(workspace_id=workspace.id, **defaults | fields))
    template_versions.begin_history([template], TemplateOrigin.META)
    return template


def png(seed: int = 0, padding: int = 0) -> bytes:
    """A picture of one pixel, another one for each `seed`, with `padding` further bytes in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0" + seed.to_bytes(3, "big"))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixel + b"\0" * padding) + chunk(b"IEND", b"")


def make_media_file(workspace: Workspace, filename: str = "", content: bytes = b"") -> MediaFile:
    """A file of the library with its bytes in the storage, by default a small picture that no other test has."""
    number = next(_numbers)
    return media.save_file(workspace.id, io.BytesIO(content or png(number)), filename or f"picture {number}.png")


def make_inbound_media(message: Message, file: MediaFile | None = None, **fields: Any) -> InboundMedia:
    """What became of the file of an inbound message: it waits, unless `fields` say otherwise."""
    ids = {"message_id": message.id, "workspace_id": message.workspace_id, "channel_id": message.channel_id}
    defaults = {"meta_id": "11", "media_file_id": file.id if file else None}
    return save(InboundMedia(**ids | defaults | fields))


def make_shop(workspace: Workspace, **fields: Any) -> Shop:
    """A connected shop where nobody answers. The sandbox's own: tests/sandbox_shop.py."""
    number = next(_numbers)
    keys = current_app.extensions["wotnot.config"].encryption_keys
    defaults = {
        "name": f"Shop {number}",
        "url": f"http://127.0.0.1:9/shop-{number}",
        "token": f"shop-token-{number}",
        "key_encrypted": crypto.encrypt("ck_test", keys),
        "secret_encrypted": crypto.encrypt("cs_test", keys),
        "hook_secret_encrypted": crypto.encrypt("hook secret", keys),
        "currency": "ZAR",
        "country": "ZA",
        "listening_since": clock.now() - timedelta(hours=1),
        "synced_until": clock.now(),
    }
    return save(Shop(workspace_id=workspace.id, **defaults | fields))


def make_sandbox_shop(workspace: Workspace, **fields: Any) -> Shop:
    """The sandbox's own shop, which answers when the test has asked for the `sandbox`; its webhooks are not set up."""
    config = current_app.extensions["wotnot.config"]
    pair = ("ck_sandbox0000000000000000000000000000000001", "cs_sandbox0000000000000000000000000000000001")
    key, secret = (crypto.encrypt(one, config.encryption_keys) for one in pair)
    where = {"url": f"{config.sandbox_url}/shop/casa-verde", "key_encrypted": key, "secret_encrypted": secret}
    return make_shop(workspace, **{"name": "Casa Verde"} | where | fields)


def make_shop_rule(shop: Shop, channel: Channel, template: Template, **fields: Any) -> ShopRule:
    """A rule that confirms every new order."""
    ids = {"workspace_id": shop.workspace_id, "shop_id": shop.id, "channel_id": channel.id, "template_id": template.id}
    return save(ShopRule(**ids | {"event": "created", "variables": {"1": {"field": "first_name"}}} | fields))


def make_customer_import(shop: Shop, **fields: Any) -> CustomerImport:
    """Customers of a shop that are being imported."""
    return save(CustomerImport(workspace_id=shop.workspace_id, shop_id=shop.id, **fields))


def make_promotion(shop: Shop, channel: Channel, template: Template, **fields: Any) -> Promotion:
    """Product 102 every day for two weeks from tomorrow on, to everybody."""
    first = clock.now().date() + timedelta(days=1)
    ids = {"workspace_id": shop.workspace_id, "shop_id": shop.id, "channel_id": channel.id, "template_id": template.id}
    days = {"weekdays": list(range(7)), "at_time": time(9), "first_day": first, "last_day": first + timedelta(days=13)}
    defaults = {
        "name": f"Promotion {next(_numbers)}",
        "product_id": 102,
        "product": {"name": "Snake plant", "price": "260.00", "url": "", "has_picture": True},
        "audience": {"all": True},
        "variables": {"1": {"product": "name"}},
        "next_day": first,
    }
    return save(Promotion(**ids | days | defaults | fields))


def make_shop_order(shop: Shop, contact: Contact | None = None, **fields: Any) -> ShopOrder:
    """An order of R485.00."""
    number = next(_numbers)
    now = clock.now()
    order = Order(
        order_id=number,
        number=str(number),
        status="processing",
        currency="ZAR",
        total="485.00",
        placed_at=now,
        modified_at=now,
        symbol="R",
        first_name="Naledi",
        last_name="Mokoena",
        phone="082 555 0142",
        country="ZA",
        items=(Item("Snake plant", 102, 1, "485.00"),),
    )
    plain = {"order_id": number, "number": str(number), "status": order.status, "currency": "ZAR"}
    told = {"total_micros": order.total_micros, "facts": order.as_json(), "placed_at": now, "modified_at": now}
    whose = {"workspace_id": shop.workspace_id, "shop_id": shop.id, "contact_id": contact.id if contact else None}
    return save(ShopOrder(**whose | plain | told | fields))


def phone(number: int) -> str:
    """A valid South African mobile number in E.164 digits, a different one for each `number` below ten million."""
    return f"2782{number:07d}"


def make_contact(workspace: Workspace, **fields: Any) -> Contact:
    """A contact with a valid South African mobile number of its own."""
    number = next(_numbers)
    return save(Contact(workspace_id=workspace.id, **{"phone": phone(number), "name": f"Contact {number}"} | fields))


def make_contacts(workspace: Workspace, count: int, **fields: Any) -> list[Contact]:
    """`count` contacts in one commit."""
    rows = [
        Contact(**{"workspace_id": workspace.id, "phone": phone(n), "name": f"Contact {n}"} | fields)
        for n in _take(count)
    ]
    db.session.add_all(rows)
    db.session.commit()
    return rows


def make_tag(workspace: Workspace, name: str = "") -> Tag:
    """A tag."""
    return save(Tag(workspace_id=workspace.id, name=name or f"tag {next(_numbers)}"))


def tag_contact(contact: Contact, tag: Tag) -> ContactTag:
    """Put `tag` on `contact`."""
    return save(ContactTag(contact_id=contact.id, tag_id=tag.id, workspace_id=contact.workspace_id))


def make_segment(workspace: Workspace, *conditions: dict[str, Any], **fields: Any) -> Segment:
    """A segment of all who meet the conditions; without any, of those with the tag VIP."""
    definition = {"match": "all", "conditions": list(conditions) or [{"field": "tags", "op": "any", "value": ["VIP"]}]}
    defaults = {"name": f"Segment {next(_numbers)}", "definition": definition}
    return save(Segment(workspace_id=workspace.id, **defaults | fields))


def make_consent_event(contact: Contact, **fields: Any) -> ConsentEvent:
    """An opt-out that the contact sent."""
    defaults = {"consent": "opted_out", "source": "reply"}
    return save(ConsentEvent(workspace_id=contact.workspace_id, contact_id=contact.id, **defaults | fields))


def make_import(workspace: Workspace, **fields: Any) -> ContactImport:
    """An uploaded file; the file itself is the test's business."""
    defaults = {"filename": "people.csv", "storage_key": f"imports/{next(_numbers)}.csv", "size_bytes": 100}
    return save(ContactImport(workspace_id=workspace.id, **defaults | fields))


def make_import_row(contact_import: ContactImport, **fields: Any) -> ImportRow:
    """A refused row."""
    defaults = {
        "row_number": next(_numbers),
        "verdict": RowVerdict.INVALID,
        "reason": "No number.",
        "cells": ["", "Ann"],
    }
    return save(ImportRow(import_id=contact_import.id, **defaults | fields))


def make_broadcast(
    workspace: Workspace, channel: Channel | None = None, template: Template | None = None, **fields: Any
) -> Broadcast:
    """A draft to everybody, with {{1}} taken from the name; channel and template are made if not given."""
    channel = channel or make_channel(workspace)
    template = template or make_template(workspace)
    defaults = {
        "name": f"Broadcast {next(_numbers)}",
        "audience": {"all": True},
        "exclude": {},
        "variables": {"1": {"field": "name", "fallback": "there"}},
    }
    ids = {"workspace_id": workspace.id, "channel_id": channel.id, "template_id": template.id}
    return save(Broadcast(**ids | defaults | fields))


def make_message(channel: Channel, contact: Contact, broadcast: Broadcast | None = None, **fields: Any) -> Message:
    """A queued outbound message, of `broadcast` if given."""
    defaults = {
        "state": MessageState.QUEUED,
        "phone": contact.phone,
        "broadcast_id": broadcast.id if broadcast else None,
        "template_id": broadcast.template_id if broadcast else None,
    }
    ids = {"workspace_id": channel.workspace_id, "channel_id": channel.id, "contact_id": contact.id}
    return save(Message(**ids | defaults | fields))


def make_inbound(channel: Channel, contact: Contact, text: str = "Hello", **fields: Any) -> Message:
    """A message that `contact` sent us."""
    defaults = {
        "direction": Direction.IN,
        "state": MessageState.RECEIVED,
        "type": "text",
        "wamid": f"wamid.test{next(_numbers)}",
        "content": {"body": text},
    }
    return make_message(channel, contact, **defaults | fields)


def make_conversation(channel: Channel, contact: Contact, **fields: Any) -> Conversation:
    """An open conversation, its window closing in a day."""
    defaults = {"window_expires_at": clock.now() + timedelta(hours=24), "last_message_at": clock.now()}
    ids = {"workspace_id": channel.workspace_id, "channel_id": channel.id, "contact_id": contact.id}
    return save(Conversation(**ids | defaults | fields))


def make_automation(workspace: Workspace, **fields: Any) -> Automation:
    """A greeting that is on."""
    return save(Automation(workspace_id=workspace.id, **{"kind": "greeting", "body": "Welcome."} | fields))


def make_merge(kept: Contact, gone: Contact) -> ContactMerge:
    """Two contacts made one."""
    contact_merges.merge([Pair(kept.id, gone.id)], contact_merges.SAME_MESSAGE)
    return db.session.query(ContactMerge).order_by(ContactMerge.id.desc()).first()


def make_webhook_event(
    body: bytes = b'{"object":"whatsapp_business_account","entry":[]}', **fields: Any
) -> WebhookEvent:
    """A stored delivery that nobody has looked at."""
    return save(WebhookEvent(body=body, **fields))


def make_ai_turn(workspace: Workspace, user: User, **fields: Any) -> AiTurn:
    """A question to the assistant that was answered, in a conversation of its own unless `conversation_id` names one."""
    if "conversation_id" not in fields:
        talk = save(AiConversation(workspace_id=workspace.id, user_id=user.id, title="How did it go?"))
        fields["conversation_id"] = talk.id
    defaults = {"question": "How did it go?", "answer": "It went **well**.", "state": AiTurnState.DONE}
    return save(AiTurn(workspace_id=workspace.id, **defaults | fields))


def make_rate_card(workspace: Workspace, **fields: Any) -> Card:
    """A card of the workspace's own, with one rate for everything everywhere."""
    rates = {"other": {category: [[0, 50_000]] for category in CATEGORIES}}
    defaults = {"currency": "USD", "valid_from": date(2026, 11, 1), "filename": "card.csv", "rates": rates}
    row = save(RateCard(workspace_id=workspace.id, **defaults | fields))
    return rate_cards.get_card(workspace.id, f"own-{row.id}")


def make_cost(
    channel: Channel, micros: int | None = 100_000, broadcast: Broadcast | None = None, **fields: Any
) -> MessageCost:
    """What a delivered marketing message to South Africa cost, and the message."""
    message = make_message(channel, make_contact_of(channel), broadcast, state=MessageState.DELIVERED, reached=4)
    defaults = {"day": date(2026, 11, 20), "category": "marketing", "type": "regular", "country": "ZA", "market": "ZA"}
    ids = {"message_id": message.id, "workspace_id": channel.workspace_id, "channel_id": channel.id}
    place = {"broadcast_id": broadcast.id if broadcast else 0, "currency": "USD", "micros": micros}
    return save(MessageCost(**ids | place | defaults | fields))


def make_contact_of(channel: Channel) -> Contact:
    """A contact in the workspace of `channel`."""
    return save(Contact(workspace_id=channel.workspace_id, phone=phone(next(_numbers)), name="Somebody"))


def make_export(workspace: Workspace, user: User, content: bytes = b"day\n", **fields: Any) -> Export:
    """A finished export of costs, its file in the storage in one part."""
    kept = storage.storage_for(current_app.extensions["wotnot.config"])
    defaults = {
        "kind": ExportKind.COSTS,
        "format": ExportFormat.CSV,
        "name": f"Costs {next(_numbers)}",
        "timezone": workspace.timezone,
        "state": ExportState.DONE,
        "parts": [list(kept.save(io.BytesIO(content), limit=len(content)))],
        "size_bytes": len(content),
        "expires_at": clock.now() + timedelta(days=7),
    }
    return save(Export(workspace_id=workspace.id, user_id=user.id, **defaults | fields))


def make_purchase(workspace: Workspace, **fields: Any) -> Purchase:
    """A top-up of US$ 100."""
    defaults = {"kind": "top_up", "paid_on": date(2026, 11, 2), "amount_micros": 100_000_000, "currency": "USD"}
    return save(Purchase(workspace_id=workspace.id, row_key=f"key {next(_numbers)}", **defaults | fields))


def _take(count: int) -> list[int]:
    return [next(_numbers) for _ in range(count)]
