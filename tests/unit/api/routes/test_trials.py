"""Trials, curves and results, in JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import dataclasses
import io
import math

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lrsearch import jobs
from lrsearch.experiments.base import TrialRecord
from lrsearch.status import TrialStatus
from lrsearch.training.trainer import StopReason
from tests.unit.api import service

LOSSES = [2.5, 1.0, math.inf, -math.inf, math.nan]


@pytest.fixture(scope="module")
def job_id(shared_app: FastAPI, shared_client: TestClient) -> str:
    """A finished job with a trial that went bad in every way."""
    database = shared_app.state.database
    job_id = service.submit(shared_client)
    held = service.claim(database, job_id)
    service.train(database, dataclasses.replace(held, trials=[0]))
    record = TrialRecord(
        number=1,
        status=TrialStatus.DIVERGED,
        seed=1,
        setting={"note": "=cmd()", "lr": 0.5},
        arrays={
            "lrs": np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
            "losses": np.array(LOSSES),
            "history/accuracy": np.array([0.5, np.nan]),
        },
        stop_reason=StopReason.NON_FINITE,
        stopped_at=4,
        metrics={"test_loss": math.nan, "test_accuracy": 0.25},
    )
    jobs.record(database, held, record)
    cycled = {"lrs": np.array([0.1, 0.2]), "losses": np.array([1.0, 0.5]), "momenta": np.array([0.95, 0.9])}
    jobs.record(database, held, dataclasses.replace(record, number=2, seed=2, arrays=cycled, stopped_at=1))
    jobs.finish(database, held)
    return job_id


def test_trials_are_listed_by_number_with_non_finite_metrics_as_null(shared_client: TestClient, job_id: str) -> None:
    trials = shared_client.get(f"/v1/jobs/{job_id}/trials").json()["items"]
    assert [0, 1, 2] == [trial["number"] for trial in trials]
    assert {"test_loss": None, "test_accuracy": 0.25} == trials[1]["metrics"]
    assert ("diverged", "non_finite", 4) == tuple(trials[1][name] for name in ("status", "stop_reason", "stopped_at"))


def test_a_single_trial_is_the_one_in_the_list(shared_client: TestClient, job_id: str) -> None:
    trials = shared_client.get(f"/v1/jobs/{job_id}/trials").json()["items"]
    assert trials == [shared_client.get(trial["links"]["self"]).json() for trial in trials]


def test_non_finite_losses_are_null_in_json(shared_client: TestClient, job_id: str) -> None:
    curve = shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve").json()
    assert [2.5, 1.0, None, None, None] == curve["losses"]
    assert [0.1, 0.2, 0.3, 0.4, 0.5] == curve["lrs"]
    assert {"accuracy": [0.5, None]} == curve["history"]


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv"), ("", "text/csv, */*;q=0.1")])
def test_non_finite_losses_are_nan_and_inf_in_csv(
    shared_client: TestClient, job_id: str, query: str, accept: str
) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve{query}", headers={"accept": accept})
    assert "text/csv; charset=utf-8" == response.headers["content-type"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert ["2.5", "1.0", "inf", "-inf", "nan"] == [row["loss"] for row in rows]
    assert ["0", "1", "2", "3", "4"] == [row["step"] for row in rows]


def test_the_query_wins_over_the_accept_header(shared_client: TestClient, job_id: str) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve?format=json", headers={"accept": "text/csv"})
    assert "application/json" == response.headers["content-type"]


def test_csv_carries_every_digit(shared_client: TestClient, job_id: str) -> None:
    curve = shared_client.get(f"/v1/jobs/{job_id}/trials/0/curve").json()
    text = shared_client.get(f"/v1/jobs/{job_id}/trials/0/curve?format=csv").text
    assert curve["losses"] == [float(row["loss"]) for row in csv.DictReader(io.StringIO(text))]


def test_parquet_carries_the_curve(shared_client: TestClient, job_id: str) -> None:
    import pyarrow.parquet

    response = shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve?format=parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(response.content)).to_pydict()
    np.testing.assert_array_equal(LOSSES, table["loss"])
    assert "application/vnd.apache.parquet" == response.headers["content-type"]


def test_the_table_of_trials_is_csv_too_with_settings_as_json(shared_client: TestClient, job_id: str) -> None:
    text = shared_client.get(f"/v1/jobs/{job_id}/trials?format=csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert ["0", "1", "2"] == [row["number"] for row in rows]
    assert "nan" == rows[1]["metrics/test_loss"]
    assert '{"lr": 0.5, "note": "=cmd()"}' == rows[1]["setting"]


def test_the_table_of_trials_is_parquet_too(shared_client: TestClient, job_id: str) -> None:
    import pyarrow.parquet

    response = shared_client.get(f"/v1/jobs/{job_id}/trials?format=parquet")
    assert [0, 1, 2] == pyarrow.parquet.read_table(io.BytesIO(response.content)).to_pydict()["number"]


def test_the_momentum_of_every_update_stands_beside_its_rate_where_a_schedule_moves_it(
    shared_client: TestClient, job_id: str
) -> None:
    import pyarrow.parquet

    curves = [shared_client.get(f"/v1/jobs/{job_id}/trials/{number}/curve").json() for number in (1, 2)]
    assert [None, [0.95, 0.9]] == [curve["momenta"] for curve in curves]
    text = shared_client.get(f"/v1/jobs/{job_id}/trials/2/curve?format=csv").text
    assert ["step,lr,momentum,loss", "0,0.1,0.95,1.0", "1,0.2,0.9,0.5"] == text.split()
    table = shared_client.get(f"/v1/jobs/{job_id}/trials/2/curve?format=parquet").content
    assert [0.95, 0.9] == pyarrow.parquet.read_table(io.BytesIO(table)).to_pydict()["momentum"]
    assert "momentum" not in shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve?format=csv").text


def test_an_unknown_format_is_refused(shared_client: TestClient, job_id: str) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/trials/1/curve?format=xlsx")
    assert (422, "/format") == (response.status_code, response.json()["errors"][0]["pointer"])


def test_the_result_is_the_stored_one_with_null_for_what_is_not_finite(shared_client: TestClient, job_id: str) -> None:
    result = shared_client.get(f"/v1/jobs/{job_id}/result").json()
    assert {"range_test", "consensus"} == {result["kind"], result["suggestion"]["rule"]}
    assert [2.5, 1.0, None, None, None] == result["curves"][1]["losses"]


def test_an_unfinished_job_has_no_result_yet(shared_client: TestClient) -> None:
    job_id = service.submit(shared_client)
    response = shared_client.get(f"/v1/jobs/{job_id}/result")
    error = response.json()["errors"][0]
    assert (409, "not_finished", "queued", "1") == (
        response.status_code,
        response.json()["code"],
        error["value"],
        response.headers["retry-after"],
    )


def test_a_job_that_ended_without_a_result_says_so(shared_client: TestClient) -> None:
    job_id = service.submit(shared_client)
    shared_client.post(f"/v1/jobs/{job_id}/cancel")
    response = shared_client.get(f"/v1/jobs/{job_id}/result")
    assert (409, "no_result") == (response.status_code, response.json()["code"])
    (error,) = response.json()["errors"]
    assert "The job was cancelled and left no result." == error["message"]
    assert f"GET /v1/jobs/{job_id} says why" in error["action"]


def test_a_number_beyond_every_trial_is_refused_before_the_database_sees_it(
    shared_client: TestClient, job_id: str
) -> None:
    response = shared_client.get(f"/v1/jobs/{job_id}/trials/{10**30}")
    assert (422, "/number") == (response.status_code, response.json()["errors"][0]["pointer"])
