"""The advice holds: training at the suggested rate comes within 10 % of the best rate of a half-decade grid."""

import json
from pathlib import Path

import numpy as np
import pytest

from lrsearch.experiments import RangeTest
from lrsearch.experiments.base import Context
from lrsearch.training import catalog
from lrsearch.training.plan import Plan

pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(600)]

ALLOWED = 1.10
"""Loss at the suggested rate over the best loss of the grid, at most."""


@pytest.mark.parametrize(
    ("example", "updates", "seeds", "exponents"),
    [("digits", 225, 2, range(-10, 1)), ("fashion_mnist", 60, 1, range(-7, -1))],
)
def test_the_final_loss_at_the_suggested_rate_is_within_a_tenth_of_the_best(
    example: str, updates: int, seeds: int, exponents: range
):
    experiment = RangeTest.model_validate(json.loads(Path(f"examples/range_test_{example}.json").read_text()))
    for problem in catalog.check(experiment.model, experiment.data):
        pytest.skip(f"{problem.message} {problem.action}")
    from lrsearch.training.keras import default_trainer  # here, since it loads TensorFlow

    trainer = default_trainer()
    answer = experiment.run(Context(trainer, lambda records: None))["suggestion"]
    assert 1 < answer["max_lr"] / answer["min_lr"] <= 100
    rates = [answer["lr"], *(10 ** (exponent / 2) for exponent in exponents)]

    def plan(rate: float, seed: int) -> Plan:
        return Plan(
            experiment.model,
            experiment.data,
            experiment.optimizer,
            experiment.batch_size,
            np.full(updates, rate),
            seed=100 + seed,
            test=True,
        )

    runs = trainer.train([plan(rate, seed) for rate in rates for seed in range(seeds)])
    losses = np.reshape([run.final.get("test_loss", np.inf) for run in runs], (len(rates), seeds)).mean(axis=1)
    suggested, *grid = np.where(np.isfinite(losses), losses, np.inf)
    assert suggested <= ALLOWED * min(grid), dict(zip(rates, losses, strict=True))
