"""A migrated database for the worker's parts, once SQLite and once Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrsearch.db import Database
from tests.servers.postgres import database_url, postgres, postgres_url, sqlite_template, sqlite_url

__all__ = ["database_url", "db", "postgres", "postgres_url", "sqlite_template", "sqlite_url"]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database
