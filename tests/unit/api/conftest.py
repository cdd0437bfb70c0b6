"""A client of the real application on a real, migrated database, SQLite and Postgres; no broker, so messages wait for the reaper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.main import create_app
from lrsearch.db import Database
from lrsearch.settings import Settings
from tests.servers.postgres import shared_server
from tests.unit.api import service

MakeDatabase = Callable[[Path], str]
"""Makes a migrated database, below the given home if it is a file; its URL."""


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "lrsearch.db"
    service.migrate(path)
    return path


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def make_database(request: pytest.FixtureRequest, migrated: Path) -> Iterator[MakeDatabase]:
    if request.param == "sqlite":
        yield lambda home: service.settings(home, migrated).resolved_database_url()
        return
    made: list[str] = []

    def make(home: Path) -> str:
        made.append(shared_server().create_database())
        return made[-1]

    yield make
    for url in made:
        shared_server().drop_database(url)


@pytest.fixture
def settings(tmp_path: Path, make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in service.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return Settings(home=tmp_path).model_copy(update={"database_url": make_database(tmp_path)})


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(settings)
    yield app
    app.state.database.dispose()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with service.client_of(app) as client:
        yield client


@pytest.fixture
def database(app: FastAPI) -> Database:
    return app.state.database


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase) -> Iterator[FastAPI]:
    """One application for all tests of a file: for those that change nothing of each other's."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(Settings(home=home).model_copy(update={"database_url": make_database(home)}))
    yield app
    app.state.database.dispose()


@pytest.fixture(scope="module")
def shared_client(shared_app: FastAPI) -> Iterator[TestClient]:
    with service.client_of(shared_app) as client:
        yield client


@pytest.fixture(scope="module")
def shared_database(shared_app: FastAPI) -> Database:
    return shared_app.state.database
