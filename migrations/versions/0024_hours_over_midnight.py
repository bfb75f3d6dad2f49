"""business hours that end on the next day: closing may come before opening, and only the same time twice is nothing"""

from alembic import op

revision = "0024"
down_revision = "0023"

TABLE = "business_hours"

# Before this there was no way to say it: what goes over midnight ends at the end of its day.
CUT = "UPDATE business_hours SET closes_at = '23:59:59.999999' WHERE closes_at < opens_at"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_business_hours_order"), TABLE, type_="check")
    op.create_check_constraint(op.f("ck_business_hours_apart"), TABLE, "opens_at <> closes_at")


def downgrade() -> None:
    op.execute(CUT)
    op.drop_constraint(op.f("ck_business_hours_apart"), TABLE, type_="check")
    op.create_check_constraint(op.f("ck_business_hours_order"), TABLE, "opens_at < closes_at")
