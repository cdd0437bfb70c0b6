"""Alembic, driven from the program: one transaction, one migrator at a time, on SQLite and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.types import TypeDecorator

from lrsearch.db.models import Base
from lrsearch.errors import Misconfigured
from lrsearch.settings import service_root

VERSION_TABLE: Final = "lrsearch_alembic_version"
"""Our own: with the default name Optuna takes our revision for its own and refuses the database."""

_ADVISORY_LOCK: Final = 0x6C727365617263  # "lrsearc": any number nobody else on the server uses


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations of this installation, run on `connection`."""
    config = Config()
    config.set_main_option("script_location", str(service_root() / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def context_options(connection: Connection) -> dict[str, Any]:
    """What Alembic needs to know to leave other people's tables in this database alone."""
    return {
        "connection": connection,
        "target_metadata": Base.metadata,
        "version_table": VERSION_TABLE,
        "include_name": include_name,
        "include_object": include_object,
        "render_item": render_item,
        "render_as_batch": connection.dialect.name == "sqlite",
        "transaction_per_migration": False,
    }


def include_name(name: str | None, kind: str, parents: Any) -> bool:
    """Reflect only tables that are ours: without this, autogenerate drops Optuna's."""
    return kind != "table" or name in Base.metadata.tables


def include_object(thing: Any, name: str | None, kind: str, is_reflected: bool, compared_to: Any) -> bool:
    """Compare only what belongs to tables that are ours."""
    table = thing if kind == "table" else getattr(thing, "table", None)
    return table is None or table.name in Base.metadata.tables


def render_item(kind: str, thing: Any, autogen_context: Any) -> str | bool:
    """Write plain column types into new migrations: what a migration made must not change with our code."""
    return f"sa.{thing.impl!r}" if kind == "type" and isinstance(thing, TypeDecorator) else False


@cache
def head_revision() -> str | None:
    """The newest revision this program knows."""
    return ScriptDirectory.from_config(configuration()).get_current_head()


def stored_revision(engine: Engine) -> str | None:
    """The revision the database is at, None for one without our tables."""
    with engine.connect() as connection:
        return _revision(connection)


def require_head(engine: Engine) -> None:
    """Raise `Misconfigured` unless the database is exactly at `head_revision()`."""
    stored = stored_revision(engine)
    _refuse_newer(engine, stored)
    if stored != head_revision():
        name = engine.url.render_as_string(hide_password=True)
        raise Misconfigured(f"The database {name} is older than this program; run `lrsearch migrate`.")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the missing migrations up to `revision`, in one transaction."""
    with exclusive(engine) as connection:
        _refuse_newer(engine, _revision(connection))
        command.upgrade(configuration(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo migrations down to `revision`, in one transaction."""
    with exclusive(engine) as connection:
        command.downgrade(configuration(connection), revision)


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """A connection inside a transaction that no second migrator can enter before it ends."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection
            connection.commit()
            return
        # Rebuilding a table with foreign keys on would delete the rows that point at it; SQLite ignores this switch
        # inside a transaction. The driver begins none before DDL, so BEGIN is said aloud.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _refuse_newer(engine: Engine, stored: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if stored is not None and stored not in known:
        name = engine.url.render_as_string(hide_password=True)
        raise Misconfigured(
            f"The database {name} is at revision {stored!r}, which this program does not know: it was made by a newer "
            "version. Update lrsearch, or restore a backup of that database made before the update."
        )
