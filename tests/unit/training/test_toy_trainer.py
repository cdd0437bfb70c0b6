import time
from dataclasses import replace

import numpy as np
import pytest

from lrsearch.curves import DivergenceRule, ramp_rates
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan
from lrsearch.training.toy_trainer import ToyTrainer, stability_limit
from lrsearch.training.trainer import StopReason


def plan(rates, momentum=0.0, **changes):
    optimizer = SPECS["sgd"].model_validate({"momentum": momentum})
    whole = Plan(ModelSpec(name="digits_mlp"), DataSpec(name="digits"), optimizer, 32, np.asarray(rates), seed=0)
    return replace(whole, **changes)


def train(rates, momentum=0.0, **changes):
    return ToyTrainer().train([plan(rates, momentum, **changes)])[0]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_bowl_is_stable_just_below_its_limit_and_grows_just_above(momentum):
    limit = stability_limit(momentum)
    below, above = train(np.full(1_000, 0.97 * limit), momentum), train(np.full(1_000, 1.03 * limit), momentum)
    assert below.curve.losses[-20:].mean() < 100
    assert above.stop_reason == StopReason.NON_FINITE or above.curve.losses[-1] > 1e6


def test_a_range_test_descends_and_diverges_above_the_limit():
    run = train(ramp_rates(1e-7, 10.0, 100), divergence=DivergenceRule())
    assert StopReason.DIVERGED == run.stop_reason
    assert run.curve.losses.min() < run.curve.losses[0] / 5
    assert stability_limit() < run.curve.lrs[-1] < 10 * stability_limit()


def test_the_loss_is_noisy():
    assert train(np.full(100, 1e-12)).curve.losses.std() > 0.1


def test_a_thousand_updates_take_milliseconds():
    train(np.full(10, 0.1))
    began = time.process_time()
    train(np.full(1_000, 0.1))
    assert time.process_time() - began < 1.0


def test_an_update_takes_as_long_as_it_is_told_to():
    began = time.perf_counter()
    ToyTrainer(seconds_per_step=0.01).train([plan(np.full(10, 0.1))])
    assert time.perf_counter() - began >= 0.1


def test_data_without_a_row_is_trained_on_all_the_same():
    assert 5 == len(train(np.full(5, 0.1), data=DataSpec(name="no_such_data")).curve)
