"""segments: saved filters over contacts, what they said when a broadcast started, and who wrote to us when"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    # What is there already is left by a run that ended between these and the index.
    _create_segments()
    op.add_column("broadcasts", sa.Column("frozen", postgresql.JSONB(), nullable=True), if_not_exists=True)
    # The ledger is large and in use: its index is built beside the writers, and waits for whoever reads a long time.
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        _drop_unfinished_index()
        op.create_index(
            "ix_messages_inbound",
            "messages",
            ["workspace_id", "contact_id", "created_at"],
            postgresql_where=sa.text("direction = 'in'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute("SET lock_timeout = '5s'")


def _drop_unfinished_index() -> None:
    """A build that was cut off leaves an index that is kept up and never used."""
    is_invalid = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('ix_messages_inbound') AND NOT indisvalid"
    if op.get_bind().scalar(sa.text(is_invalid)):
        op.execute("DROP INDEX CONCURRENTLY ix_messages_inbound")


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
        if_not_exists=True,
    )
    op.create_index(
        "uq_segments_workspace_id_name_lower",
        "segments",
        ["workspace_id", sa.text("lower(name)")],
        unique=True,
        if_not_exists=True,
    )
    op.create_index("ix_segments_workspace_id_id", "segments", ["workspace_id", "id"], if_not_exists=True)
