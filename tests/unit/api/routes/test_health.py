"""Liveness and readiness."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from api.main import create_app
from lrsearch.settings import Settings
from tests.unit.api import service


def test_livez_answers_whatever_is_away(tmp_path: Path) -> None:
    with service.client_of(create_app(Settings(home=tmp_path))) as client:
        assert "ok" == client.get("/livez").json()["status"]


def test_readyz_without_a_broker_names_it_and_its_remedy(client: TestClient) -> None:
    response = client.get("/readyz")
    (error,) = response.json()["errors"]
    assert (503, "/checks/broker") == (response.status_code, error["pointer"])
    assert "REDIS_URL" in error["action"]
    assert response.headers["retry-after"]


def test_readyz_without_tables_names_the_command_that_makes_them(tmp_path: Path) -> None:
    with service.client_of(create_app(Settings(home=tmp_path))) as client:
        errors = client.get("/readyz").json()["errors"]
    assert {"/checks/migrations", "/checks/broker"} == {error["pointer"] for error in errors}
    assert "lrsearch migrate" in next(error["action"] for error in errors if error["pointer"] == "/checks/migrations")


def test_a_database_without_tables_answers_503_everywhere(tmp_path: Path) -> None:
    with service.client_of(create_app(Settings(home=tmp_path))) as client:
        answers = [client.get("/v1/jobs"), client.post("/v1/jobs", json=service.DOCUMENT), client.get("/v1/workers")]
    assert [503] * 3 == [answer.status_code for answer in answers]


def test_the_root_leads_to_the_documentation(client: TestClient) -> None:
    response = client.get("/", follow_redirects=False)
    assert (307, "/docs") == (response.status_code, response.headers["location"])
