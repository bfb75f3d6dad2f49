"""find the waiting retries whose deadline has passed; the currency in which Meta bills a number"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    # The ledger is large and in use: its index is built beside the writers, and first, so that a failure leaves nothing half done.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_expiring",
            "messages",
            ["expires_at"],
            postgresql_where=sa.text("state = 'queued' AND expires_at IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    currency = sa.Column("billing_currency", sa.String(length=3), server_default="", nullable=False)
    op.add_column("channels", currency)


def downgrade() -> None:
    op.drop_column("channels", "billing_currency")
    op.drop_index("ix_messages_expiring", table_name="messages")
