"""which language a contact reads, and whether a broadcast goes by it"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # What is there already is left by a run that ended between the columns and the index.
    op.add_column("contacts", sa.Column("language", sa.String(10), nullable=True), if_not_exists=True)
    op.add_column(
        "broadcasts",
        sa.Column("one_language", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_templates_workspace_id_id", "templates", ["workspace_id", "id"], if_not_exists=True)
    # Contacts may be a million and in use: their index is built beside the writers.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_contacts_workspace_id_language",
            "contacts",
            ["workspace_id", "language"],
            postgresql_where=sa.text("language IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_contacts_workspace_id_language", table_name="contacts")
    op.drop_index("ix_templates_workspace_id_id", table_name="templates")
    op.drop_column("broadcasts", "one_language")
    op.drop_column("contacts", "language")
