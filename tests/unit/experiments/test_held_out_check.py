"""Range tests that see most samples: a fall that does not hold on samples held out is no suggestion."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lrsearch.experiments import RangeTest
from lrsearch.experiments.base import Context
from lrsearch.experiments.held_out_check import LEAST_GAIN, POINTS, judge
from lrsearch.suggestions.base import Suggestion, Verdict
from lrsearch.training.toy_trainer import ToyTrainer
from tests.unit.experiments.documents import RANGE_TEST

DOCUMENT = RANGE_TEST
CHANCE = float(np.log(10))
FALL = np.array([2.4, 2.35, 1.0, 3.0])
NOISE = np.array([2.4, 2.31, 2.30, 3.0])
RATE = Suggestion(0.1, 0.05, 0.2, Verdict.SUGGESTION, "It falls.")


class Memory(ToyTrainer):
    """Learns nothing that holds: the held-out loss stays what it was."""

    def train(self, plans, *arguments, **named):
        """Train, and measure the same loss every time."""
        return [replace(run, validations=_flat(run.validations)) for run in super().train(plans, *arguments, **named)]


def _flat(validations):
    return {name: np.full_like(values, values[0]) for name, values in validations.items()}


def run(trainer=None, **changes) -> dict[str, Any]:
    return RangeTest.model_validate(DOCUMENT | changes).run(Context(trainer or ToyTrainer(), lambda records: None))


def test_some_repeat_must_gain_on_what_an_answer_that_looks_at_no_sample_loses():
    assert judge([FALL, FALL, NOISE], 30, CHANCE).holds
    assert judge([FALL, NOISE, NOISE], 30, CHANCE).holds
    assert not judge([NOISE, NOISE, NOISE], 30, CHANCE).holds


def test_unlearning_a_confident_start_is_no_gain_where_the_loss_of_knowing_nothing_is_known():
    unlearned = np.array([5.0, 3.0, CHANCE])
    assert not judge([unlearned], 30, CHANCE).holds
    assert judge([unlearned], 30, np.inf).holds


def test_a_gain_within_the_least_one_is_none():
    start = 2.0
    assert not judge([np.array([start, start * (1.0 - 0.9 * LEAST_GAIN)])], 30, np.inf).holds
    assert judge([np.array([start, start * (1.0 - 1.1 * LEAST_GAIN)])], 30, np.inf).holds


@pytest.mark.parametrize("curves", [[], [np.empty(0)], [np.full(5, np.nan)], [np.array([np.inf, np.nan])]])
def test_without_a_finite_loss_nothing_holds(curves):
    found = judge(curves, 30, CHANCE)
    assert (False, Verdict.UNCONFIRMED) == (found.holds, found.apply(RATE).verdict)


def test_a_few_samples_tell_nothing_whatever_they_say():
    found = judge([FALL], 3, CHANCE)
    assert (False, True) == (found.holds, "3, too few" in found.why)


def test_an_answer_without_a_rate_keeps_its_own_reason():
    flat = Suggestion(None, None, None, Verdict.FLAT, "It does not fall.")
    assert flat == judge([NOISE], 30, CHANCE).apply(flat)
    assert RATE == judge([FALL], 30, CHANCE).apply(RATE)


def test_ramps_that_see_most_samples_hold_some_out_and_measure_them_a_few_times():
    plan = RangeTest.model_validate(DOCUMENT).plan(0)
    assert (0.2, 200 // POINTS) == (plan.validation.share, plan.validation.every_steps)
    result = run()
    assert (288, True, "suggestion") == (result["check"]["samples"], result["check"]["holds"], result["verdict"])
    assert 3 == len(result["check"]["best"])


def test_a_fall_that_does_not_hold_gives_no_rate_by_any_rule():
    result = run(Memory())
    assert ("unconfirmed", None, None) == (result["verdict"], result["suggestion"]["lr"], result["code"])
    assert "held-out samples" in result["suggestion"]["why"]
    assert {None} == {row["lr"] for row in result["rules"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 20},
        {"check": False},
        {"metric": "val_loss"},
        {"metric": "accuracy"},
        {"batch_size": 1437},
        {"confirm": {"steps": 20, "candidates": 3, "seeds": 1}},
    ],
)
def test_nothing_is_checked_where_a_ramp_sees_little_or_samples_are_held_out_elsewhere_or_nobody_asked(changes):
    result = run(**changes)
    assert result["check"] is None
