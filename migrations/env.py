"""Alembic's entry: runs on the connection `lrsearch.db.migration` hands over, or on DATABASE_URL for developers."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from lrsearch.db.migration import context_options
from lrsearch.db.session import Database
from lrsearch.settings import Settings


def run(connection: Connection) -> None:
    """Run the asked-for migrations on `connection`."""
    context.configure(**context_options(connection))
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Settings().resolved_database_url()).engine.begin() as own:
        run(own)
