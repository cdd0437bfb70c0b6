"""Which rule held, over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from lrsearch.db import Database
from tests.unit.api import service


def test_without_a_range_test_there_are_no_rules(client: TestClient) -> None:
    answer = client.get("/v1/insights/rules").json()
    assert {"rules": [], "groups": [], "outcomes": 0, "held_regret": 0.05} == answer


def test_rules_are_listed_with_what_a_race_showed(client: TestClient, database: Database) -> None:
    job_id = service.submit(client, confirm={"steps": 72, "seeds": 2}, optimizer={"kind": "sgd"})
    service.succeed(database, job_id)
    answer = client.get("/v1/insights/rules").json()
    consensus = next(row for row in answer["rules"] if row["rule"] == "consensus")
    assert (None, None, 1, 1, 1, job_id) == (
        consensus["optimizer"],
        consensus["model"],
        consensus["answers"],
        consensus["judged"],
        consensus["tasks"],
        consensus["worst_job_id"],
    )
    assert 0 <= consensus["median"] == consensus["worst"] <= 1
    assert consensus["held_interval"] is None
    assert {("sgd", "digits_mlp")} == {(row["optimizer"], row["model"]) for row in answer["groups"]}
    filtered = client.get("/v1/insights/rules?optimizer=sgd&model=digits_mlp&data=digits&rule=consensus").json()
    assert [consensus] == filtered["rules"]
    assert [] == client.get("/v1/insights/rules?optimizer=adam").json()["rules"]


def test_a_filter_with_a_value_it_cannot_have_is_named(client: TestClient) -> None:
    for query, pointer in {"metric=test_loss": "/metric", "trained=both": "/trained", "rule=%00": "/rule"}.items():
        response = client.get(f"/v1/insights/rules?{query}")
        assert (422, pointer) == (response.status_code, response.json()["errors"][0]["pointer"])


def test_a_misspelt_filter_is_refused_with_the_one_it_may_be_meant_for(client: TestClient) -> None:
    (error,) = client.get("/v1/insights/rules?optimiser=adam").json()["errors"]
    assert ("/optimiser", "unknown_parameter") == (error["pointer"], error["rule"])
    assert "optimizer" in error["action"]
