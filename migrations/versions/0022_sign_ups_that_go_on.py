"""sign-ups: one row a code, claimed by whoever works on it, with the numbers to choose from"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("sign_ups", sa.Column("code_hash", sa.String(length=64), nullable=True))
    op.add_column("sign_ups", sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
    empty = sa.text("'[]'::jsonb")
    op.add_column("sign_ups", sa.Column("choices", postgresql.JSONB(), server_default=empty, nullable=False))
    op.create_unique_constraint(op.f("uq_sign_ups_workspace_id_code_hash"), "sign_ups", ["workspace_id", "code_hash"])


def downgrade() -> None:
    op.drop_constraint(op.f("uq_sign_ups_workspace_id_code_hash"), "sign_ups", type_="unique")
    for column in ("choices", "claimed_until", "code_hash"):
        op.drop_column("sign_ups", column)
