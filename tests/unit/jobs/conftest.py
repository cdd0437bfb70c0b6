"""Every test of the verbs runs on SQLite and, marked `service`, on a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrsearch.db import Database
from tests.servers.postgres import database_url, postgres, postgres_url, sqlite_template, sqlite_url

__all__ = ["database_url", "postgres", "postgres_url", "sqlite_template", "sqlite_url"]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()
