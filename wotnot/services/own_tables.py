"""Tables that one transaction has for itself: what takes seconds to find and is asked about several times for one page."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, TableClause, column, func, insert, select, table, text
from sqlalchemy.dialects import postgresql

from wotnot.extensions import db


def name_of(kind: str, statement: Select[Any], since: Sequence[Any]) -> str:
    """A table's name that the same statement with the same values has again, while `since` stays the same."""
    compiled = statement.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    return name_by(kind, f"{compiled}{sorted(compiled.params.items(), key=str)}{since}")


def name_by(kind: str, key: str) -> str:
    """The same for a caller who knows better what the rows depend on."""
    return f"{kind}_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def is_there(name: str) -> bool:
    """Whether this transaction has it already."""
    return db.session.scalar(select(func.to_regclass(f"pg_temp.{name}"))) is not None


def find(name: str, statement: Select[Any]) -> TableClause:
    """The table for asking it; `statement` says what columns it has."""
    return table(name, *(column(one.name, one.type) for one in statement.selected_columns))


def work_out(name: str, statement: Select[Any]) -> TableClause:
    """The rows of `statement` as a table, which is made unless it is there and gone at the transaction's end."""
    found = find(name, statement)
    if not is_there(name):
        columns = ", ".join(f"{one.name} {one.type.compile(postgresql.dialect())}" for one in found.columns)  # type: ignore[no-untyped-call]
        db.session.execute(text(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP"))
        db.session.execute(insert(found).from_select([one.name for one in found.columns], statement))
        db.session.execute(text(f"ANALYZE {name}"))
    return found
