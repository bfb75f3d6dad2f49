"""shops: trouble with webhooks beside the rest, imported past after what is fresh, and whose phone a past order has"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

PENDING = sa.text("state = 'pending'")
UNCLAIMED = sa.text("contact_id IS NULL AND phone <> ''")

# Orders that were read before keep their number from the contact that they have; where it was typed with a plus it is read as
# it stands. The others are read when the shop tells them next.
PHONES = r"""
UPDATE shop_orders o SET phone = coalesce(
    (SELECT c.phone FROM contacts c WHERE c.id = o.contact_id),
    CASE WHEN o.facts->>'phone' ~ '^\+[0-9 ()./-]{8,25}$' THEN left(regexp_replace(o.facts->>'phone', '\D', '', 'g'), 20) END,
    '')
"""


def upgrade() -> None:
    op.add_column("shops", sa.Column("hooks_trouble", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "shop_deliveries", sa.Column("is_past", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.drop_index("ix_shop_deliveries_pending", table_name="shop_deliveries")
    op.create_index(
        "ix_shop_deliveries_pending", "shop_deliveries", ["is_past", "due_at", "id"], postgresql_where=PENDING
    )
    op.add_column("shop_orders", sa.Column("phone", sa.String(20), server_default="", nullable=False))
    op.execute(PHONES)
    op.create_index("ix_shop_orders_phone", "shop_orders", ["workspace_id", "phone"], postgresql_where=UNCLAIMED)


def downgrade() -> None:
    op.drop_index("ix_shop_orders_phone", table_name="shop_orders")
    op.drop_column("shop_orders", "phone")
    op.drop_index("ix_shop_deliveries_pending", table_name="shop_deliveries")
    op.create_index("ix_shop_deliveries_pending", "shop_deliveries", ["due_at", "id"], postgresql_where=PENDING)
    op.drop_column("shop_deliveries", "is_past")
    op.drop_column("shops", "hooks_trouble")
