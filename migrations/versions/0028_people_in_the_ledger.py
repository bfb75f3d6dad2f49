"""messages: by contact, two partial indexes instead of one over all rows, and a trigger instead of the foreign key"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

_IN_THREAD = "broadcast_id IS NULL OR reached > 0"
_UNSENT = "broadcast_id IS NOT NULL AND reached = 0"
_NEW, _OLD = "ix_messages_thread_new", "ix_messages_thread"
_TRIGGER = "message_contacts_on_delete"


def upgrade() -> None:
    # The ledger is large and in use: its indexes are built beside the writers, and wait for whoever reads a long time. They
    # come first, so that a failure leaves nothing half done.
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        _build(_NEW, ["contact_id", "created_at", "id"], _IN_THREAD)
        _build("ix_messages_unsent", ["contact_id"], _UNSENT)
        op.execute("SET lock_timeout = '5s'")
    _forget_who_goes()
    op.drop_constraint("fk_messages_contact_id_contacts", "messages", type_="foreignkey")
    op.drop_index(_OLD, table_name="messages")
    op.execute(f"ALTER INDEX {_NEW} RENAME TO {_OLD}")


def _build(name: str, columns: list[str], condition: str) -> None:
    """A build that was cut off leaves an index that is kept up and never used."""
    is_invalid = f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('{name}') AND NOT indisvalid"
    if op.get_bind().scalar(sa.text(is_invalid)):
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    op.create_index(
        name,
        "messages",
        columns,
        postgresql_where=sa.text(condition),
        postgresql_concurrently=True,
        if_not_exists=True,
    )


def _forget_who_goes() -> None:
    """One statement for each index. The ledger is never read whole for it, whatever the planner believes of its size."""
    whose = "contact_id = ANY (ARRAY(SELECT id FROM gone))"
    op.execute(f"""
        CREATE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
        BEGIN
            UPDATE messages SET contact_id = NULL WHERE {whose} AND ({_IN_THREAD});
            UPDATE messages SET contact_id = NULL WHERE {whose} AND {_UNSENT};
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER {_TRIGGER} AFTER DELETE ON contacts REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION {_TRIGGER}()
    """)


def downgrade() -> None:
    # Nobody is deleted or written to between the two.
    op.execute("LOCK TABLE contacts, messages IN SHARE ROW EXCLUSIVE MODE")
    op.execute(f"DROP TRIGGER {_TRIGGER} ON contacts")
    op.execute(f"DROP FUNCTION {_TRIGGER}()")
    op.drop_index("ix_messages_unsent", table_name="messages")
    op.drop_index(_OLD, table_name="messages")
    op.create_index(_OLD, "messages", ["contact_id", "created_at", "id"])
    # Whom a list named that was being made when they were deleted.
    op.execute("""
        UPDATE messages m SET contact_id = NULL
        WHERE m.contact_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.id = m.contact_id)
    """)
    op.create_foreign_key(
        "fk_messages_contact_id_contacts", "messages", "contacts", ["contact_id"], ["id"], ondelete="SET NULL"
    )
