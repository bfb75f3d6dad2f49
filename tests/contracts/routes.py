"""Every route of the app, and an address for each: what the walks over the URL map share."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

from flask import Flask
from werkzeug.routing import Rule

from tests import factories
from tests.cast import Cast
from wotnot.models import AiTurnState, Consent, Role
from wotnot.services import canned_replies, contact_imports

# Who may call these is decided elsewhere, each for the reason given.
PUBLIC = {
    "static": "our own css and js",
    "api-docs": "the contract is public",
    "auth": "the pages of people who are signed out; each is a form with its own limit",
    "second_step": "as `auth`: the form for the code, between the password and the session",
    "auth-api": "as above, for programs; log-out and refresh read the token themselves",
    "api_docs": "as above, for reading",
    "seed_open": "log-in and registration of the short paths",
    "health": "a load balancer has no password",
    "webhooks": "Meta signs its deliveries",
    "rq_dashboard": "guards itself, see test_job_dashboard.py",
}
# Of `auth`, what is still an answer to somebody who is signed in or not.
WORDS = {
    "asked": "cancel",
    "token": "no-such-token",
    "filename": "css/base.css",
    "step": "audience",
    "kind": "all",
    "language": "en",
}
# Where fields are read before the thing is looked up, what a well-meant request carries.
FIELDS = {
    "members.change_role": {"role": "admin"},
    "broadcasts.rename": {"name": "Mine now"},
    "broadcasts-api.change": {"name": "Mine now"},
    "broadcasts-api.retry": {"scope": "failed"},
    "broadcasts-api.test": {"to": "+27821112222"},
    "channels-api.change": {"rate_per_second": 5},
    "shops-api.create_rule": {"event": "created", "channel_id": 1, "template_id": 1},
    "promotions-api.create": {
        "product_id": 102,
        "name": "Mine now",
        "channel_id": 1,
        "template_id": 1,
        "audience": {"all": True},
        "weekdays": ["monday"],
        "at_time": "09:00",
        "first_day": "2099-01-01",
        "last_day": "2099-01-31",
    },
    "promotions-api.change": {"name": "Mine now"},
    "shops-api.change": {"name": "Mine now"},
    "shops-api.change_rule": {"is_on": False},
    "templates-api.edit": {"components": [{"type": "BODY", "text": "Mine now"}]},
    "conversations-api.reply": {"type": "text", "text": {"body": "Hello"}},
    "segments-api.change": {"name": "Mine now"},
    "contacts-api.replace": {"phone": "+27821112222", "name": "Mine now"},
}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one rule, with the arguments filled in."""

    endpoint: str
    method: str
    address: str
    has_ids: bool
    blueprint: str

    @property
    def fields(self) -> dict[str, object]:
        """A well-meant form or JSON body."""
        return FIELDS.get(self.endpoint, {})

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


def list_routes(app: Flask, arguments: Mapping[str, object]) -> Iterator[Route]:
    """Every route with its arguments from `arguments` and WORDS. An argument that neither knows fails the test."""
    for rule in app.url_map.iter_rules():
        values = _arguments(rule, arguments)
        has_ids = any(name in arguments for name in rule.arguments)
        address = re.sub(r"<(?:[^:<>]+:)?(\w+)>", lambda match, v=values: str(v[match.group(1)]), rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(rule.endpoint, method, address, has_ids, rule.endpoint.rpartition(".")[0] or rule.endpoint)


def _arguments(rule: Rule, known: Mapping[str, object]) -> dict[str, object]:
    if rule.endpoint.startswith("rq_dashboard."):
        return dict.fromkeys(rule.arguments, 0)
    unknown = rule.arguments - known.keys() - WORDS.keys()
    assert not unknown, f"{rule.rule}: tell tests/contracts/routes.py what {unknown} may be"
    return {name: known.get(name, WORDS.get(name)) for name in rule.arguments}


def make_one_of_each(cast: Cast) -> dict[str, object]:
    """One of everything in Alice's workspace: route argument → its id."""
    workspace = cast.workspace
    channel = factories.make_channel(workspace, phone_number_id="800000000000001")
    template = factories.make_template(workspace)
    contact = factories.make_contact(workspace, consent=Consent.OPTED_IN)
    tag = factories.make_tag(workspace, "vip")
    factories.tag_contact(contact, tag)
    broadcast = factories.make_broadcast(workspace, channel, template)
    message = factories.make_message(channel, contact, broadcast)
    member = factories.make_member(workspace, factories.make_user(), Role.AGENT)
    file = BytesIO(b"phone,name\n+27821234567,Ann\n")
    factories.give_picture(cast.bob)
    turn = factories.make_ai_turn(workspace, cast.alice, state=AiTurnState.STOPPED)
    contact_import = contact_imports.upload(workspace.id, file, "people.csv", user_id=cast.alice.id)
    shop = factories.make_sandbox_shop(workspace)
    return {
        "automation_id": factories.make_automation(workspace).id,
        "broadcast_id": broadcast.id,
        "card_key": factories.make_rate_card(workspace).key,
        "channel_id": channel.id,
        "contact_id": contact.id,
        "customer_import_id": factories.make_customer_import(shop).id,
        "conversation_id": factories.make_conversation(channel, contact).id,
        "export_id": factories.make_export(workspace, cast.alice).id,
        "file_id": factories.make_media_file(workspace).id,
        "import_id": contact_import.id,
        "invitation_id": factories.make_invitation(workspace).id,
        "key_id": factories.make_api_key(workspace, cast.alice).id,
        "member_id": member.id,
        "merge_id": factories.make_merge(contact, factories.make_contact(workspace)).id,
        "session_id": factories.make_user_session(cast.alice).id,
        "sign_up_id": factories.make_sign_up(workspace).id,
        "segment_id": factories.make_segment(workspace).id,
        "reply_id": canned_replies.save_reply(workspace.id, shortcut="hours", body="We open at nine.").id,
        "message_id": message.id,
        "phone": f"+{contact.phone}",
        "product_id": 101,
        "promotion_id": factories.make_promotion(shop, channel, template).id,
        "purchase_id": factories.make_purchase(workspace).id,
        "name": template.name,
        "rule_id": factories.make_shop_rule(shop, channel, template).id,
        "shop_id": shop.id,
        "tag_id": tag.id,
        "talk_id": turn.conversation_id,
        "template_id": template.id,
        "turn_id": turn.id,
        "user_id": cast.bob.id,
        "wanted_id": workspace.id,
    }
