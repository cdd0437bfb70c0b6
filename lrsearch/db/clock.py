"""The database's clock as an SQL expression: leases are compared on one clock, not on that of each worker's machine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Double, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from lrsearch.db.types import UtcDateTime


class _DatabaseTime(FunctionElement[Any]):
    """The time on the database's clock when the statement runs, moved by an offset in seconds."""

    name = "database_time"
    type = UtcDateTime()
    inherit_cache = True


def database_time(offset_seconds: float | ColumnElement[float] = 0.0) -> ColumnElement[Any]:
    """Now on the database's clock plus `offset_seconds` (negative: in the past), as a UTC time.

    On Postgres it is the clock, not the start of the transaction: a statement that waited for a lock sees the time
    after the wait. SQLite's clock has milliseconds, Postgres' microseconds.
    """
    if not isinstance(offset_seconds, ColumnElement):
        offset_seconds = literal(float(offset_seconds), Double)
    return _DatabaseTime(offset_seconds)


@compiles(_DatabaseTime, "postgresql")
def _on_postgres(element: _DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    offset = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => CAST({offset} AS double precision)))"


@compiles(_DatabaseTime, "sqlite")
def _on_sqlite(element: _DatabaseTime, compiler: SQLCompiler, **options: Any) -> str:
    # Six digits of the second, like the times SQLAlchemy writes: SQLite compares times as text.
    offset = compiler.process(element.clauses, **options)
    modifier = f"printf('%+.6f seconds', {offset})"
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', {modifier}) || '000')"
