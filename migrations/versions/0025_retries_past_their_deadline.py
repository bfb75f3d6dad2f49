"""messages: find the waiting retries whose deadline has passed"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    """The ledger is large and in use: its index is built beside the writers."""
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_expiring",
            "messages",
            ["expires_at"],
            postgresql_where=sa.text("state = 'queued' AND expires_at IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_messages_expiring", table_name="messages")
