"""broadcasts that go despite a number's low quality, and retries with a deadline"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    confirmed = sa.Column("despite_quality", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("broadcasts", confirmed)
    op.add_column("messages", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "expires_at")
    op.drop_column("broadcasts", "despite_quality")
