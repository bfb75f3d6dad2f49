"""What each role may do, in one table: the members page shows it, and a contract test holds every route's guard to it."""

from dataclasses import dataclass

from wotnot.models import Role


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that people may do from `role` upwards. `views` are endpoints, or `blueprint.*` for all that are guarded."""

    words: str
    role: Role
    views: tuple[str, ...] = ()


PERMISSIONS = (
    Permission("See everything, and talk with customers in the inbox", Role.AGENT),
    Permission("Add and change contacts, their tags and consent", Role.AGENT),
    Permission("Upload files to the library", Role.AGENT),
    Permission(
        "Delete, import, export and merge contacts; make segments",
        Role.ADMIN,
        (
            "contacts.*", "contacts-api.*", "imports.*", "imports-api.*", "segments.*", "segments-api.*",
            "seed.delete_contacts", "seed.post_contacts_bulk_import",
        ),
    ),
    Permission(
        "Write, edit and delete templates, also with AI; delete files",
        Role.ADMIN,
        (
            "message_templates.*", "template_edits.*", "template_translations.*", "template_writing.*",
            "templates-api.*", "media.*", "media-api.*", "assistant.*", "seed.post_create_template",
            "seed.delete_delete_template", "seed.post_template_restore",
        ),
    ),
    Permission(
        "Send broadcasts, pause, cancel and repeat them",
        Role.ADMIN,
        (
            "broadcasts.*", "broadcast_wizard.*", "broadcasts-api.*", "seed.post_broadcast", "seed.put_broadcast",
            "seed.delete_broadcasts_delete", "seed.post_send_template_message",
        ),
    ),
    Permission(
        "Connect numbers, change their pace and their WhatsApp profile",
        Role.ADMIN,
        ("channels.*", "channels-api.*", "channel_profiles.*", "channel_sign_up.*", "seed.post_subscribe_customer"),
    ),
    Permission(
        "Connect shops, write their rules, promote their products and import their customers",
        Role.ADMIN,
        (
            "shops.*",
            "shop_rules.*",
            "shop_customers.*",
            "promotions.*",
            "shops-api.*",
            "promotions-api.*",
            "customer-imports-api.*",
            "seed.post_test_woocommerce",
            "seed.post_integrate_woo_order_cnf",
        ),
    ),
    Permission("Budgets, purchases and rate cards", Role.ADMIN, ("costs_cards.*", "costs_money.*")),
    Permission(
        "Change the workspace, its answers and its AI; make API keys",
        Role.ADMIN,
        (
            "overview.*", "settings.*", "pace_settings.*", "ai_settings.*", "automation.*", "consent_settings.*", "saved_replies.*", "keys.*",
            "api-keys.*",
        ),
    ),
    Permission(
        "Invite and remove admins and agents, change their roles",
        Role.ADMIN,
        (
            "members.invite", "members.send_again", "members.withdraw", "members.change_role", "members.remove",
        ),
    ),
    Permission(
        "Make and remove owners, hand the workspace over, require two steps of everybody",
        Role.OWNER,
        ("members.require_two_factor", "members.transfer"),
    ),
)  # fmt: skip


def least_role(endpoint: str) -> Role | None:
    """The least role that the table asks of a guarded view; None when the table does not name it."""
    pattern = f"{endpoint.partition('.')[0]}.*"
    named = [one.role for one in PERMISSIONS if endpoint in one.views]
    return next(iter(named), None) or next((one.role for one in PERMISSIONS if pattern in one.views), None)
