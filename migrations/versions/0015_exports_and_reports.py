"""exports that a job writes"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0013"


def upgrade() -> None:
    _create_exports()


def downgrade() -> None:
    op.drop_table("exports")


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
