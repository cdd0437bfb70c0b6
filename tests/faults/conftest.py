from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import shared_server
from tests.servers.service import QUICK, EmbeddedService

SLOW_STEP = 0.01
"""Seconds of one update of the toy trainer: 100 updates take a second, so that there is a middle of a job."""


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedService]:
    home = tmp_path_factory.mktemp("service") / "home"
    with EmbeddedService(home, **QUICK, LRSEARCH_TOY_SECONDS_PER_STEP=str(SLOW_STEP)) as running:
        yield running


@pytest.fixture(scope="session")
def shared_service_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedService]:
    home, url = tmp_path_factory.mktemp("on_postgres") / "home", shared_server().create_database(is_migrated=False)
    with EmbeddedService(home, **QUICK, DATABASE_URL=url, LRSEARCH_TOY_SECONDS_PER_STEP=str(SLOW_STEP)) as running:
        yield running
    shared_server().drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def service_on(request: pytest.FixtureRequest) -> EmbeddedService:
    """The service of `service` on SQLite, and one like it on Postgres."""
    name = "shared_service" if request.param == "sqlite" else "shared_service_on_postgres"
    running: EmbeddedService = request.getfixturevalue(name)
    wait_until_warm(running)
    return running


@pytest.fixture
def service(shared_service: EmbeddedService) -> EmbeddedService:
    """One embedded service for all tests of this folder; each leaves it running, with a warm worker."""
    wait_until_warm(shared_service)
    return shared_service


@pytest.fixture(scope="module")
def another_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedService]:
    home = tmp_path_factory.mktemp("own") / "home"
    with EmbeddedService(home, **QUICK, LRSEARCH_TOY_SECONDS_PER_STEP=str(SLOW_STEP)) as running:
        yield running


@pytest.fixture
def own_service(another_service: EmbeddedService) -> EmbeddedService:
    """A service the test may end; started again if the test before did."""
    if another_service.process is None or another_service.process.poll() is not None:
        another_service.start()
    return another_service


def wait_until_warm(service: EmbeddedService) -> None:
    """Until the worker's present child says that it idles."""
    from lrsearch import jobs

    def is_warm() -> bool:
        alive = {process.pid for process in service.worker_children()}
        return any(row.pid in alive and row.state == "idle" for row in jobs.workers(service.db))

    service.until(is_warm, 90)
