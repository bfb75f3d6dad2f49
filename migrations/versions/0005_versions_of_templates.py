"""the words that templates had, what changed about them, and which words a message was sent with"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_CATEGORIES = ("marketing", "utility", "authentication")
_ORIGINS = ("submitted", "edited", "meta")
_FACTS = ("words", "status", "category", "quality")


def _enum(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=20)


def upgrade() -> None:
    # Both with a default that needs no rewrite: the ledger has millions of rows, and senders are writing to it.
    op.add_column("messages", sa.Column("template_version", sa.SmallInteger(), nullable=True))
    op.add_column("templates", sa.Column("version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    op.create_table(
        "template_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("category", _enum(_CATEGORIES, "category"), nullable=False),
        sa.Column("parameter_format", sa.String(12), nullable=False),
        sa.Column("components", postgresql.JSONB(), nullable=False),
        sa.Column("origin", _enum(_ORIGINS, "origin"), nullable=False),
        sa.Column("was_approved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("template_id", "number"),
    )
    op.create_table(
        "template_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("template_id", sa.BigInteger(), nullable=False),
        sa.Column("fact", _enum(_FACTS, "fact"), nullable=False),
        sa.Column("before", sa.String(20), server_default="", nullable=False),
        sa.Column("after", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_template_events_template_id_id", "template_events", ["template_id", "id"])
    op.create_index(
        "ix_template_events_category",
        "template_events",
        ["workspace_id", "created_at"],
        postgresql_where=sa.text("fact = 'category'"),
    )
    _keep_what_is_there()


def _keep_what_is_there() -> None:
    """Today's words are the first version; where they came from was not written down."""
    op.execute("""
        INSERT INTO template_versions (workspace_id, template_id, number, category, parameter_format, components, origin,
                                       created_at)
        SELECT workspace_id, id, 1, category, parameter_format, components, 'meta', created_at FROM templates
    """)
    op.execute("""
        INSERT INTO template_events (workspace_id, template_id, fact, after, created_at)
        SELECT workspace_id, id, 'words', '1', created_at FROM templates ORDER BY id
    """)


def downgrade() -> None:
    op.drop_table("template_events")
    op.drop_table("template_versions")
    op.drop_column("templates", "version")
    op.drop_column("messages", "template_version")
