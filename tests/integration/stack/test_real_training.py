"""The stack with the settings of the compose file as they stand: Keras trains a network on real data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack.plain import ROOT, PlainStack
from tests.servers.postgres import PostgresServer

pytestmark = [pytest.mark.service, pytest.mark.tensorflow]


def test_a_network_is_trained_on_real_data_from_post_to_bounds(own_postgres: PostgresServer, tmp_path: Path) -> None:
    race = {"steps": 72, "candidates": 9, "seeds": 1}
    example = json.loads((ROOT / "examples" / "range_test_digits.json").read_text())
    document = example | {"repeats": 1, "confirm": race}
    with PlainStack(tmp_path, own_postgres) as stack:
        stack.up(workers=1)
        job = stack.wait_for(stack.submit(document), seconds=120)
        assert "succeeded" == job["status"], job
        result = stack.get(f"/v1/jobs/{job['job_id']}/result").json()
        assert "suggestion" == result["verdict"]
        assert 1e-5 < result["suggestion"]["lr"] < 1.0
        assert "toy" != result["engine"]
        (held,) = stack.get("/v1/insights/rules?rule=consensus&model=digits_mlp").json()["groups"]
        assert (1, 1, 0) == (held["answers"], held["judged"], held["without_evidence"])
        assert 0 <= held["worst"] < 0.3
        assert b"\x89PNG" == stack.get(f"/v1/jobs/{job['job_id']}/plots/loss_over_lr.png").content[:4]
        assert 'lrsearch_training_seconds_total{phase="train"}' in stack.get("/metrics").text
        bounds_for_every_group_of_layers(stack, example | {"repeats": 1, "confirm": False})


def bounds_for_every_group_of_layers(stack: PlainStack, document: dict[str, Any]) -> None:
    groups = [{"name": "body", "depth": [0, -2], "multiplier": 0.3}, {"name": "head", "depth": [-1, -1]}]
    with_groups = document | {"layer_groups": {"groups": groups}, "per_group": True}
    job = stack.wait_for(stack.submit(with_groups), seconds=120)
    assert "succeeded" == job["status"], job
    result = stack.get(f"/v1/jobs/{job['job_id']}/result").json()
    assert ["body", "head"] == [group["name"] for group in result["groups"]]
    assert all(1e-5 < group["suggestion"]["lr"] for group in result["groups"])
    assert b"\x89PNG" == stack.get(f"/v1/jobs/{job['job_id']}/plots/loss_over_lr_by_group.png").content[:4]
