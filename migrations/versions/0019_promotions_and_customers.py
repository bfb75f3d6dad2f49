"""promotions: a product that is written about on chosen days; customers of a shop become contacts; notes that no webhook told"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    _create_promotions()
    _create_dates()
    _create_customer_imports()
    op.add_column("shop_orders", sa.Column("notes_due_at", sa.DateTime(timezone=True), nullable=True))
    is_due = sa.text("notes_due_at IS NOT NULL")
    op.create_index("ix_shop_orders_notes_due", "shop_orders", ["shop_id", "notes_due_at"], postgresql_where=is_due)


def downgrade() -> None:
    op.drop_index("ix_shop_orders_notes_due", table_name="shop_orders")
    op.drop_column("shop_orders", "notes_due_at")
    op.drop_table("customer_imports")
    op.drop_table("promotion_dates")
    op.drop_table("promotions")


def _create_promotions() -> None:
    op.create_table(
        "promotions",
        _id(),
        _reference("promotions", "workspace_id", "workspaces"),
        _reference("promotions", "shop_id", "shops"),
        _reference("promotions", "user_id", "users", ondelete="SET NULL"),
        _reference("promotions", "channel_id", "channels"),
        _reference("promotions", "template_id", "templates"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        _json("product"),
        _json("audience"),
        _json("variables"),
        sa.Column("leave_out", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("weekdays", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("at_time", sa.Time(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(20), server_default="on", nullable=False),
        sa.Column("next_day", sa.Date(), nullable=True),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        _now(),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_promotions_days")),
        sa.CheckConstraint("state IN ('on', 'paused', 'ended')", name=op.f("ck_promotions_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index("ix_promotions_shop_id_id", "promotions", ["shop_id", "id"])
    op.create_index("ix_promotions_next_day", "promotions", ["next_day"], postgresql_where=sa.text("state = 'on'"))


def _create_dates() -> None:
    op.create_table(
        "promotion_dates",
        _id(),
        _reference("promotion_dates", "workspace_id", "workspaces"),
        _reference("promotion_dates", "promotion_id", "promotions"),
        sa.Column("day", sa.Date(), nullable=False),
        _reference("promotion_dates", "broadcast_id", "broadcasts", ondelete="SET NULL"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_dates")),
        sa.UniqueConstraint("promotion_id", "day", name=op.f("uq_promotion_dates_promotion_id_day")),
        sa.UniqueConstraint("broadcast_id", name=op.f("uq_promotion_dates_broadcast_id")),
    )


def _create_customer_imports() -> None:
    counts = ("next_page", "total_count", "read_count", "added_count", "known_count", "consent_count", "refused_count")
    op.create_table(
        "customer_imports",
        _id(),
        _reference("customer_imports", "workspace_id", "workspaces"),
        _reference("customer_imports", "shop_id", "shops"),
        _reference("customer_imports", "user_id", "users", ondelete="SET NULL"),
        sa.Column("opt_in_key", sa.String(100), server_default="", nullable=False),
        sa.Column("state", sa.String(20), server_default="running", nullable=False),
        sa.Column("part", sa.String(20), server_default="customers", nullable=False),
        *(sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False) for name in counts),
        sa.Column("failed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        _now("due_at"),
        _now(),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('running', 'done', 'failed', 'stopped')", name=op.f("ck_customer_imports_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_imports")),
    )
    op.create_index("ix_customer_imports_shop_id_id", "customer_imports", ["shop_id", "id"])
    is_running = sa.text("state = 'running'")
    op.create_index(
        "uq_customer_imports_shop_id", "customer_imports", ["shop_id"], unique=True, postgresql_where=is_running
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _now(name: str = "created_at") -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)


def _reference(table: str, name: str, target: str, ondelete: str = "CASCADE") -> sa.Column[int]:
    key = sa.ForeignKey(f"{target}.id", name=op.f(f"fk_{table}_{name}_{target}"), ondelete=ondelete)
    return sa.Column(name, sa.BigInteger(), key, nullable=ondelete == "SET NULL")
