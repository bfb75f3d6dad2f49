"""shops: connected WooCommerce shops, what they told, their orders, and the messages about them"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

TABLES = ("shops", "shop_invites", "shop_deliveries", "shop_orders", "shop_rules", "shop_messages")


def upgrade() -> None:
    _create_shops()
    _create_invites()
    _create_deliveries()
    _create_orders()
    _create_rules()
    _create_messages()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_shops() -> None:
    _create(
        "shops",
        _workspace("shops"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("key_encrypted", sa.Text(), nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("hook_secret_encrypted", sa.Text(), nullable=False),
        _json("hooks"),
        _state("connected", "off", "removed"),
        sa.Column("trouble", sa.String(20), server_default="", nullable=False),
        _text("trouble_text"),
        _moment("trouble_since"),
        sa.Column("failed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.String(40), server_default="", nullable=False),
        sa.Column("currency", sa.String(3), server_default="", nullable=False),
        sa.Column("country", sa.String(2), server_default="", nullable=False),
        sa.Column("opt_in_key", sa.String(100), server_default="wotnot_opt_in", nullable=False),
        _now("listening_since"),
        sa.Column("synced_until", sa.DateTime(timezone=True), nullable=False),
        _now("sync_due_at"),
        _now("hooks_due_at"),
        _moment("heard_at"),
        _now("created_at"),
        sa.UniqueConstraint("token", name=op.f("uq_shops_token")),
    )
    is_there = sa.text("state <> 'removed'")
    op.create_index(
        "uq_shops_workspace_id_url", "shops", ["workspace_id", "url"], unique=True, postgresql_where=is_there
    )
    op.create_index("ix_shops_sync_due_at", "shops", ["sync_due_at"], postgresql_where=is_there)


def _create_invites() -> None:
    _create(
        "shop_invites",
        _workspace("shop_invites"),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        _text("key_encrypted"),
        _text("secret_encrypted"),
        _moment("used_at"),
        _now("created_at"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_shop_invites_user_id_users"), ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token", name=op.f("uq_shop_invites_token")),
    )
    op.create_index("ix_shop_invites_created_at", "shop_invites", ["created_at"])


def _create_deliveries() -> None:
    table = "shop_deliveries"
    _create(
        table,
        _workspace(table),
        _reference(table, "shop_id", "shops"),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        _state("pending", "done", "poison"),
        sa.Column("attempt_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        _text("error"),
        _now("due_at"),
        _now("received_at"),
        _moment("applied_at"),
    )
    op.create_index(
        "ix_shop_deliveries_pending", table, ["due_at", "id"], postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index("ix_shop_deliveries_poison", table, ["shop_id", "id"], postgresql_where=sa.text("state = 'poison'"))
    op.create_index("ix_shop_deliveries_received_at", table, ["received_at"])


def _create_orders() -> None:
    table = "shop_orders"
    _create(
        table,
        _workspace(table),
        _reference(table, "shop_id", "shops"),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.String(60), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("total_micros", sa.BigInteger(), nullable=False),
        _json("facts"),
        _text("phone_problem"),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        _now("created_at"),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_shop_orders_contact_id_contacts"), ondelete="SET NULL"
        ),
        sa.UniqueConstraint("shop_id", "order_id", name=op.f("uq_shop_orders_shop_id_order_id")),
    )
    op.create_index("ix_shop_orders_shop_id_placed_at_id", table, ["shop_id", "placed_at", "id"])
    op.create_index("ix_shop_orders_contact_id", table, ["contact_id", "placed_at"])


def _create_rules() -> None:
    table = "shop_rules"
    _create(
        table,
        _workspace(table),
        _reference(table, "shop_id", "shops"),
        sa.Column("event", sa.String(60), nullable=False),
        _reference(table, "channel_id", "channels"),
        _reference(table, "template_id", "templates"),
        _json("variables"),
        _json("conditions"),
        sa.Column("delay_minutes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_on", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _now("active_since"),
        _now("created_at"),
        _moment("deleted_at"),
        sa.CheckConstraint("delay_minutes BETWEEN 0 AND 43200", name=op.f("ck_shop_rules_delay")),
    )
    op.create_index("ix_shop_rules_shop_id_event", table, ["shop_id", "event"])


def _create_messages() -> None:
    table = "shop_messages"
    _create(
        table,
        _workspace(table),
        _reference(table, "shop_id", "shops"),
        _reference(table, "rule_id", "shop_rules"),
        _reference(table, "order_id", "shop_orders"),
        sa.Column("occurrence", sa.String(80), server_default="", nullable=False),
        _state("waiting", "written", "left_out"),
        _text("reason"),
        _json("beside"),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        _now("due_at"),
        _now("created_at"),
        sa.UniqueConstraint(
            "rule_id", "order_id", "occurrence", name=op.f("uq_shop_messages_rule_id_order_id_occurrence")
        ),
    )
    op.create_index("ix_shop_messages_shop_id_id", table, ["shop_id", "id"])
    op.create_index("ix_shop_messages_order_id", table, ["order_id"])
    op.create_index("ix_shop_messages_waiting", table, ["due_at", "id"], postgresql_where=sa.text("state = 'waiting'"))


def _create(table: str, *columns: Any) -> None:
    """A table with the columns and constraints given, each of them alone or in a tuple."""
    flat = [one for column in columns for one in (column if isinstance(column, tuple) else (column,))]
    key = sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))
    op.create_table(table, sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False), *flat, key)


def _workspace(table: str) -> tuple[Any, ...]:
    return _reference(table, "workspace_id", "workspaces")


def _reference(table: str, column: str, target: str) -> tuple[Any, ...]:
    """A column that points to `target`, whose rows take those that point to them along when they go."""
    name = op.f(f"fk_{table}_{column}_{target}")
    constraint = sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")
    return sa.Column(column, sa.BigInteger(), nullable=False), constraint


def _state(*values: str) -> sa.Column[Any]:
    kind = sa.Enum(*values, name="state", native_enum=False, create_constraint=True, length=20)
    return sa.Column("state", kind, server_default=values[0], nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _now(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)
