"""messages: one index by contact instead of two, because each claim enters every index anew"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.drop_index("ix_messages_contact_id_id", table_name="messages")


def downgrade() -> None:
    op.create_index("ix_messages_contact_id_id", "messages", ["contact_id", "id"])
