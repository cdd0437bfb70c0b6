"""Curves measured anywhere, read at once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lrsearch.curves import Curve
from lrsearch.suggestions import RULES, suggest

LRS = np.geomspace(1e-6, 10, 120)
LOSSES = 2.3 - 1.5 / (1 + (3e-3 / LRS) ** 2) + 5 * LRS**2
BODY: dict[str, Any] = {"lrs": LRS.tolist(), "losses": LOSSES.tolist()}


def analyse(client: TestClient, **body: Any) -> Any:
    return client.post("/v1/analyses", json=body)


def test_the_answer_is_that_of_suggest(client: TestClient) -> None:
    answer = analyse(client, curve=BODY, rule="valley", optimizer="adam").json()
    expected = suggest(Curve(LRS, LOSSES), rule="valley", optimizer="adam")
    assert (expected.verdict.value, expected.lr) == (answer["verdict"], answer["suggestion"]["lr"])


def test_every_rule_answers(client: TestClient) -> None:
    answer = analyse(client, curve=BODY).json()
    assert list(RULES) == [rule["rule"] for rule in answer["rules"]]
    assert "consensus" == answer["suggestion"]["rule"]


def test_the_plot_is_a_plotly_figure_with_the_suggestion_marked(client: TestClient) -> None:
    plot = analyse(client, curve=BODY).json()["plot"]
    assert "log" == plot["layout"]["xaxis"]["type"]
    assert any("suggestion" in note["text"] for note in plot["layout"]["annotations"])


def test_repeats_carry_an_interval(client: TestClient) -> None:
    other = BODY | {"losses": (LOSSES * 1.1).tolist()}
    answer = analyse(client, curves=[BODY, other]).json()
    low, high = answer["suggestion"]["interval"]
    assert low <= answer["suggestion"]["lr"] <= high


def test_null_losses_are_not_finite(client: TestClient) -> None:
    losses: list[float | None] = [*LOSSES.tolist()[:100], *[None] * 20]
    assert "suggestion" == analyse(client, curve=BODY | {"losses": losses}).json()["verdict"]


def test_a_flat_curve_has_no_rate(client: TestClient) -> None:
    answer = analyse(client, curve=BODY | {"losses": [2.3] * 120}).json()
    assert ("flat", None) == (answer["verdict"], answer["suggestion"]["lr"])
    assert answer["suggestion"]["why"]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "/curve", "one_of"),
    "both": ({"curve": BODY, "curves": [BODY]}, "/curve", "one_of"),
    "lengths": ({"curve": {"lrs": [0.1, 0.2], "losses": [1.0]}}, "/curve/losses", "same_length"),
    "empty": ({"curve": {"lrs": [], "losses": []}}, "/curve/lrs", "too_short"),
    "rate of zero": ({"curve": {"lrs": [0.0], "losses": [1.0]}}, "/curve/lrs/0", "greater_than"),
    "loss as text": ({"curve": {"lrs": [0.1], "losses": ["1"]}}, "/curve/losses/0", "float_type"),
    "unknown rule": ({"curve": BODY, "rule": "guess"}, "/rule", "literal_error"),
    "too many curves": ({"curves": [{"lrs": [1.0], "losses": [1.0]}] * 65}, "/curves", "too_long"),
    "too many points": ({"curve": {"lrs": [1.0] * 100_001, "losses": [1.0]}}, "/curve/lrs", "too_long"),
}


@pytest.mark.parametrize(("body", "pointer", "rule"), BAD.values(), ids=BAD)
def test_a_bad_curve_is_refused_at_its_field(client: TestClient, body: dict[str, Any], pointer: str, rule: str) -> None:
    response = client.post(
        "/v1/analyses", content=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    error = response.json()["errors"][0]
    assert (422, pointer, rule) == (response.status_code, error["pointer"], error["rule"])
    assert error["action"]


def test_an_analysis_may_be_larger_than_a_job_document_but_not_without_end(client: TestClient) -> None:
    large = {"lrs": np.geomspace(1e-7, 1, 40_000).tolist(), "losses": np.linspace(2.0, 1.0, 40_000).tolist()}
    assert len(json.dumps(large)) > 1_000_000
    assert 200 == analyse(client, curve=large).status_code
    response = client.post("/v1/analyses", content=b" " * 8_000_001, headers={"content-type": "application/json"})
    assert 413 == response.status_code
