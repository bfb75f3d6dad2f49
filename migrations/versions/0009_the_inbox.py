"""the team inbox: labels, notes, ready answers, and a search over what was said"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("auto_assign", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("members", sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversations", sa.Column("read_through", sa.BigInteger(), nullable=True))
    op.add_column(
        "conversations",
        sa.Column("labels", postgresql.ARRAY(sa.String(length=40)), server_default=sa.text("'{}'"), nullable=False),
    )
    _index_conversations()
    op.create_index("ix_messages_thread", "messages", ["contact_id", "created_at", "id"])
    _create_events()
    _create_texts()
    op.create_table(
        "canned_replies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("shortcut", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _of_workspace("canned_replies"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_replies")),
        sa.UniqueConstraint("workspace_id", "shortcut", name=op.f("uq_canned_replies_workspace_id_shortcut")),
    )


def downgrade() -> None:
    op.drop_table("canned_replies")
    op.drop_table("message_texts")
    op.drop_table("conversation_events")
    op.drop_index("ix_messages_thread", table_name="messages")
    for name in ("contact_id", "labels", "unread", "by_assignee", "by_state"):
        op.drop_index(f"ix_conversations_{name}", table_name="conversations")
    op.drop_column("conversations", "labels")
    op.drop_column("conversations", "read_through")
    op.drop_column("members", "assigned_at")
    op.drop_column("workspaces", "auto_assign")


def _of_workspace(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces"), ondelete="CASCADE"
    )


def _index_conversations() -> None:
    for name, column in (("by_state", "state"), ("by_assignee", "assignee_id")):
        op.create_index(f"ix_conversations_{name}", "conversations", ["workspace_id", column, "last_message_at", "id"])
    op.create_index(
        "ix_conversations_unread",
        "conversations",
        ["workspace_id", "last_message_at", "id"],
        postgresql_where=sa.text("unread_count > 0"),
    )
    op.create_index(
        "ix_conversations_labels",
        "conversations",
        ["labels"],
        postgresql_using="gin",
        postgresql_where=sa.text("labels <> '{}'"),
    )
    op.create_index("ix_conversations_contact_id", "conversations", ["contact_id"])


def _create_events() -> None:
    op.create_table(
        "conversation_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "note",
                "assigned",
                "closed",
                "reopened",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_conversation_events_conversation_id_conversations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_conversation_events_user_id_users"), ondelete="SET NULL"
        ),
        _of_workspace("conversation_events"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_events")),
    )
    op.create_index("ix_conversation_events_thread", "conversation_events", ["conversation_id", "created_at", "id"])


def _create_texts() -> None:
    op.create_table(
        "message_texts",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column(
            "lexemes",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', words)", persisted=True),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_texts_message_id_messages"), ondelete="CASCADE"
        ),
        _of_workspace("message_texts"),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_texts")),
    )
    op.create_index("ix_message_texts_workspace_id_message_id", "message_texts", ["workspace_id", "message_id"])
    op.create_index("ix_message_texts_lexemes", "message_texts", ["lexemes"], postgresql_using="gin")
