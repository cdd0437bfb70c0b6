"""The connection to the database: engine, one transaction a session, readiness, one clear sentence for each fault."""

from __future__ import annotations

import os
import re
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from lrsearch.errors import LrsearchError, Misconfigured, Unavailable

_POSTGRES_CONNECT: Final = {
    # A worker cut off from its database must notice before its lease is over, not after TCP's two hours.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "lrsearch",
}
_WRONG_SETTING: Final = re.compile(
    r"not a database|unable to open database file|authentication failed|no password supplied|no pg_hba\.conf entry"
    r'|(database|role) "[^"]*" (does not exist|is not permitted)'
)
_NO_TABLES: Final = ("no such table", "no such column", "undefinedtable", "undefinedcolumn")


class Database:
    """A database, SQLite or Postgres: one engine a process, opened on first use; a `with` block disposes it.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        Misconfigured: the URL cannot be read or names another kind of database.
    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.name = self.url.render_as_string(hide_password=True)
        self.engine = _engine(self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back on an exception.

        Raises:
            Unavailable: the database is away.
            Misconfigured: it is there and refuses us, or has no tables yet.
        """
        maker = Session(self.engine, expire_on_commit=False, autoflush=False)
        with self.faults_told(), maker as session, session.begin():
            yield session

    def check(self) -> None:
        """Ask the database for one number.

        Raises:
            Unavailable: the database is away.
            Misconfigured: it is there and refuses us.
        """
        with self.faults_told(), self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def migrate(self) -> None:
        """Bring the tables to this program's revision; several processes may do so at once.

        Raises:
            Misconfigured: the database is newer than this program.
        """
        from lrsearch.db import migration  # Alembic is heavy and needed here only

        with self.faults_told():
            migration.upgrade(self.engine)

    def head_is_current(self) -> bool:
        """Whether the tables are exactly those this program was written for."""
        from lrsearch.db import migration

        with self.faults_told():
            return migration.stored_revision(self.engine) == migration.head_revision()

    def require_head(self) -> None:
        """Refuse to work on tables of another version.

        Raises:
            Misconfigured: the database is older or newer than this program.
        """
        from lrsearch.db import migration

        with self.faults_told():
            migration.require_head(self.engine)

    def dispose(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()

    @contextmanager
    def faults_told(self) -> Iterator[None]:
        """Turn the driver's faults into ours; anything that is no fault of the connection passes."""
        try:
            yield
        except PoolTimeout:
            raise Unavailable(
                f"All connections to the database {self.name} are in use; try again in a moment."
            ) from None
        except DBAPIError as error:
            fault = _fault(self.name, error)
            if fault is None:
                raise
            raise fault from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        # SQLAlchemy's message repeats the URL, and with it the password.
        raise Misconfigured(
            "DATABASE_URL cannot be read; write sqlite:///path/to/file.db or postgresql://user:password@host:5432/name."
        ) from None
    if parsed.drivername in {"postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise Misconfigured(
            f"DATABASE_URL names {parsed.drivername!r}; this service works with sqlite:/// and postgresql://."
        )
    if not parsed.database or parsed.database == ":memory:":
        raise Misconfigured(
            "DATABASE_URL names an SQLite database in memory, which API and workers cannot share; name a file."
        )
    return parsed


def _engine(url: URL) -> Engine:
    if url.drivername.startswith("sqlite"):
        _make_folder(Path(url.database or "").parent)
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _set_pragmas)
    else:
        engine = create_engine(url, pool_pre_ping=True, connect_args=dict(_POSTGRES_CONNECT))
    _forget_connections_after_fork(engine)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The database's folder {folder} cannot be made ({error.strerror}); correct DATABASE_URL or LRSEARCH_HOME."
        ) from error


def _set_pragmas(connection: sqlite3.Connection, record: Any) -> None:
    try:
        connection.execute("PRAGMA busy_timeout=30000")  # first: the switch to WAL needs the lock itself
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error:
        connection.close()  # the pool does not know it yet
        raise


def _forget_connections_after_fork(engine: Engine) -> None:
    """A prefork child must not talk over its parent's sockets."""
    reference = weakref.ref(engine)

    def forget() -> None:
        if (kept := reference()) is not None:
            kept.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _fault(name: str, error: DBAPIError) -> LrsearchError | None:
    """Our error for a driver's; None for one that is no fault of connection or set-up."""
    reason = " ".join(str(error.orig).split()) or type(error.orig).__name__
    words = f"{type(error.orig).__name__} {reason}".lower()
    if any(sign in words for sign in _NO_TABLES):
        return Misconfigured(f"The database {name} does not have this version's tables; run `lrsearch migrate`.")
    if _WRONG_SETTING.search(words):
        return Misconfigured(f"The database {name} refuses to be opened ({reason}); correct DATABASE_URL.")
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return Unavailable(f"The database {name} does not answer ({reason}); try again when it is back.")
    return None
