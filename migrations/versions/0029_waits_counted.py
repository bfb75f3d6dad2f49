"""first answers: counted by day, member and class of their time, so that a report sums counts instead of answers"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

_TABLE = "answer_tallies"
_KEY = "workspace_id, user_id, day, step"
_CHANGES = {"insert": ("NEW TABLE AS changed", 1), "delete": ("OLD TABLE AS changed", -1)}


def upgrade() -> None:
    # Nobody else writes to first_answers from here to the commit, so nothing is counted twice or missed.
    op.add_column("first_answers", sa.Column("step", sa.SmallInteger(), _step(), nullable=False))
    op.create_table(
        _TABLE,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("workspace_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("is_fresh", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_tallies")),
    )
    op.create_index("ix_answer_tallies_workspace_id_day", _TABLE, ["workspace_id", "day"])
    op.create_index("ix_answer_tallies_fresh", _TABLE, ["workspace_id", "day"], postgresql_where=sa.text("is_fresh"))
    op.execute(f"""
        INSERT INTO {_TABLE} ({_KEY}, delta, is_fresh) SELECT {_KEY}, count(*), false FROM first_answers GROUP BY {_KEY}
    """)
    for event, (changed, sign) in _CHANGES.items():
        _count_on(event, changed, sign)


def _step() -> sa.Computed:
    return sa.Computed("floor(8 * ln(seconds + 1.0::float8) / ln(2.0::float8))::smallint", persisted=True)


def _count_on(event: str, changed: str, sign: int) -> None:
    op.execute(f"""
        CREATE FUNCTION {_TABLE}_on_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO {_TABLE} ({_KEY}, delta) SELECT {_KEY}, {sign} * count(*) FROM changed GROUP BY {_KEY};
            RETURN NULL;
        END $$
    """)
    op.execute(f"""
        CREATE TRIGGER {_TABLE}_on_{event} AFTER {event} ON first_answers REFERENCING {changed}
        FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_on_{event}()
    """)


def downgrade() -> None:
    for event in _CHANGES:
        op.execute(f"DROP TRIGGER {_TABLE}_on_{event} ON first_answers")
        op.execute(f"DROP FUNCTION {_TABLE}_on_{event}()")
    op.drop_table(_TABLE)
    op.drop_column("first_answers", "step")
