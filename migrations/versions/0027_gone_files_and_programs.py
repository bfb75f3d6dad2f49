"""exports whose file was deleted are remembered for a while; programs that are logged in are listed beside the browsers"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("exports", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("user_sessions", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # Without the column they would read as browsers.
    op.execute("DELETE FROM user_sessions WHERE ends_at IS NOT NULL")
    op.drop_column("user_sessions", "ends_at")
    op.execute("DELETE FROM exports WHERE deleted_at IS NOT NULL")
    op.drop_column("exports", "deleted_at")
