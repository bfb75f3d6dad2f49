"""deleted exports are remembered for a while; programs are listed beside browsers; a shop is asked once for an order with a note"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.add_column("exports", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("user_sessions", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("shop_deliveries", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("shop_deliveries", "asked_at")
    # Without the column they would read as browsers.
    op.execute("DELETE FROM user_sessions WHERE ends_at IS NOT NULL")
    op.drop_column("user_sessions", "ends_at")
    op.execute("DELETE FROM exports WHERE deleted_at IS NOT NULL")
    op.drop_column("exports", "deleted_at")
