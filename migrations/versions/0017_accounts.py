"""accounts: keys with scopes, a last day and a test mode; browsers that are signed in; log-in in two steps; invitations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("is_test", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    _create_simulated_messages()
    op.add_column("users", sa.Column("two_factor_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "workspaces", sa.Column("requires_two_factor", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column(
        "workspaces", sa.Column("hides_first_steps", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("users", sa.Column("picture_key", sa.String(length=40), nullable=True))
    op.add_column("users", sa.Column("picture_type", sa.String(length=20), server_default="", nullable=False))
    _create_user_sessions()
    _create_second_steps()
    _create_invitations()
    _create_sign_ups()


def downgrade() -> None:
    for table in ("sign_ups", "invitations", "recovery_codes", "two_factors", "user_sessions"):
        op.drop_table(table)
    for column in ("picture_type", "picture_key"):
        op.drop_column("users", column)
    op.drop_column("workspaces", "hides_first_steps")
    op.drop_column("workspaces", "requires_two_factor")
    op.drop_column("users", "two_factor_at")
    op.drop_table("simulated_messages")
    # Without the columns they would be live, and last for ever.
    op.execute("DELETE FROM api_keys WHERE is_test OR expires_at IS NOT NULL")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("api_keys", "is_test")


def _create_simulated_messages() -> None:
    moments = ("sent_at", "delivered_at", "read_at", "failed_at")
    op.create_table(
        "simulated_messages",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("api_key_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column(
            "content", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in moments),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_simulated_messages_{column}_{table}"), ondelete=then
            )
            for column, table, then in (
                ("workspace_id", "workspaces", "CASCADE"),
                ("api_key_id", "api_keys", "CASCADE"),
                ("channel_id", "channels", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulated_messages")),
    )
    op.create_index(op.f("ix_simulated_messages_api_key_id"), "simulated_messages", ["api_key_id"])
    op.create_index("ix_simulated_messages_workspace_id_id", "simulated_messages", ["workspace_id", "id"])
    op.create_index("ix_simulated_messages_created_at", "simulated_messages", ["created_at"])


def _created(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"), ondelete="CASCADE"
    )


def _create_user_sessions() -> None:
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("user_agent", sa.String(length=400), server_default="", nullable=False),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        _created("created_at"),
        _created("last_seen_at"),
        _of_user("user_sessions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("key", name=op.f("uq_user_sessions_key")),
    )
    for column in ("user_id", "last_seen_at"):
        op.create_index(op.f(f"ix_user_sessions_{column}"), "user_sessions", [column])


def _create_second_steps() -> None:
    op.create_table(
        "two_factors",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _created("created_at"),
        _of_user("two_factors"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_two_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        _of_user("recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_recovery_codes")),
    )


def _create_invitations() -> None:
    role = sa.Enum("owner", "admin", "agent", name="role", native_enum=False, create_constraint=True, length=20)
    op.create_table(
        "invitations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("nonce", sa.String(length=40), nullable=False),
        _created("sent_at"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_invitations_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_invitations_user_id_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    op.create_index(
        "uq_invitations_workspace_id_email_lower", "invitations", ["workspace_id", sa.text("lower(email)")], unique=True
    )


def _create_sign_ups() -> None:
    op.create_table(
        "sign_ups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("token_encrypted", sa.Text(), nullable=False),
        sa.Column("expires_in", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("waba_id", sa.String(length=40), server_default="", nullable=False),
        sa.Column("phone_number_id", sa.String(length=40), server_default="", nullable=False),
        sa.Column("pin_encrypted", sa.Text(), server_default="", nullable=False),
        sa.Column("failed_step", sa.String(length=20), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        _created("created_at"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_sign_ups_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channels.id"], name=op.f("fk_sign_ups_channel_id_channels"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ups")),
    )
    op.create_index(op.f("ix_sign_ups_created_at"), "sign_ups", ["created_at"])
