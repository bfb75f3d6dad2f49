"""what messages cost: rate cards, a price for each delivered message, budgets, and what was paid"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

_TABLES = ("purchases", "budget_alerts", "cost_tallies", "message_costs", "rate_cards", "cost_settings")
_EVENTS = ("insert", "update", "delete")
_TALLY_KEY = "workspace_id, channel_id, broadcast_id, day, category, type, country, market, currency"


def upgrade() -> None:
    op.add_column("broadcasts", sa.Column("forecast", postgresql.JSONB(), nullable=True))
    _create_cost_settings()
    _create_rate_cards()
    _create_message_costs()
    _create_cost_tallies()
    _count_costs()
    _delete_costs_with_messages()
    _create_budget_alerts()
    _create_purchases()


def downgrade() -> None:
    op.execute("DROP TRIGGER message_costs_on_delete ON messages")
    op.execute("DROP FUNCTION message_costs_on_delete()")
    for table in _TABLES:
        op.drop_table(table)
    for event in _EVENTS:
        op.execute(f"DROP FUNCTION IF EXISTS cost_tallies_on_{event}()")
    op.drop_column("broadcasts", "forecast")


def _id() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _number(name: str, default: str | None = None, *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.BigInteger(), server_default=sa.text(default) if default else None, nullable=nullable)


def _moment(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _word(name: str, length: int = 40, default: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.String(length=length), server_default=default, nullable=False)


def _day(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.Date(), nullable=False)


def _key(table: str, column: str, target: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _create_cost_settings() -> None:
    op.create_table(
        "cost_settings",
        _number("workspace_id"),
        _word("currency", 3, "USD"),
        _number("monthly_budget_micros", nullable=True),
        sa.Column("stops_at_budget", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _moment("updated_at"),
        _key("cost_settings", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_cost_settings")),
    )


def _create_rate_cards() -> None:
    op.create_table(
        "rate_cards",
        _id(),
        _number("workspace_id"),
        _word("currency", 3),
        _day("valid_from"),
        _word("filename", 200),
        sa.Column("rates", postgresql.JSONB(), nullable=False),
        _number("user_id", nullable=True),
        _moment("created_at"),
        _key("rate_cards", "workspace_id", "workspaces"),
        _key("rate_cards", "user_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_cards")),
        sa.UniqueConstraint(
            "workspace_id", "currency", "valid_from", name=op.f("uq_rate_cards_workspace_id_currency_valid_from")
        ),
    )


def _create_message_costs() -> None:
    op.create_table(
        "message_costs",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        _number("workspace_id"),
        _number("channel_id"),
        _number("broadcast_id", "0"),
        _day("day"),
        _word("category"),
        _word("type"),
        _word("country", 2, ""),
        _word("market"),
        _word("currency", 3),
        _number("micros", nullable=True),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_costs")),
    )
    op.create_index(
        "ix_message_costs_unpriced",
        "message_costs",
        ["workspace_id", "day"],
        postgresql_where=sa.text("micros IS NULL"),
    )


def _create_cost_tallies() -> None:
    table = "cost_tallies"
    op.create_table(
        table,
        _id(),
        _number("workspace_id"),
        _number("channel_id"),
        _number("broadcast_id"),
        _day("day"),
        _word("category"),
        _word("type"),
        _word("country", 2),
        _word("market"),
        _word("currency", 3),
        _number("delta"),
        _number("micros"),
        _number("unpriced"),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cost_tallies")),
    )
    is_fresh, in_broadcast = sa.text("is_fresh"), sa.text("broadcast_id <> 0")
    op.create_index("ix_cost_tallies_fresh", table, ["workspace_id", "day", "broadcast_id"], postgresql_where=is_fresh)
    op.create_index("ix_cost_tallies_broadcast_id", table, ["broadcast_id"], postgresql_where=in_broadcast)
    op.create_index("ix_cost_tallies_workspace_id_day", table, ["workspace_id", "day"])


def _count_costs() -> None:
    """Append what a statement changed in the costs, as for the counts of messages: whoever writes, nobody waits."""

    def rows(source: str, sign: int) -> str:
        return f"""SELECT {_TALLY_KEY}, {sign} AS delta, {sign} * coalesce(micros, 0) AS micros,
                          {sign} * (micros IS NULL)::int AS unpriced FROM {source}"""

    changes = {
        "insert": ("NEW TABLE AS new_rows", rows("new_rows", 1)),
        "update": (
            "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            f"{rows('new_rows', 1)} UNION ALL {rows('old_rows', -1)}",
        ),
        "delete": ("OLD TABLE AS old_rows", rows("old_rows", -1)),
    }
    for event in _EVENTS:
        tables, changed = changes[event]
        op.execute(f"""
            CREATE FUNCTION cost_tallies_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO cost_tallies ({_TALLY_KEY}, delta, micros, unpriced)
                SELECT {_TALLY_KEY}, sum(delta), sum(micros), sum(unpriced) FROM ({changed}) changed
                GROUP BY {_TALLY_KEY} HAVING sum(delta) <> 0 OR sum(micros) <> 0 OR sum(unpriced) <> 0;
                RETURN NULL;
            END $$
        """)
        op.execute(f"""
            CREATE TRIGGER cost_tallies_on_{event} AFTER {event} ON message_costs REFERENCING {tables}
            FOR EACH STATEMENT EXECUTE FUNCTION cost_tallies_on_{event}()
        """)


def _delete_costs_with_messages() -> None:
    """What a foreign key would do, without its check of every row that is written."""
    op.execute("""
        CREATE FUNCTION message_costs_on_delete() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM message_costs c USING old_rows o WHERE c.message_id = o.id;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER message_costs_on_delete AFTER DELETE ON messages REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION message_costs_on_delete()
    """)


def _create_budget_alerts() -> None:
    op.create_table(
        "budget_alerts",
        _number("workspace_id"),
        _day("month"),
        sa.Column("percent", sa.SmallInteger(), autoincrement=False, nullable=False),
        _moment("created_at"),
        _key("budget_alerts", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "month", "percent", name=op.f("pk_budget_alerts")),
    )


def _create_purchases() -> None:
    kinds = sa.Enum("top_up", "invoice", name="kind", native_enum=False, create_constraint=True, length=20)
    op.create_table(
        "purchases",
        _id(),
        _number("workspace_id"),
        sa.Column("kind", kinds, nullable=False),
        _day("paid_on"),
        _number("amount_micros"),
        _word("currency", 3),
        _word("note", 200, ""),
        _word("row_key", 64),
        _number("user_id", nullable=True),
        _moment("created_at"),
        _key("purchases", "workspace_id", "workspaces"),
        _key("purchases", "user_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchases")),
        sa.UniqueConstraint("workspace_id", "row_key", name=op.f("uq_purchases_workspace_id_row_key")),
    )
    op.create_index("ix_purchases_workspace_id_paid_on_id", "purchases", ["workspace_id", "paid_on", "id"])
