"""A migrated database for the worker's parts, once SQLite and once Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrsearch.db import Database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database
