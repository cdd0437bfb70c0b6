"""One real Postgres of our own for the tests that play the compose stack."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A server that these tests may stop and whose authentication they may change, whatever TEST_DATABASE_URL says."""
    # Not below pytest's own temporary folder, which the server's user may not enter.
    with tempfile.TemporaryDirectory(prefix="lrsearch-stack-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(folder=Path(folder))
        server.initialise()
        server.start()
        yield server
        server.stop()
