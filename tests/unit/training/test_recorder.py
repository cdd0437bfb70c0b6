from dataclasses import replace

import numpy as np
import pytest

from lrsearch.curves import DivergenceRule
from lrsearch.training.data_order import DataOrder
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.recorder import Recorder
from lrsearch.training.trainer import Continue, Probe, Stop, StopReason

ORDER = DataOrder(samples=10, batch_size=4, seed=0)
PLAN = Plan(ModelSpec(name="digits_mlp"), DataSpec(name="digits"), SPECS["sgd"](), 4, np.full(8, 0.1), 0)
LOSSES = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.25, 0.125])


class Counter:
    """A training whose only state is a number."""

    def __init__(self, fails_at=None):
        self.state, self.fails_at = 0.0, fails_at

    def snapshot(self):
        return {"state": np.array(self.state)}

    def restore(self, arrays):
        self.state = float(arrays["state"])

    def update(self, step, rate):
        if step == self.fails_at:
            raise ArithmeticError
        self.state += 1.0
        return 1.0

    def validate(self):
        return {"val_loss": 7.0}


class Slow(Counter):
    """A training whose validations take so long that they pause."""

    pause = staticmethod(lambda: True)

    def validate(self):
        return super().validate() if self.pause() else {}


def slow_recorder(plan, observer):
    live = Slow()
    record = recorder(plan, observer, live, chunk_seconds=0.0)
    live.pause = record.breathe
    return record


def recorder(plan=PLAN, observer=lambda index, segment: Continue(), live=None, chunk_seconds=60.0):
    live = live or Counter()
    return Recorder(plan, 0, ORDER, live, observer, facts={"engine": "test"}, chunk_seconds=chunk_seconds)


def feed(record, cuts):
    for first, last in zip([0, *cuts], [*cuts, len(LOSSES)], strict=True):
        if record.is_running:
            record.add(LOSSES[first:last], {"accuracy": LOSSES[first:last] / 10})
    return record.run(final={}, engine_facts={}, seconds={})


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5, 6, 7], [3, 6], [2, 3, 5, 6]])
def test_the_run_does_not_depend_on_how_updates_are_handed_over(cuts):
    run = feed(recorder(replace(PLAN, validation=Validation(0.2))), cuts)
    assert LOSSES.tolist() == run.curve.losses.tolist()
    # Batches of 4, 4 and 2 samples.
    assert [4.2, 1.3] == pytest.approx(run.history["loss"].tolist())
    assert [0.42, 0.13] == pytest.approx(run.history["accuracy"].tolist())
    assert [7.0, 7.0] == run.history["val_loss"].tolist()


def test_the_longest_chunk_ends_with_the_epoch_or_the_run():
    record = recorder()
    lengths = []
    while record.is_running:
        lengths.append(record.steps_to_epoch_end)
        record.add(np.ones(lengths[-1]), {})
    assert [3, 3, 2] == lengths


def held_out(first, last):
    """What the held-out data measured after each of some updates."""
    return {"val_loss": np.arange(first, last) / 7.0}


def handed_over(plan, cuts, losses=LOSSES):
    """The run of updates handed over up to each cut, with what the held-out data measured; and the segments told."""
    seen = []
    record = recorder(plan, lambda index, segment: seen.append(segment) or Continue(), chunk_seconds=0.0)
    for first, last in zip([0, *cuts], [*cuts, len(losses)], strict=True):
        if record.is_running:
            record.add(losses[first:last], {"accuracy": LOSSES[first:last] / 10}, held_out(first, last))
    return record.run(final={}, engine_facts={}, seconds={}), seen


@pytest.mark.parametrize("cuts", [[], [1], [7], [2, 5], [3, 6]])
@pytest.mark.parametrize("every_steps", [None, 1, 2, 3])
@pytest.mark.parametrize("highest", [np.inf, 3.0])
def test_updates_of_several_epochs_at_once_give_the_run_that_they_give_one_by_one(cuts, every_steps, highest):
    losses = np.where(LOSSES > highest, np.nan, LOSSES)
    plan = replace(PLAN, metrics=("accuracy",), validation=Validation(0.2, every_steps=every_steps))
    expected, _ = handed_over(plan, range(1, len(losses)), losses)
    run, seen = handed_over(plan, cuts, losses)
    assert expected.stop_reason == run.stop_reason
    assert np.array_equal(expected.curve.losses, run.curve.losses, equal_nan=True)
    for name in ("history", "batch_metrics", "validations"):
        np.testing.assert_equal(getattr(run, name), getattr(expected, name))
    assert len(run.curve) == sum(len(segment.losses) for segment in seen)


def test_of_several_epochs_at_once_the_observer_is_told_the_number_and_the_last_ones_metrics():
    run, (segment,) = handed_over(replace(PLAN, validation=Validation(0.2)), [])
    assert (0, len(LOSSES), 2) == (segment.first_step, len(segment.losses), segment.epoch)
    assert {name: values[-1] for name, values in run.history.items()} == segment.metrics


@pytest.mark.parametrize("divergence", [None, DivergenceRule()])
def test_a_stop_inside_a_chunk_cuts_the_chunk(divergence):
    seen = []
    record = recorder(replace(PLAN, divergence=divergence), lambda index, segment: seen.append(segment) or Continue())
    record.add(np.array([1.0, np.nan, 2.0]), {})
    run = record.run(final={}, engine_facts={}, seconds={})
    assert (StopReason.NON_FINITE, 1, 2) == (run.stop_reason, run.stopped_at, len(run.curve))
    assert [2] == [len(segment.losses) for segment in seen]
    assert {} == run.history


def test_a_chunk_ends_in_time_within_an_epoch():
    seen = []
    record = recorder(observer=lambda index, segment: seen.append(segment.epoch) or Continue(), chunk_seconds=0.0)
    for loss in LOSSES[:4]:
        record.add(np.array([loss]), {})
    assert [None, None, 1, None] == seen


def test_a_probe_that_raises_leaves_the_state_as_it_was():
    live = Counter(fails_at=5)
    probe = Probe(np.full(6, 0.1), lambda curve: np.full(5, 0.1))
    record = recorder(observer=lambda index, segment: probe, live=live)
    with pytest.raises(ArithmeticError):
        record.add(LOSSES[:3], {})
    assert 0.0 == live.state


def test_a_measurement_that_is_not_long_yet_tells_the_observer_nothing():
    seen = []
    record = recorder(observer=lambda index, segment: seen.append(segment) or Continue())
    record.add(LOSSES[:2], {})
    assert record.breathe()
    assert [] == seen


def test_a_long_measurement_tells_the_observer_what_is_new_and_goes_on():
    seen = []
    validated = replace(PLAN, validation=Validation(0.2))
    record = slow_recorder(validated, lambda index, segment: seen.append(segment) or Continue())
    record.add(LOSSES[:3], {})
    # once within the validation, without the epoch's metrics, and once at the epoch's end
    assert [(None, 3), (1, 0)] == [(segment.epoch, len(segment.losses)) for segment in seen]
    assert {"loss": 4.2, "val_loss": 7.0} == pytest.approx(seen[1].metrics)


@pytest.mark.parametrize("validation", [Validation(0.2), Validation(0.2, every_steps=3)])
def test_a_stop_within_a_measurement_ends_it_and_the_run(validation):
    record = slow_recorder(replace(PLAN, validation=validation), lambda index, segment: Stop(StopReason.CANCELLED))
    record.add(LOSSES[:3], {})
    run = record.run(final={}, engine_facts={}, seconds={})
    assert not record.breathe()
    assert (StopReason.CANCELLED, 2, 3) == (run.stop_reason, run.stopped_at, len(run.curve))
    assert ({}, {}) == (run.history, run.validations)
    assert not record.should_test


@pytest.mark.parametrize(
    "validation", [Validation(0.2), Validation(0.2, every_steps=3), Validation(0.2, every_steps=2)]
)
def test_a_run_resumed_from_within_a_measurement_equals_the_uninterrupted_one(validation):
    plan, kept = replace(PLAN, validation=validation), []
    whole = feed(
        slow_recorder(plan, lambda index, segment: kept.append(segment.checkpoint()) or Continue()), [2, 3, 4, 6]
    )
    assert len(kept) > 4
    for checkpoint in kept:
        record = slow_recorder(replace(plan, resume_from=checkpoint), lambda index, segment: Continue())
        record.settle()
        cuts = [cut for cut in (2, 3, 4, 6, 8) if cut > record.step]
        for cut in cuts:
            record.add(LOSSES[record.step : cut], {"accuracy": LOSSES[record.step : cut] / 10})
        resumed = record.run(final={}, engine_facts={}, seconds={})
        assert whole.curve.losses.tolist() == resumed.curve.losses.tolist()
        for series in ("history", "validations"):
            ours, theirs = getattr(whole, series), getattr(resumed, series)
            assert {n: v.tolist() for n, v in ours.items()} == {n: v.tolist() for n, v in theirs.items()}
