"""exports that a job writes; counts for reports by country, hour and time to read; first answers; recounts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"


_EVENTS = ("insert", "update", "delete")


def upgrade() -> None:
    _create_exports()
    _create_report_tallies()
    _count_facts()
    _create_first_answers()
    _create_recounts()
    _index_the_large_tables()


def downgrade() -> None:
    op.drop_index("ix_consent_events_opted_out", table_name="consent_events")
    op.drop_index("ix_messages_outside_broadcasts", table_name="messages")
    for event in _EVENTS:
        op.execute(f"DROP TRIGGER report_tallies_on_{event} ON messages")
        op.execute(f"DROP FUNCTION report_tallies_on_{event}()")
    for table in ("recounts", "first_answers", "report_tallies", "exports"):
        op.drop_table(table)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _moment(name: str, default: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    server_default = sa.text(default) if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=server_default, nullable=default is None)


def _create_exports() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", _choice("kind", "broadcast", "contacts", "messages", "costs"), nullable=False),
        sa.Column("format", _choice("format", "csv", "xlsx"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("filters", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column(
            "state", _choice("state", "queued", "running", "done", "failed"), server_default="queued", nullable=False
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("row_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_count", sa.Integer(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("parts", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("place", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        _moment("created_at", "now()"),
        _moment("started_at"),
        _moment("finished_at"),
        _moment("heartbeat_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_exports_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exports_user_id_users"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_workspace_id_id", "exports", ["workspace_id", "id"])
    op.create_index(op.f("ix_exports_expires_at"), "exports", ["expires_at"])
    op.create_index(
        "ix_exports_open", "exports", ["state", "id"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )


# ---------------------------------------------------------------- counts for reports

_KEY = "workspace_id, broadcast_id, day, facet, key, reached, failed, replied"


def _facts(source: str, sign: int) -> str:
    """What a row of the ledger is counted under: where the person is, when it went out, and how soon it was read.

    Calling codes have at most three digits, and with +1 the area code tells countries apart. Every time zone is whole
    quarter hours from UTC, so whatever zone a workspace has or gets, its hours are sums of these.
    """
    return f"""
        SELECT m.workspace_id, f.broadcast_id, m.day, f.facet, f.key, f.reached, f.failed, f.replied, {sign} AS delta
        FROM {source} m CROSS JOIN LATERAL (VALUES
            (m.broadcast_id, 'country',
             CASE WHEN m.phone LIKE '1%' THEN left(m.phone, 4) ELSE left(coalesce(m.phone, m.wa_user_id, ''), 3) END,
             CASE WHEN m.reached < 2 THEN 0 WHEN m.reached = 3 THEN 2 ELSE m.reached END, m.state = 'failed', m.replied),
            (coalesce(m.broadcast_id, 0), 'quarter', CASE WHEN m.reached >= 2
                THEN floor(extract(epoch FROM coalesce(m.accepted_at, m.sent_at)) / 900)::bigint::text END,
             CASE WHEN m.reached = 3 THEN 2 ELSE m.reached END, false, false),
            (m.broadcast_id, 'read_after',
             width_bucket(extract(epoch FROM m.read_at - coalesce(m.sent_at, m.accepted_at, m.delivered_at))::float8,
                          ARRAY[60, 300, 900, 3600, 21600, 86400]::float8[])::text, 5, false, false)
        ) AS f (broadcast_id, facet, key, reached, failed, replied)
        WHERE m.direction = 'out' AND (m.reached >= 2 OR m.state = 'failed')
          AND f.broadcast_id IS NOT NULL AND f.key IS NOT NULL"""


def _create_report_tallies() -> None:
    table = "report_tallies"
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("facet", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("reached", sa.SmallInteger(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("replied", sa.Boolean(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_tallies")),
    )
    is_fresh, in_broadcast = sa.text("is_fresh"), sa.text("broadcast_id <> 0")
    op.create_index(
        "ix_report_tallies_fresh", table, ["workspace_id", "day", "broadcast_id"], postgresql_where=is_fresh
    )
    op.create_index("ix_report_tallies_broadcast_id", table, ["broadcast_id"], postgresql_where=in_broadcast)
    op.create_index("ix_report_tallies_workspace_id_facet_day", table, ["workspace_id", "facet", "day"])


def _count_facts() -> None:
    """Append what a statement changed, as for the counts of messages. What is older than this, the recount adds."""
    changes = {
        "insert": ("NEW TABLE AS new_rows", _facts("new_rows", 1)),
        "update": (
            "OLD TABLE AS old_rows NEW TABLE AS new_rows",
            f"{_facts('new_rows', 1)} UNION ALL {_facts('old_rows', -1)}",
        ),
        "delete": ("OLD TABLE AS old_rows", _facts("old_rows", -1)),
    }
    for event, (tables, changed) in changes.items():
        op.execute(f"""
            CREATE FUNCTION report_tallies_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO report_tallies ({_KEY}, delta)
                SELECT {_KEY}, sum(delta) FROM ({changed}) changed GROUP BY {_KEY} HAVING sum(delta) <> 0;
                RETURN NULL;
            END $$
        """)
        op.execute(f"""
            CREATE TRIGGER report_tallies_on_{event} AFTER {event} ON messages REFERENCING {tables}
            FOR EACH STATEMENT EXECUTE FUNCTION report_tallies_on_{event}()
        """)


def _create_first_answers() -> None:
    op.create_table(
        "first_answers",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_first_answers_message_id_messages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_first_answers_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_first_answers")),
    )
    op.create_index(
        "ix_first_answers_workspace_id_day",
        "first_answers",
        ["workspace_id", "day"],
        postgresql_include=["user_id", "seconds"],
    )


def _create_recounts() -> None:
    op.create_table(
        "recounts",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("differences", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_recounts_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_recounts")),
    )


def _index_the_large_tables() -> None:
    """The ledger is large and in use: its indexes are built beside the writers."""
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_messages_outside_broadcasts",
            "messages",
            ["workspace_id", "day"],
            postgresql_where=sa.text("broadcast_id IS NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.create_index(
            "ix_consent_events_opted_out",
            "consent_events",
            ["workspace_id", "created_at"],
            postgresql_where=sa.text("consent = 'opted_out'"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
