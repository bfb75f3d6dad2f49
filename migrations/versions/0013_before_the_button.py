"""before the button: whom a broadcast leaves out, how late it may start, whom Meta could not reach, who was written to"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column(
        "broadcasts",
        sa.Column("leave_out", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("broadcasts", sa.Column("late_minutes", sa.Integer(), server_default=sa.text("60"), nullable=False))
    op.create_check_constraint(op.f("ck_broadcasts_late"), "broadcasts", "late_minutes BETWEEN 1 AND 10080")
    # The ledger is large and in use: its indexes are built beside the writers.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_unreachable",
            "messages",
            ["workspace_id", "contact_id", "id"],
            postgresql_where=sa.text("error_code = 131026"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_messages_single_templates",
            "messages",
            ["channel_id", "accepted_at"],
            postgresql_where=sa.text("broadcast_id IS NULL AND type = 'template'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_messages_single_templates", table_name="messages")
    op.drop_index("ix_messages_unreachable", table_name="messages")
    op.drop_constraint(op.f("ck_broadcasts_late"), "broadcasts")
    op.drop_column("broadcasts", "late_minutes")
    op.drop_column("broadcasts", "leave_out")
