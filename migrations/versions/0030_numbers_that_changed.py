"""contacts: whose number or user id begins otherwise than a message was written to, so that a country's people are found"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_INDEX = "ix_contacts_number_changed"
_TRIGGER = "contact_numbers_on_change"


def _is_other(old: str, new: str) -> str:
    """SQL for "`new` does not begin with the signs that tell the country of `old`", as the ledger is counted by them."""
    return f"NOT starts_with(coalesce({new}, ''), left({old}, CASE WHEN {old} LIKE '1%' THEN 4 ELSE 3 END))"


def upgrade() -> None:
    # Each step may be done again, so that a failure of a later one leaves nothing half done. Contacts are locked for the first
    # alone: from its end on every change is marked, and whoever changed before is seen by the last.
    op.execute("ALTER TABLE contacts ADD COLUMN IF NOT EXISTS number_changed_at timestamptz")
    _mark_changes()
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        _build_index()
        _mark_known()
        _forget_who_went()
        op.execute("SET lock_timeout = '5s'")


def _mark_changes() -> None:
    """AFTER, since a trigger BEFORE locks every row that any UPDATE changes once more. What is learned (old is NULL) is no change:
    nothing was written to it, and what was written to the other name still begins as that does.
    """
    op.execute(f"""
        CREATE OR REPLACE FUNCTION {_TRIGGER}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE contacts SET number_changed_at = now() WHERE id = NEW.id;
            RETURN NULL;
        END $$
    """)
    changes = " OR ".join(_is_other(f"OLD.{column}", f"NEW.{column}") for column in ("phone", "wa_user_id"))
    op.execute(f"""
        CREATE OR REPLACE TRIGGER {_TRIGGER} AFTER UPDATE OF phone, wa_user_id ON contacts
        FOR EACH ROW WHEN ({changes}) EXECUTE FUNCTION {_TRIGGER}()
    """)


def _build_index() -> None:
    """A build that was cut off leaves an index that is kept up and never used."""
    is_invalid = f"SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('{_INDEX}') AND NOT indisvalid"
    if op.get_bind().scalar(sa.text(is_invalid)):
        op.execute(f"DROP INDEX CONCURRENTLY {_INDEX}")
    op.create_index(
        _INDEX,
        "contacts",
        ["workspace_id", "number_changed_at"],
        postgresql_where=sa.text("number_changed_at IS NOT NULL"),
        postgresql_concurrently=True,
        if_not_exists=True,
    )


def _mark_known() -> None:
    """Of whom the ledger has a broadcast's message to another number or user id than they have. It is read once."""
    op.execute(f"""
        UPDATE contacts SET number_changed_at = now() WHERE id IN (
            SELECT c.id FROM messages m JOIN contacts c ON c.id = m.contact_id
            WHERE m.broadcast_id IS NOT NULL AND (
                {_is_other("m.phone", "c.phone")} OR m.phone IS NULL AND {_is_other("m.wa_user_id", "c.wa_user_id")}))
    """)


def _forget_who_went() -> None:
    """Who was deleted while a list was being made, and left out of it: lists that are made from now on forget them themselves."""
    op.execute("""
        UPDATE messages m SET contact_id = NULL
        WHERE m.broadcast_id IS NOT NULL AND m.contact_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM contacts c WHERE c.id = m.contact_id)
    """)


def downgrade() -> None:
    op.execute(f"DROP TRIGGER {_TRIGGER} ON contacts")
    op.execute(f"DROP FUNCTION {_TRIGGER}()")
    op.drop_index(_INDEX, table_name="contacts")
    op.drop_column("contacts", "number_changed_at")
