"""segments: saved filters over contacts, what they said when a broadcast started, and who wrote to us when"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    _create_segments()
    op.add_column("broadcasts", sa.Column("frozen", postgresql.JSONB(), nullable=True))
    # The ledger is large and in use: its index is built beside the writers.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_inbound",
            "messages",
            ["workspace_id", "contact_id", "created_at"],
            postgresql_where=sa.text("direction = 'in'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_messages_inbound", table_name="messages")
    op.drop_column("broadcasts", "frozen")
    op.drop_table("segments")


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("definition", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_segments_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_segments_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    op.create_index(
        "uq_segments_workspace_id_name_lower", "segments", ["workspace_id", sa.text("lower(name)")], unique=True
    )
    op.create_index("ix_segments_workspace_id_id", "segments", ["workspace_id", "id"])
