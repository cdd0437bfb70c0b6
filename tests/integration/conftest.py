from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.service import QUICK, EmbeddedService


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedService]:
    """One embedded service with the toy trainer for all integration tests; leave no unfinished job behind."""
    with EmbeddedService(tmp_path_factory.mktemp("service") / "home", **QUICK) as running:
        yield running
