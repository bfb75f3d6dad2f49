"""pace: why a message waits and until when, quiet hours, caps, spreading, a daily budget, and the pause at failures"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_COLUMNS = (
    "workspace_id, channel_id, broadcast_id, template_id, day, direction, state, reached, first_attempt, replied, cause"
)
_EVENTS = {"insert": (("new_rows", 1),), "update": (("new_rows", 1), ("old_rows", -1)), "delete": (("old_rows", -1),)}
_OLD_CAUSE = "coalesce(skip_reason, error_code::text, '')"
_CAUSE = "coalesce(skip_reason, error_code::text, CASE WHEN state = 'queued' THEN hold_reason END, '')"

_BROADCAST_COLUMNS = (
    sa.Column("retry_hours", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    sa.Column("sends_in_quiet_hours", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    sa.Column("ignores_cap", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    sa.Column("spread_minutes", sa.Integer(), nullable=True),
    sa.Column("daily_most", sa.Integer(), nullable=True),
    sa.Column("planned_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
    sa.Column("spread_total", sa.Integer(), nullable=True),
    sa.Column("spread_from", sa.DateTime(timezone=True), nullable=True),
    sa.Column("waits_until", sa.DateTime(timezone=True), nullable=True),
    sa.Column("waits_for", sa.String(length=20), server_default="", nullable=False),
    sa.Column("watched_settled", sa.Integer(), server_default=sa.text("0"), nullable=False),
    sa.Column("watched_failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
)
_BROADCAST_CHECKS = {
    "retry": "retry_hours BETWEEN 0 AND 72",
    "spread": "spread_minutes BETWEEN 1 AND 43200",
    "daily": "daily_most > 0",
}


def upgrade() -> None:
    _create_pace_settings()
    for column in _BROADCAST_COLUMNS:
        op.add_column("broadcasts", column)
    for name, condition in _BROADCAST_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_broadcasts_{name}"), "broadcasts", condition)
    op.add_column("cost_settings", sa.Column("daily_budget_micros", sa.BigInteger(), nullable=True))
    op.add_column("messages", sa.Column("hold_reason", sa.String(length=20), nullable=True))
    _count_by(_CAUSE)
    # The ledger is large and in use: its indexes are built beside the writers.
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_due",
            "messages",
            ["broadcast_id", "due_at", "id"],
            postgresql_where=sa.text("broadcast_id IS NOT NULL AND state = 'queued'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index("ix_messages_due", table_name="messages")
    # What is held would be counted under a cause that nobody takes off again.
    op.execute("UPDATE messages SET hold_reason = NULL WHERE hold_reason IS NOT NULL")
    _count_by(_OLD_CAUSE)
    op.drop_column("messages", "hold_reason")
    op.drop_column("cost_settings", "daily_budget_micros")
    for name in _BROADCAST_CHECKS:
        op.drop_constraint(op.f(f"ck_broadcasts_{name}"), "broadcasts")
    for column in reversed(_BROADCAST_COLUMNS):
        op.drop_column("broadcasts", column.name)
    op.drop_table("pace_settings")


def _create_pace_settings() -> None:
    def check(name: str, condition: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(condition, name=op.f(f"ck_pace_settings_{name}"))

    op.create_table(
        "pace_settings",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("stop_percent", sa.SmallInteger(), server_default=sa.text("30"), nullable=True),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_to", sa.Time(), nullable=True),
        sa.Column("quiet_all", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("zone_field", sa.String(length=100), server_default="", nullable=False),
        sa.Column("cap_messages", sa.SmallInteger(), nullable=True),
        sa.Column("cap_days", sa.SmallInteger(), server_default=sa.text("7"), nullable=False),
        sa.Column("reserve_percent", sa.SmallInteger(), server_default=sa.text("5"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        check("stop", "stop_percent BETWEEN 1 AND 100"),
        check("quiet", "(quiet_from IS NULL) = (quiet_to IS NULL) AND quiet_from <> quiet_to"),
        check("cap", "cap_messages BETWEEN 1 AND 100 AND cap_days BETWEEN 1 AND 90"),
        check("reserve", "reserve_percent BETWEEN 0 AND 50"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_pace_settings_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_pace_settings")),
    )


def _count_by(cause: str) -> None:
    """Replace the functions behind the counts of messages, so that what is held is counted by its reason."""
    key = f"""workspace_id, channel_id, coalesce(broadcast_id, 0) AS broadcast_id,
        coalesce(template_id, 0) AS template_id, day, direction, state, reached, attempt = 1 AS first_attempt, replied,
        {cause} AS cause"""
    for event, sources in _EVENTS.items():
        rows = " UNION ALL ".join(f"SELECT {key}, {sign} AS delta FROM {source}" for source, sign in sources)
        op.execute(f"""
            CREATE OR REPLACE FUNCTION message_tallies_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO message_tallies ({_COLUMNS}, delta)
                SELECT {_COLUMNS}, sum(delta) FROM ({rows}) changed
                GROUP BY {_COLUMNS} HAVING sum(delta) <> 0;
                RETURN NULL;
            END $$
        """)
