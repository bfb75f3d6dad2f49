"""the first schema"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# What two messages must share to be counted together. `cause` says why one was skipped or failed.
_TALLY_KEY = """workspace_id, channel_id, coalesce(broadcast_id, 0) AS broadcast_id,
    coalesce(template_id, 0) AS template_id, day, direction, state, reached, attempt = 1 AS first_attempt, replied,
    coalesce(skip_reason, error_code::text, '') AS cause"""

_TALLY_COLUMNS = (
    "workspace_id, channel_id, broadcast_id, template_id, day, direction, state, reached, first_attempt, replied, cause"
)


def _count_messages(event: str, rows: str) -> None:
    """Append what a statement changed in the counts; `rows` is a UNION of its old (-1) and new (+1) rows.

    Appending never waits for another writer, and the counts are right whoever writes the ledger.
    """
    tables = {
        "insert": "REFERENCING NEW TABLE AS new_rows",
        "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "delete": "REFERENCING OLD TABLE AS old_rows",
    }[event]
    op.execute(f"""
        CREATE FUNCTION message_tallies_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO message_tallies ({_TALLY_COLUMNS}, delta)
            SELECT {_TALLY_COLUMNS}, sum(delta) FROM ({rows}) changed
            GROUP BY {_TALLY_COLUMNS} HAVING sum(delta) <> 0;
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER message_tallies_on_{event} AFTER {event} ON messages {tables}
        FOR EACH STATEMENT EXECUTE FUNCTION message_tallies_on_{event}()
    """)


def _create_message_tallies() -> None:
    added = f"SELECT {_TALLY_KEY}, 1 AS delta FROM new_rows"
    removed = f"SELECT {_TALLY_KEY}, -1 AS delta FROM old_rows"
    _count_messages("insert", added)
    _count_messages("update", f"{added} UNION ALL {removed}")
    _count_messages("delete", removed)


def _create_contact_tallies() -> None:
    """Counts of contacts (tag 0), of the opted-out (tag -1) and by tag, kept the same way."""

    def source(rows: str, sign: int) -> str:
        return f"""
            SELECT workspace_id, 0 AS tag_id, {sign} AS delta FROM {rows}
            UNION ALL SELECT workspace_id, -1, {sign} FROM {rows} WHERE consent = 'opted_out'"""

    variants = {
        ("contacts", "insert"): source("new_rows", 1),
        ("contacts", "delete"): source("old_rows", -1),
        ("contacts", "update"): f"{source('new_rows', 1)} UNION ALL {source('old_rows', -1)}",
        ("contact_tags", "insert"): "SELECT workspace_id, tag_id, 1 AS delta FROM new_rows",
        ("contact_tags", "delete"): "SELECT workspace_id, tag_id, -1 AS delta FROM old_rows",
    }
    tables = {
        "insert": "NEW TABLE AS new_rows",
        "delete": "OLD TABLE AS old_rows",
        "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    }
    for (table, event), rows in variants.items():
        op.execute(f"""
            CREATE FUNCTION {table}_tallies_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO contact_tallies (workspace_id, tag_id, delta)
                SELECT workspace_id, tag_id, sum(delta) FROM ({rows}) changed
                GROUP BY workspace_id, tag_id HAVING sum(delta) <> 0;
                RETURN NULL;
            END $$
        """)
        op.execute(f"""
            CREATE TRIGGER {table}_tallies_on_{event} AFTER {event} ON {table} REFERENCING {tables[event]}
            FOR EACH STATEMENT EXECUTE FUNCTION {table}_tallies_on_{event}()
        """)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_table(
        "contact_tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_tallies")),
    )
    op.create_index(
        "ix_contact_tallies_fresh",
        "contact_tallies",
        ["workspace_id", "tag_id"],
        unique=False,
        postgresql_where=sa.text("is_fresh"),
    )
    op.create_index(
        "ix_contact_tallies_workspace_id_tag_id", "contact_tallies", ["workspace_id", "tag_id"], unique=False
    )
    op.create_table(
        "message_tallies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reached", sa.SmallInteger(), nullable=False),
        sa.Column("first_attempt", sa.Boolean(), nullable=False),
        sa.Column("replied", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_tallies")),
    )
    op.create_index(
        "ix_message_tallies_broadcast_id",
        "message_tallies",
        ["broadcast_id"],
        unique=False,
        postgresql_where=sa.text("broadcast_id <> 0"),
    )
    op.create_index(
        "ix_message_tallies_fresh",
        "message_tallies",
        ["workspace_id", "day", "broadcast_id"],
        unique=False,
        postgresql_where=sa.text("is_fresh"),
    )
    op.create_index("ix_message_tallies_workspace_id_day", "message_tallies", ["workspace_id", "day"], unique=False)
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(length=40), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_revoked_tokens")),
    )
    op.create_index(op.f("ix_revoked_tokens_expires_at"), "revoked_tokens", ["expires_at"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=100), nullable=False),
        sa.Column("is_platform_admin", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("session_epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
    )
    op.create_index("uq_users_email_lower", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("pending", "done", "poison", name="state", native_enum=False, create_constraint=True, length=20),
            server_default="pending",
            nullable=False,
        ),
        sa.Column("attempt_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index(
        "ix_webhook_events_pending",
        "webhook_events",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_webhook_events_poison", "webhook_events", ["id"], unique=False, postgresql_where=sa.text("state = 'poison'")
    )
    op.create_index("ix_webhook_events_received_at", "webhook_events", ["received_at"], unique=False)
    op.create_table(
        "workspaces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("default_country", sa.String(length=2), server_default="US", nullable=False),
        sa.Column("timezone", sa.String(length=64), server_default="UTC", nullable=False),
        sa.Column("is_demo", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "scopes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_api_keys_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_index("ix_api_keys_workspace_id_id", "api_keys", ["workspace_id", "id"], unique=False)
    op.create_table(
        "channels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("waba_id", sa.String(length=40), nullable=False),
        sa.Column("phone_number_id", sa.String(length=40), nullable=False),
        sa.Column("token_encrypted", sa.Text(), nullable=False),
        sa.Column("display_phone_number", sa.String(length=40), nullable=False),
        sa.Column("verified_name", sa.String(length=200), nullable=False),
        sa.Column("quality_rating", sa.String(length=20), server_default="UNKNOWN", nullable=False),
        sa.Column("messaging_limit", sa.String(length=30), server_default="", nullable=False),
        sa.Column("rate_per_second", sa.Integer(), server_default=sa.text("20"), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "connected", "stopped", "removed", name="state", native_enum=False, create_constraint=True, length=20
            ),
            server_default="connected",
            nullable=False,
        ),
        sa.Column("state_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("rate_per_second BETWEEN 1 AND 1000", name=op.f("ck_channels_rate")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_channels_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channels")),
    )
    op.create_index("ix_channels_workspace_id_waba_id", "channels", ["workspace_id", "waba_id"], unique=False)
    op.create_index(
        "uq_channels_phone_number_id",
        "channels",
        ["phone_number_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'removed'"),
    )
    op.create_table(
        "contact_imports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("storage_key", sa.String(length=200), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "uploaded",
                "checking",
                "checked",
                "queued",
                "running",
                "done",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="uploaded",
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "dialect", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "mapping", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("default_country", sa.String(length=2), server_default="US", nullable=False),
        sa.Column(
            "on_duplicate",
            sa.Enum(
                "skip", "fill", "overwrite", name="on_duplicate", native_enum=False, create_constraint=True, length=20
            ),
            server_default="fill",
            nullable=False,
        ),
        sa.Column(
            "tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("is_dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_row", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("row_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("unchanged_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicate_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("invalid_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opted_out_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "problems", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_contact_imports_user_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_contact_imports_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_imports")),
    )
    op.create_index("ix_contact_imports_workspace_id_id", "contact_imports", ["workspace_id", "id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("wa_user_id", sa.String(length=140), nullable=True),
        sa.Column("name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "consent",
            sa.Enum(
                "unknown", "opted_in", "opted_out", name="consent", native_enum=False, create_constraint=True, length=20
            ),
            server_default="unknown",
            nullable=False,
        ),
        sa.Column(
            "search_text",
            sa.Text(),
            sa.Computed("lower(name || ' ' || coalesce(phone, '') || ' ' || email)", persisted=True),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("phone IS NOT NULL OR wa_user_id IS NOT NULL", name=op.f("ck_contacts_reachable")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_contacts_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(
        "ix_contacts_search_text",
        "contacts",
        ["search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_index("ix_contacts_workspace_id_id", "contacts", ["workspace_id", "id"], unique=False)
    op.create_index(
        "ix_contacts_workspace_id_consent_id",
        "contacts",
        ["workspace_id", "consent", "id"],
        unique=False,
        postgresql_where=sa.text("consent <> 'unknown'"),
    )
    op.create_index("uq_contacts_workspace_id_phone", "contacts", ["workspace_id", "phone"], unique=True)
    op.create_index(
        "uq_contacts_workspace_id_wa_user_id",
        "contacts",
        ["workspace_id", "wa_user_id"],
        unique=True,
        postgresql_where=sa.text("wa_user_id IS NOT NULL"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_idempotency_keys_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "operation", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "members",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "role",
            sa.Enum("owner", "admin", "agent", name="role", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_members_user_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_members_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
        sa.UniqueConstraint("workspace_id", "user_id", name=op.f("uq_members_workspace_id_user_id")),
    )
    op.create_index(op.f("ix_members_user_id"), "members", ["user_id"], unique=False)
    op.create_table(
        "tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_tags_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
    )
    op.create_index(
        "uq_tags_workspace_id_name_lower", "tags", ["workspace_id", sa.literal_column("lower(name)")], unique=True
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("waba_id", sa.String(length=40), nullable=False),
        sa.Column("meta_id", sa.String(length=40), nullable=True),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column(
            "category",
            sa.Enum(
                "marketing",
                "utility",
                "authentication",
                name="category",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "pending",
                "approved",
                "rejected",
                "paused",
                "disabled",
                "in_appeal",
                "pending_deletion",
                "deleted",
                "limit_exceeded",
                "archived",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="draft",
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("quality", sa.String(length=20), server_default="UNKNOWN", nullable=False),
        sa.Column("parameter_format", sa.String(length=12), server_default="POSITIONAL", nullable=False),
        sa.Column(
            "components", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_templates_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_index(op.f("ix_templates_meta_id"), "templates", ["meta_id"], unique=False)
    op.create_index(
        "uq_templates_workspace_id_waba_id_name_language",
        "templates",
        ["workspace_id", "waba_id", "name", "language"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("template_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "expanding",
                "sending",
                "paused",
                "finished",
                "cancelled",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="draft",
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "audience", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "exclude", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "variables", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expanded_through", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channels.id"], name=op.f("fk_broadcasts_channel_id_channels"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_broadcasts_template_id_templates"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_broadcasts_user_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_broadcasts_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
    )
    op.create_index(
        "ix_broadcasts_active",
        "broadcasts",
        ["state", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('scheduled', 'expanding', 'sending')"),
    )
    op.create_index("ix_broadcasts_workspace_id_id", "broadcasts", ["workspace_id", "id"], unique=False)
    op.create_index("ix_broadcasts_workspace_id_state_id", "broadcasts", ["workspace_id", "state", "id"], unique=False)
    op.create_table(
        "consent_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "consent",
            sa.Enum(
                "unknown", "opted_in", "opted_out", name="consent", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_consent_events_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_consent_events_user_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_consent_events_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_events")),
    )
    op.create_index("ix_consent_events_contact_id_id", "consent_events", ["contact_id", "id"], unique=False)
    op.create_table(
        "contact_tags",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_tags_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_contact_tags_tag_id_tags"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_contact_tags_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("contact_id", "tag_id", name=op.f("pk_contact_tags")),
    )
    op.create_index("ix_contact_tags_tag_id_contact_id", "contact_tags", ["tag_id", "contact_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "expired", "closed", name="state", native_enum=False, create_constraint=True, length=20),
            server_default="open",
            nullable=False,
        ),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("window_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unread_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_message_id", sa.BigInteger(), nullable=True),
        sa.Column("last_message_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignee_id"], ["members.id"], name=op.f("fk_conversations_assignee_id_members"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channels.id"], name=op.f("fk_conversations_channel_id_channels"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_conversations_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_conversations_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("channel_id", "contact_id", name=op.f("uq_conversations_channel_id_contact_id")),
    )
    op.create_index(
        "ix_conversations_window",
        "conversations",
        ["window_expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_conversations_workspace_id_last_message_at_id",
        "conversations",
        ["workspace_id", "last_message_at", "id"],
        unique=False,
    )
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.BigInteger(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum("invalid", "duplicate", name="verdict", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("column_name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["contact_imports.id"],
            name=op.f("fk_import_rows_import_id_contact_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("import_id", "row_number", name=op.f("pk_import_rows")),
    )
    op.create_index(
        "ix_import_rows_import_id_verdict_row_number",
        "import_rows",
        ["import_id", "verdict", "row_number"],
        unique=False,
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("template_id", sa.BigInteger(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "direction",
            sa.Enum("out", "in", name="direction", native_enum=False, create_constraint=True, length=20),
            server_default="out",
            nullable=False,
        ),
        sa.Column("type", sa.String(length=20), server_default="template", nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "unknown",
                "accepted",
                "sent",
                "delivered",
                "read",
                "failed",
                "skipped",
                "cancelled",
                "received",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="queued",
            nullable=False,
        ),
        sa.Column("reached", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("replied", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("day", sa.Date(), server_default=sa.text("current_date"), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("wa_user_id", sa.String(length=140), nullable=True),
        sa.Column("wamid", sa.String(length=200), nullable=True),
        sa.Column("context_wamid", sa.String(length=200), nullable=True),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("skip_reason", sa.String(length=40), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("error_title", sa.Text(), nullable=True),
        sa.Column("throttle_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("pricing_category", sa.String(length=40), nullable=True),
        sa.Column("pricing_type", sa.String(length=40), nullable=True),
        sa.Column("claimed_by", sa.String(length=40), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["broadcast_id"], ["broadcasts.id"], name=op.f("fk_messages_broadcast_id_broadcasts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channels.id"], name=op.f("fk_messages_channel_id_channels"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_messages_contact_id_contacts"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_messages_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(
        "ix_messages_broadcast_id_state_id",
        "messages",
        ["broadcast_id", "state", "id"],
        unique=False,
        postgresql_where=sa.text("broadcast_id IS NOT NULL"),
    )
    op.create_index("ix_messages_contact_id_id", "messages", ["contact_id", "id"], unique=False)
    op.create_index(
        "ix_messages_replied", "messages", ["broadcast_id", "id"], unique=False, postgresql_where=sa.text("replied")
    )
    op.create_index(
        "ix_messages_sending", "messages", ["claimed_by"], unique=False, postgresql_where=sa.text("state = 'sending'")
    )
    op.create_index(
        "ix_messages_transactional",
        "messages",
        ["channel_id", "id"],
        unique=False,
        postgresql_where=sa.text("broadcast_id IS NULL AND state = 'queued'"),
    )
    op.create_index(
        "uq_messages_broadcast_id_contact_id_attempt",
        "messages",
        ["broadcast_id", "contact_id", "attempt"],
        unique=True,
        postgresql_where=sa.text("broadcast_id IS NOT NULL"),
    )
    op.create_index(
        "uq_messages_wamid", "messages", ["wamid"], unique=True, postgresql_where=sa.text("wamid IS NOT NULL")
    )
    _create_message_tallies()
    _create_contact_tallies()


def downgrade() -> None:
    op.drop_index("uq_messages_wamid", table_name="messages", postgresql_where=sa.text("wamid IS NOT NULL"))
    op.drop_index(
        "uq_messages_broadcast_id_contact_id_attempt",
        table_name="messages",
        postgresql_where=sa.text("broadcast_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_messages_transactional",
        table_name="messages",
        postgresql_where=sa.text("broadcast_id IS NULL AND state = 'queued'"),
    )
    op.drop_index("ix_messages_sending", table_name="messages", postgresql_where=sa.text("state = 'sending'"))
    op.drop_index("ix_messages_replied", table_name="messages", postgresql_where=sa.text("replied"))
    op.drop_index("ix_messages_contact_id_id", table_name="messages")
    op.drop_index(
        "ix_messages_broadcast_id_state_id", table_name="messages", postgresql_where=sa.text("broadcast_id IS NOT NULL")
    )
    op.drop_table("messages")
    op.drop_index("ix_import_rows_import_id_verdict_row_number", table_name="import_rows")
    op.drop_table("import_rows")
    op.drop_index("ix_conversations_workspace_id_last_message_at_id", table_name="conversations")
    op.drop_index("ix_conversations_window", table_name="conversations", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("conversations")
    op.drop_index("ix_contact_tags_tag_id_contact_id", table_name="contact_tags")
    op.drop_table("contact_tags")
    op.drop_index("ix_consent_events_contact_id_id", table_name="consent_events")
    op.drop_table("consent_events")
    op.drop_index("ix_broadcasts_workspace_id_state_id", table_name="broadcasts")
    op.drop_index("ix_broadcasts_workspace_id_id", table_name="broadcasts")
    op.drop_index(
        "ix_broadcasts_active",
        table_name="broadcasts",
        postgresql_where=sa.text("state IN ('scheduled', 'expanding', 'sending')"),
    )
    op.drop_table("broadcasts")
    op.drop_index(
        "uq_templates_workspace_id_waba_id_name_language",
        table_name="templates",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(op.f("ix_templates_meta_id"), table_name="templates")
    op.drop_table("templates")
    op.drop_index("uq_tags_workspace_id_name_lower", table_name="tags")
    op.drop_table("tags")
    op.drop_index(op.f("ix_members_user_id"), table_name="members")
    op.drop_table("members")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(
        "uq_contacts_workspace_id_wa_user_id", table_name="contacts", postgresql_where=sa.text("wa_user_id IS NOT NULL")
    )
    op.drop_index("uq_contacts_workspace_id_phone", table_name="contacts")
    op.drop_index(
        "ix_contacts_workspace_id_consent_id", table_name="contacts", postgresql_where=sa.text("consent <> 'unknown'")
    )
    op.drop_index("ix_contacts_workspace_id_id", table_name="contacts")
    op.drop_index(
        "ix_contacts_search_text",
        table_name="contacts",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.drop_table("contacts")
    op.drop_index("ix_contact_imports_workspace_id_id", table_name="contact_imports")
    op.drop_table("contact_imports")
    op.drop_index("uq_channels_phone_number_id", table_name="channels", postgresql_where=sa.text("state <> 'removed'"))
    op.drop_index("ix_channels_workspace_id_waba_id", table_name="channels")
    op.drop_table("channels")
    op.drop_index("ix_api_keys_workspace_id_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("workspaces")
    op.drop_index("ix_webhook_events_received_at", table_name="webhook_events")
    op.drop_index("ix_webhook_events_poison", table_name="webhook_events", postgresql_where=sa.text("state = 'poison'"))
    op.drop_index(
        "ix_webhook_events_pending", table_name="webhook_events", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_table("webhook_events")
    op.drop_index("uq_users_email_lower", table_name="users")
    op.drop_table("users")
    op.drop_index(op.f("ix_revoked_tokens_expires_at"), table_name="revoked_tokens")
    op.drop_table("revoked_tokens")
    op.drop_index("ix_message_tallies_workspace_id_day", table_name="message_tallies")
    op.drop_index("ix_message_tallies_fresh", table_name="message_tallies", postgresql_where=sa.text("is_fresh"))
    op.drop_index(
        "ix_message_tallies_broadcast_id", table_name="message_tallies", postgresql_where=sa.text("broadcast_id <> 0")
    )
    op.drop_table("message_tallies")
    op.drop_index("ix_contact_tallies_workspace_id_tag_id", table_name="contact_tallies")
    op.drop_index("ix_contact_tallies_fresh", table_name="contact_tallies", postgresql_where=sa.text("is_fresh"))
    op.drop_table("contact_tallies")
    for name in ("message", "contacts", "contact_tags"):
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP FUNCTION IF EXISTS {name}_tallies_on_{event}()")
