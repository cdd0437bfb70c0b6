"""Who may talk to a service without keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.guard import is_loopback
from api.main import create_app
from lrsearch.errors import Misconfigured
from lrsearch.settings import Settings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_a_service_that_others_can_reach_does_not_start_without_saying_so(tmp_path: Path, host: str) -> None:
    with pytest.raises(Misconfigured, match="LRSEARCH_AUTH=none"):
        create_app(Settings(home=tmp_path, host=host))
    create_app(Settings(home=tmp_path, host=host, auth="none"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "app.localhost"])
def test_loopback_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "localhost:1", "[::1]:8000", "10.0.0.1"])
def test_local_names_and_numbers_are_answered(client: TestClient, host: str) -> None:
    assert 200 == client.get("/livez", headers={"host": host}).status_code


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""])
def test_a_name_rebound_to_this_machine_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/livez", headers={"host": host})
    assert (400, "foreign_host") == (response.status_code, response.json()["code"])


def test_a_form_of_another_site_cannot_change_anything(client: TestClient) -> None:
    response = client.post("/v1/jobs/x/cancel", headers={"sec-fetch-site": "cross-site"})
    assert (400, "cross_site") == (response.status_code, response.json()["code"])
    assert 404 == client.post("/v1/jobs/x/cancel", headers={"sec-fetch-site": "same-origin"}).status_code


def test_a_service_that_serves_others_answers_to_any_name(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, host="0.0.0.0", auth="none"))
    with TestClient(app, base_url="http://gpu.example") as client:
        assert 200 == client.get("/livez").status_code
