"""indexes to find the failed by cause and by how far they got; a number that tells whether contacts changed"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Beside the counts of contacts (tag 0), of the opted-out (tag -1) and by tag: tag -2 counts the statements that changed any.
_TRIGGERS = {
    ("contacts", "insert"): "NEW TABLE AS new_rows",
    ("contacts", "delete"): "OLD TABLE AS old_rows",
    ("contacts", "update"): "NEW TABLE AS new_rows",
    ("contact_tags", "insert"): "NEW TABLE AS new_rows",
    ("contact_tags", "delete"): "OLD TABLE AS old_rows",
}


def upgrade() -> None:
    _count_changes()
    # The ledger is large and in use: its indexes are built beside the writers.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_causes",
            "messages",
            ["broadcast_id", "state", sa.text("coalesce(skip_reason, error_code::text, '')"), "id"],
            postgresql_where=sa.text("state IN ('failed', 'skipped')"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_messages_failed",
            "messages",
            ["broadcast_id", "reached", "id"],
            postgresql_where=sa.text("state = 'failed'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def _count_changes() -> None:
    for (table, event), rows in _TRIGGERS.items():
        name, source = f"{table}_changes_on_{event}", rows.rsplit(" ", 1)[1]
        op.execute(f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO contact_tallies (workspace_id, tag_id, delta)
                SELECT DISTINCT workspace_id, -2, 1 FROM {source};
                RETURN NULL;
            END $$
        """)
        op.execute(f"""
            CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows}
            FOR EACH STATEMENT EXECUTE FUNCTION {name}()
        """)


def downgrade() -> None:
    op.drop_index("ix_messages_failed", table_name="messages")
    op.drop_index("ix_messages_causes", table_name="messages")
    for table, event in _TRIGGERS:
        op.execute(f"DROP TRIGGER {table}_changes_on_{event} ON {table}")
        op.execute(f"DROP FUNCTION {table}_changes_on_{event}()")
    op.execute("DELETE FROM contact_tallies WHERE tag_id = -2")
