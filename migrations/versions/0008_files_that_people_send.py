"""files that people send: fetched from Meta, and apart from the library"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_THERE = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    op.add_column("media_files", sa.Column("origin", sa.String(20), server_default="library", nullable=False))
    op.create_check_constraint(op.f("ck_media_files_origin"), "media_files", "origin IN ('library', 'inbound')")
    op.drop_index("ix_media_files_workspace_id_id", "media_files")
    op.create_index("ix_media_files_workspace_id_origin_id", "media_files", ["workspace_id", "origin", "id"])
    op.drop_index("uq_media_files_workspace_id_sha256", "media_files")
    op.create_index(
        "uq_media_files_workspace_id_origin_sha256",
        "media_files",
        ["workspace_id", "origin", "sha256"],
        unique=True,
        postgresql_where=_THERE,
    )
    op.create_table(
        "inbound_media",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("meta_id", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("state", sa.String(20), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("attempt_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("media_file_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'kept', 'gone')", name=op.f("ck_inbound_media_state")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["media_file_id"], ["media_files.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index(
        "ix_inbound_media_due_at", "inbound_media", ["due_at"], postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index(
        "ix_inbound_media_media_file_id",
        "inbound_media",
        ["media_file_id"],
        postgresql_where=sa.text("media_file_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("inbound_media")
    # What people sent has no place in the library, where its content may stand a second time.
    op.execute("DELETE FROM media_files WHERE origin = 'inbound'")
    op.drop_index("uq_media_files_workspace_id_origin_sha256", "media_files")
    op.create_index(
        "uq_media_files_workspace_id_sha256",
        "media_files",
        ["workspace_id", "sha256"],
        unique=True,
        postgresql_where=_THERE,
    )
    op.drop_index("ix_media_files_workspace_id_origin_id", "media_files")
    op.create_index("ix_media_files_workspace_id_id", "media_files", ["workspace_id", "id"])
    op.drop_column("media_files", "origin")  # and its check with it
