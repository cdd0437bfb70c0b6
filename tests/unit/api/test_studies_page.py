from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api import studies_page
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.spec import validate
from lrsearch.training.toy_trainer import ToyTrainer
from tests.unit.api.service import EXPERIMENT
from tests.unit.experiments.test_search import BASE


def search(app: FastAPI) -> None:
    url = app.state.database.url.render_as_string(hide_password=False)
    records: list[TrialRecord] = []
    validate(EXPERIMENT, BASE).run(Context(ToyTrainer(), records.extend, job_id="shown", database_url=url))


def test_the_studies_of_searches_are_shown_below_optuna(app: FastAPI, client: TestClient) -> None:
    assert f"{studies_page.PREFIX}/static/bundle.js" in client.get("/optuna/").text
    assert f'href="{studies_page.PREFIX}/favicon.ico"' in client.get("/optuna/dashboard").text
    assert 200 == client.get("/optuna/favicon.ico").status_code
    search(app)
    studies: list[dict[str, Any]] = client.get("/optuna/api/studies").json()["study_summaries"]
    assert ["job-shown"] == [study["study_name"] for study in studies]
    shown = client.get(f"/optuna/api/studies/{studies[0]['study_id']}").json()
    assert 8 == len(shown["trials"])
    assert {"Complete"} == {trial["state"] for trial in shown["trials"]}


def test_the_address_that_the_dashboard_leaves_empty_leads_to_its_table_of_trials(client: TestClient) -> None:
    answer = client.get("/optuna/dashboard/studies/1/trialTable", follow_redirects=False)
    assert (307, "/optuna/dashboard/studies/1/smartSelection") == (answer.status_code, answer.headers["location"])
    assert "/studies/:studyId/smartSelection" in client.get("/optuna/static/bundle.js").text


def test_the_dashboard_changes_nothing(client: TestClient) -> None:
    for method, path in (("DELETE", "/optuna/api/studies/1"), ("POST", "/optuna/api/studies")):
        answer = client.request(method, path, json={"study_name": "x", "directions": ["minimize"]})
        assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])
        assert "DELETE /v1/jobs" in answer.json()["errors"][0]["action"]


def test_every_address_of_the_dashboards_script_is_moved(client: TestClient) -> None:
    script = client.get("/optuna/static/bundle.js").text
    for old, new in studies_page.MOVED:
        assert new in script
        assert old not in script
