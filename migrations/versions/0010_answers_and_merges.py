"""words that opt out, rules that answer by themselves, and people who turn out to be one"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    _create_consent_settings()
    _create_business_hours()
    _create_automations()
    _create_automation_runs()
    _create_contact_merges()
    _create_identity_changes()
    _let_events_name_messages()


def downgrade() -> None:
    op.execute("DELETE FROM conversation_events WHERE message_id IS NOT NULL")
    op.drop_column("conversation_events", "message_id")  # and its uniqueness with it
    _replace_event_kinds("note", "assigned", "closed", "reopened")
    for table in (
        "identity_changes",
        "contact_merges",
        "automation_runs",
        "automations",
        "business_hours",
        "consent_settings",
    ):
        op.drop_table(table)


def _id() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _moment(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _json(name: str, empty: str = "{}") -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text(f"'{empty}'::jsonb"), nullable=False)


def _list(name: str, kind: sa.types.TypeEngine) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, postgresql.ARRAY(kind), server_default=sa.text("'{}'"), nullable=False)


def _flag(name: str) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.Boolean(), server_default=sa.text("true"), nullable=False)


def _enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def _key(table: str, column: str, target: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target}")
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def _create_consent_settings() -> None:
    op.create_table(
        "consent_settings",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=10), server_default="en", nullable=False),
        _list("stop_words", sa.String(length=60)),
        _list("start_words", sa.String(length=60)),
        _flag("answers_stop"),
        _flag("answers_start"),
        _json("texts"),
        _moment("updated_at"),
        _key("consent_settings", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_consent_settings")),
    )


def _create_business_hours() -> None:
    op.create_table(
        "business_hours",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("weekday", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("closes_at", sa.Time(), nullable=False),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_business_hours_weekday")),
        sa.CheckConstraint("opens_at < closes_at", name=op.f("ck_business_hours_order")),
        _key("business_hours", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("workspace_id", "weekday", name=op.f("pk_business_hours")),
    )


def _create_automations() -> None:
    op.create_table(
        "automations",
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", _enum("kind", "greeting", "away", "keyword"), nullable=False),
        sa.Column("match", _enum("match", "exact", "contains", "starts", "pattern"), nullable=True),
        _list("words", sa.String(length=200)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("cooldown_minutes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _flag("is_on"),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        _key("automations", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automations")),
    )
    op.create_index("ix_automations_workspace_id_position_id", "automations", ["workspace_id", "position", "id"])


def _create_automation_runs() -> None:
    table = "automation_runs"
    op.create_table(
        table,
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("automation_id", sa.BigInteger(), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("inbound_message_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        _moment("created_at"),
        _key(table, "workspace_id", "workspaces"),
        _key(table, "automation_id", "automations", "SET NULL"),
        _key(table, "contact_id", "contacts"),
        _key(table, "inbound_message_id", "messages"),
        _key(table, "message_id", "messages"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automation_runs")),
        sa.UniqueConstraint("inbound_message_id", name=op.f("uq_automation_runs_inbound_message_id")),
        sa.UniqueConstraint("message_id", name=op.f("uq_automation_runs_message_id")),
    )
    op.create_index("ix_automation_runs_automation_id", table, ["automation_id"])
    op.create_index("ix_automation_runs_contact_id_created_at", table, ["contact_id", "created_at"])


def _create_contact_merges() -> None:
    table = "contact_merges"
    op.create_table(
        table,
        _id(),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("gone_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        _json("gone"),
        _json("filled"),
        _json("conversations", "[]"),
        _json("shifted"),
        _list("tag_ids", sa.BigInteger()),
        _list("added_tag_ids", sa.BigInteger()),
        _list("message_ids", sa.BigInteger()),
        _list("consent_event_ids", sa.BigInteger()),
        _list("conversation_event_ids", sa.BigInteger()),
        _moment("created_at"),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        _key(table, "workspace_id", "workspaces"),
        _key(table, "contact_id", "contacts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_merges")),
    )
    op.create_index("ix_contact_merges_contact_id_id", table, ["contact_id", "id"])
    op.create_index("ix_contact_merges_created_at", table, ["created_at"])


def _create_identity_changes() -> None:
    table = "identity_changes"
    op.create_table(
        table,
        sa.Column("wamid", sa.String(length=200), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("old_value", sa.String(length=140), nullable=False),
        sa.Column("new_value", sa.String(length=140), nullable=False),
        _moment("created_at"),
        _key(table, "workspace_id", "workspaces"),
        _key(table, "contact_id", "contacts", "SET NULL"),
        sa.PrimaryKeyConstraint("wamid", name=op.f("pk_identity_changes")),
    )
    op.create_index("ix_identity_changes_contact_id", table, ["contact_id"])


def _let_events_name_messages() -> None:
    table = "conversation_events"
    op.add_column(table, sa.Column("message_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(op.f("uq_conversation_events_message_id"), table, ["message_id"])
    _replace_event_kinds("note", "assigned", "closed", "reopened", "discarded", "retried")


def _replace_event_kinds(*kinds: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.drop_constraint(op.f("ck_conversation_events_kind"), "conversation_events", type_="check")
    op.create_check_constraint(op.f("ck_conversation_events_kind"), "conversation_events", f"kind IN ({listed})")
