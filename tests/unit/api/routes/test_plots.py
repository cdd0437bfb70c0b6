"""Figures from stored numbers."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.unit.api import service


@pytest.fixture(scope="module")
def job_id(shared_app: FastAPI, shared_client: TestClient) -> str:
    job_id = service.submit(shared_client)
    service.succeed(shared_app.state.database, job_id)
    return job_id


def test_every_figure_has_links_to_its_renderings(shared_client: TestClient, job_id: str) -> None:
    (plot,) = shared_client.get(f"/v1/jobs/{job_id}/plots").json()["items"]
    kinds = {name: shared_client.get(link).headers["content-type"] for name, link in plot["links"].items()}
    assert {"png": "image/png", "svg": "image/svg+xml", "json": "application/json"} == kinds


STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "json": b"{"}


@pytest.mark.parametrize(("name", "start"), STARTS.items())
def test_a_rendering_is_what_its_name_says(shared_client: TestClient, job_id: str, name: str, start: bytes) -> None:
    assert shared_client.get(f"/v1/jobs/{job_id}/plots/loss_over_lr.{name}").content.startswith(start)


def test_the_dark_theme_looks_different(shared_client: TestClient, job_id: str) -> None:
    light, dark = (
        shared_client.get(f"/v1/jobs/{job_id}/plots/loss_over_lr.json?theme={theme}").json()
        for theme in ("light", "dark")
    )
    assert light["layout"]["paper_bgcolor"] != dark["layout"]["paper_bgcolor"]


def test_an_unknown_figure_is_not_found_and_the_known_ones_are_named(shared_client: TestClient, job_id: str) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/plots/nonsense.png")
    error = response.json()["errors"][0]
    assert (404, "/name", "nonsense") == (response.status_code, error["pointer"], error["value"])
    assert "loss_over_lr" in error["action"]


def test_an_unknown_format_is_refused(shared_client: TestClient, job_id: str) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/plots/loss_over_lr.gif")
    assert (422, "/file_format", "gif") == (
        response.status_code,
        *(response.json()["errors"][0][name] for name in ("pointer", "value")),
    )


def test_an_unfinished_job_has_no_figures_yet(shared_client: TestClient) -> None:
    response = shared_client.get(f"/v1/jobs/{service.submit(shared_client)}/plots")
    assert (409, "not_finished") == (response.status_code, response.json()["code"])
