"""The code of a search's and a tuning's answer, pasted: Keras trains with it, at the rates that were measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.training.toy_trainer import ToyTrainer
from tests.unit.experiments.test_search import BASE, CONDITIONAL
from tests.unit.experiments.test_tune import TUNE

pytestmark = pytest.mark.tensorflow
EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)


def ran(document: dict[str, Any]) -> tuple[dict[str, Any], list[TrialRecord]]:
    records: list[TrialRecord] = []
    experiment = EXPERIMENT.validate_python(document)
    assert [] == experiment.problems()
    return experiment.run(Context(ToyTrainer(), records.extend)), records


def pasted(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "the result's code", "exec"), names)
    return names


def rates(names: dict[str, Any], steps: int) -> np.ndarray:
    """What the optimizer of the code trains with at each update."""
    import keras

    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=names["optimizer"], loss="mse")
    model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0)
    schedule = names.get("schedule")
    constant = float(keras.ops.convert_to_numpy(names["optimizer"].learning_rate))
    return np.array([constant if schedule is None else float(schedule(step)) for step in range(steps)])


@pytest.mark.parametrize("schedule", [None, {"kind": "cosine"}, {"kind": "one_cycle"}], ids=str)
def test_the_code_of_a_searchs_best_setting_trains_at_the_rates_of_its_trials(schedule: dict[str, Any] | None) -> None:
    document = BASE | {"space": CONDITIONAL | {"/schedule": {"choices": [schedule]}}}
    del document["batch_size"]
    result, records = ran(document)
    best = result["best"]
    (measured,) = [record.arrays["lrs"] for record in records if record.number == best["trials"][0]]
    np.testing.assert_allclose(rates(pasted(best["code"]), len(measured)), measured, rtol=1e-5)
    assert best["code"] == result["code"]


def test_the_code_of_a_tuning_trains_at_the_rates_that_were_confirmed() -> None:
    result, records = ran(TUNE)
    name = (result["recommendation"] or {"setting": result["leaderboard"][-1]["setting"]})["setting"]
    confirmed = [record for record in records if record.setting.get("setting") == name]
    assert confirmed
    measured = confirmed[0].arrays["lrs"]
    np.testing.assert_allclose(rates(pasted(result["code"]), len(measured)), measured, rtol=1e-5)
