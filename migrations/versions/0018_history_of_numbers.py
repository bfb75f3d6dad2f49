"""numbers: their throughput, the state of their name, and what changed about them"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

FACTS = ("quality", "limit", "throughput", "name", "name_status", "state", "notice")
TELLERS = ("webhook", "refresh", "sending", "person")


def upgrade() -> None:
    op.add_column("channels", sa.Column("throughput", sa.String(length=20), server_default="", nullable=False))
    op.add_column("channels", sa.Column("name_status", sa.String(length=30), server_default="", nullable=False))
    op.create_table(
        "channel_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("fact", _enum("fact", FACTS), nullable=False),
        sa.Column("before", sa.String(length=200), server_default="", nullable=False),
        sa.Column("after", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("told_by", _enum("told_by", TELLERS), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_channel_events_{column}_{table}"), ondelete="CASCADE"
            )
            for column, table in (("workspace_id", "workspaces"), ("channel_id", "channels"))
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_events")),
    )
    for column in ("channel_id", "workspace_id"):
        op.create_index(f"ix_channel_events_{column}_id", "channel_events", [column, "id"])
    op.create_index(
        "uq_channel_events_told",
        "channel_events",
        ["channel_id", "fact", "told_at", "after"],
        unique=True,
        postgresql_where=sa.text("told_by = 'webhook'"),
    )


def downgrade() -> None:
    op.drop_table("channel_events")
    op.drop_column("channels", "name_status")
    op.drop_column("channels", "throughput")


def _enum(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)
