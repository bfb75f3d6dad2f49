"""accounts: keys with scopes, a last day and a test mode"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("is_test", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    _create_simulated_messages()


def downgrade() -> None:
    op.drop_table("simulated_messages")
    # Without the columns they would be live, and last for ever.
    op.execute("DELETE FROM api_keys WHERE is_test OR expires_at IS NOT NULL")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("api_keys", "is_test")


def _create_simulated_messages() -> None:
    moments = ("sent_at", "delivered_at", "read_at", "failed_at")
    op.create_table(
        "simulated_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("api_key_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column(
            "content", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in moments),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_simulated_messages_{column}_{table}"), ondelete=then
            )
            for column, table, then in (
                ("workspace_id", "workspaces", "CASCADE"),
                ("api_key_id", "api_keys", "CASCADE"),
                ("channel_id", "channels", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulated_messages")),
    )
    op.create_index(op.f("ix_simulated_messages_api_key_id"), "simulated_messages", ["api_key_id"])
    op.create_index("ix_simulated_messages_workspace_id_id", "simulated_messages", ["workspace_id", "id"])
    op.create_index("ix_simulated_messages_created_at", "simulated_messages", ["created_at"])
