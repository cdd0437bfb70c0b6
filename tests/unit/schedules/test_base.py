"""Lengths, resolving and the errors of schedules that were not resolved."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.schedules import (
    AnySchedule,
    Constant,
    Cosine,
    Epochs,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    Piecewise,
    Schedule,
    Sequential,
    StepDecay,
    TimeBased,
    Triangular,
    WarmRestarts,
    Warmup,
    WarmupStableDecay,
)
from lrsearch.schedules.base import round_up

THREE = Epochs(epochs=3)


def test_a_length_in_epochs_becomes_steps_rounded_up() -> None:
    schedule = Triangular(base_lr=0.0, max_lr=1.0, half_cycle_steps=Epochs(epochs=0.5))
    assert schedule.resolve(steps_per_epoch=5, total_steps=100).half_cycle_steps == 3


def test_a_product_that_is_whole_but_for_rounding_is_not_rounded_up() -> None:
    assert round_up(1.1 * 10) == 11
    assert round_up(11.001) == 12


def test_a_length_that_was_left_out_is_the_runs() -> None:
    assert Cosine(max_lr=0.1).resolve(steps_per_epoch=5, total_steps=77).total_steps == 77


def test_a_length_that_was_given_stays() -> None:
    assert Cosine(max_lr=0.1, total_steps=50).resolve(steps_per_epoch=5, total_steps=77).total_steps == 50


def test_boundaries_in_epochs_and_in_steps_may_be_mixed() -> None:
    schedule = Piecewise(boundaries=(4, THREE), lrs=(1.0, 0.5, 0.1))
    assert schedule.resolve(steps_per_epoch=2, total_steps=20).boundaries == (4, 6)


def test_boundaries_that_meet_once_they_are_steps_are_refused() -> None:
    with pytest.raises(InvalidDocument, match="boundaries must rise strictly; 6 comes after 6"):
        Piecewise(boundaries=(6, THREE), lrs=(1.0, 0.5, 0.1)).resolve(steps_per_epoch=2, total_steps=20)


def test_cycles_given_in_epochs_restart_at_epochs() -> None:
    schedule = WarmRestarts(max_lr=1.0, cycle_steps=THREE, cycle_mult=1.5).resolve(steps_per_epoch=7, total_steps=210)
    assert schedule.cycle_starts(210) == [0, 21, 56, 112, 196]


def test_a_first_cycle_that_is_not_a_whole_number_of_epochs_is_rounded_up() -> None:
    schedule = WarmRestarts(max_lr=1.0, cycle_steps=Epochs(epochs=2.5)).resolve(steps_per_epoch=4, total_steps=100)
    assert schedule.cycle_steps == 12


def test_cycles_given_in_steps_are_rounded_up_to_steps() -> None:
    schedule = WarmRestarts(max_lr=1.0, cycle_steps=10, cycle_mult=1.1)
    assert schedule.cycle_starts(60) == [0, 10, 21, 34, 49]


def test_very_many_cycles_restart_on_the_very_step() -> None:
    schedule = WarmRestarts(max_lr=1.0, cycle_steps=3, cycle_mult=3.0)
    starts = [(3**n - 1) * 3 // 2 for n in range(20)]  # where a floored quotient of logarithms is off by one
    assert schedule(starts).tolist() == [1.0] * 20
    assert (schedule([start - 1 for start in starts[1:]]) < 0.26).all()


def test_drops_given_in_epochs_fall_at_epochs_borders_one_epoch_early() -> None:
    schedule = StepDecay(lr=1.0, every_steps=THREE).resolve(steps_per_epoch=10, total_steps=100)
    assert schedule([19, 20, 49, 50]).tolist() == [1.0, 0.5, 0.5, 0.25]


def test_time_based_decays_at_epoch_borders_once_it_knows_the_epoch() -> None:
    schedule = TimeBased(lr=6.0, decay=1.0)
    assert schedule([0, 1, 2]).tolist() == [6.0, 3.0, 1.0]
    resolved = schedule.resolve(steps_per_epoch=10, total_steps=100)
    assert resolved([9, 10, 19, 20]).tolist() == [6.0, 3.0, 3.0, 1.0]


def test_time_based_stands_still_after_its_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrsearch.schedules.time_based.LAST_EPOCH", 2)
    assert TimeBased(lr=6.0, decay=1.0)([1, 2, 3, 1e15]).tolist() == [3.0, 1.0, 1.0, 1.0]


UNRESOLVED: tuple[tuple[Schedule, str], ...] = (
    (Linear(start_lr=1.0), "total_steps was left out"),
    (Linear(start_lr=1.0, total_steps=THREE), r"total_steps is still in epochs \(3\)"),
    (OneCycle(max_lr=1.0), "total_steps was left out"),
    (Exponential(lr=1.0, decay_rate=0.5, decay_steps=THREE), "decay_steps is still in epochs"),
    (StepDecay(lr=1.0, every_steps=THREE), "every_steps is still in epochs"),
    (Piecewise(boundaries=(THREE,), lrs=(1.0, 0.5)), "boundaries is still in epochs"),
    (InverseSqrt(lr=1.0, warmup_steps=THREE), "warmup_steps is still in epochs"),
    (WarmRestarts(max_lr=1.0, cycle_steps=THREE), "cycle_steps is still in epochs"),
    (Triangular(base_lr=0.0, max_lr=1.0, half_cycle_steps=THREE), "half_cycle_steps is still in epochs"),
    (WarmupStableDecay(max_lr=1.0, total_steps=9, warmup_steps=THREE), "warmup_steps is still in epochs"),
    (Warmup(schedule=Constant(lr=1.0), warmup_steps=THREE), "warmup_steps is still in epochs"),
    (Warmup(schedule=Cosine(max_lr=1.0), warmup_steps=3), "total_steps was left out"),
    (Sequential(schedules=(Constant(lr=1.0), Constant(lr=1.0)), boundaries=(THREE,)), "boundaries is still in epochs"),
)


@pytest.mark.parametrize(("schedule", "message"), UNRESOLVED, ids=lambda v: getattr(v, "kind", ""))
def test_a_schedule_that_was_not_resolved_says_so_and_what_to_do(schedule: Schedule, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{message}.*call \.resolve\("):
        schedule(0)


@pytest.mark.parametrize("schedule", [schedule for schedule, message in UNRESOLVED if "epochs" in message])
def test_a_schedule_in_epochs_says_that_it_is(schedule: Schedule) -> None:
    assert schedule.is_in_epochs


def test_combinators_pass_on_that_a_schedule_is_in_epochs() -> None:
    inner = Cosine(max_lr=1.0, total_steps=THREE)
    assert Warmup(schedule=inner, warmup_steps=1).is_in_epochs
    assert Sequential(schedules=(inner,), boundaries=()).is_in_epochs


@pytest.mark.parametrize(("steps_per_epoch", "total_steps"), [(0, 10), (10, 0)])
def test_a_run_of_no_steps_is_refused(steps_per_epoch: int, total_steps: int) -> None:
    with pytest.raises(ValueError, match="must be >= 1, not"):
        Constant(lr=0.1).resolve(steps_per_epoch=steps_per_epoch, total_steps=total_steps)


def test_lengths_that_do_not_fit_once_they_are_known_name_the_field() -> None:
    schedule = WarmupStableDecay(max_lr=1.0, warmup_steps=THREE)
    with pytest.raises(InvalidDocument) as caught:
        schedule.resolve(steps_per_epoch=10, total_steps=20)
    assert caught.value.problems[0].pointer == "/warmup_steps"


def test_the_public_entry_takes_a_document_and_an_array() -> None:
    schedule = TypeAdapter(AnySchedule).validate_python({"kind": "cosine", "max_lr": 0.1, "total_steps": 100})
    assert schedule(range(100)).shape == (100,)
