"""Every test of the verbs runs on SQLite and, marked `service`, on a real Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrsearch.db import Database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()
