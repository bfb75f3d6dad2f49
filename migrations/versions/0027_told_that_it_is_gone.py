"""exports whose file was deleted are remembered for a while"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("exports", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM exports WHERE deleted_at IS NOT NULL")
    op.drop_column("exports", "deleted_at")
