"""messages: room on each page for what becomes of its rows, so that a broadcast's rows stay together"""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    # For pages to come; those that are full stay as they are.
    op.execute("ALTER TABLE messages SET (fillfactor = 70)")


def downgrade() -> None:
    op.execute("ALTER TABLE messages RESET (fillfactor)")
