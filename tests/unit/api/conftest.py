"""A client of the real application on a real, migrated SQLite database; no broker, so messages wait for the reaper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.main import create_app
from lrsearch.db import Database
from lrsearch.settings import Settings
from tests.unit.api import service


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "lrsearch.db"
    service.migrate(path)
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in service.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return service.settings(tmp_path, migrated)


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with service.client_of(app) as client:
        yield client


@pytest.fixture
def database(app: FastAPI) -> Database:
    return app.state.database


@pytest.fixture
def database_file(settings: Settings) -> Path:
    return settings.home / "lrsearch.db"
