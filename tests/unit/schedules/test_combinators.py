"""`warmup` and `sequential`: clocks, lengths, nesting."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from lrsearch.errors import InvalidDocument
from lrsearch.schedules import AnySchedule, Constant, Cosine, Epochs, Linear, Sequential, WarmRestarts, Warmup

COSINE = Cosine(max_lr=1.0, total_steps=100)


def test_the_total_length_includes_the_warm_up() -> None:
    schedule = Warmup(schedule=COSINE, warmup_steps=20)
    assert schedule([20, 100, 120]).tolist() == [1.0, 0.0, 0.0]
    assert schedule.end_step == 100


def test_a_length_left_out_inside_a_warm_up_ends_with_the_run() -> None:
    schedule = Warmup(schedule=Cosine(max_lr=1.0), warmup_steps=Epochs(epochs=2)).resolve(
        steps_per_epoch=10, total_steps=100
    )
    assert schedule([20, 60, 100]).round(12).tolist() == [1.0, 0.5, 0.0]


def test_a_schedule_without_a_length_starts_after_the_warm_up() -> None:
    schedule = Warmup(schedule=WarmRestarts(max_lr=1.0, cycle_steps=10), warmup_steps=5)
    assert schedule([5, 15, 25]).tolist() == [1.0, 1.0, 1.0]
    assert schedule.end_step is None


def test_a_warm_up_of_a_warm_up_is_cut_out_of_the_same_length() -> None:
    schedule = Warmup(schedule=Warmup(schedule=COSINE, warmup_steps=10), warmup_steps=10)
    assert schedule([20, 100]).tolist() == [1.0, 0.0]


def test_a_warm_up_of_a_sequence_shortens_its_last_schedule() -> None:
    pieces = Sequential(schedules=(Constant(lr=1.0), Linear(start_lr=1.0)), boundaries=(50,))
    schedule = Warmup(schedule=pieces, warmup_steps=10).resolve(steps_per_epoch=10, total_steps=100)
    assert schedule([10, 60, 80, 100]).tolist() == [1.0, 1.0, 0.5, 0.0]


def test_a_warm_up_that_leaves_no_room_is_refused_when_the_length_becomes_known() -> None:
    with pytest.raises(InvalidDocument, match="warm-up") as caught:
        Warmup(schedule=Cosine(max_lr=1.0), warmup_steps=50).resolve(steps_per_epoch=1, total_steps=50)
    assert caught.value.problems[0].pointer == "/warmup_steps"


def test_each_schedule_of_a_sequence_runs_on_its_own_clock() -> None:
    schedule = Sequential(schedules=(COSINE, COSINE), boundaries=(30,))
    steps = np.arange(100)
    assert schedule(steps + 30).tolist() == COSINE(steps).tolist()


def test_a_length_left_out_in_a_sequence_is_its_pieces() -> None:
    pieces = (Linear(start_lr=1.0), Linear(start_lr=1.0))
    schedule = Sequential(schedules=pieces, boundaries=(Epochs(epochs=1),)).resolve(steps_per_epoch=40, total_steps=100)
    assert [piece.total_steps for piece in schedule.schedules] == [40, 60]
    assert schedule.end_step == 100


def test_a_piece_that_begins_after_the_run_is_refused_by_name() -> None:
    with pytest.raises(InvalidDocument, match="schedule 1 would run from step 50 to 50 of 50"):
        Sequential(schedules=(Constant(lr=1.0), Constant(lr=1.0)), boundaries=(50,)).resolve(
            steps_per_epoch=1, total_steps=50
        )


def test_a_problem_inside_points_from_the_outside() -> None:
    inner = Sequential(schedules=(Constant(lr=1.0), Constant(lr=1.0)), boundaries=(50,))
    with pytest.raises(InvalidDocument) as caught:
        Warmup(schedule=inner, warmup_steps=5).resolve(steps_per_epoch=1, total_steps=50)
    assert caught.value.problems[0].pointer == "/schedule/boundaries"


@pytest.mark.parametrize("depth", [9, 300, 20_000])
def test_nesting_without_end_is_a_validation_error(depth: int) -> None:
    document: dict[str, object] = {"kind": "constant", "lr": 0.1}
    for _ in range(depth):
        document = {"kind": "warmup", "warmup_steps": 1, "schedule": document}
    with pytest.raises(ValidationError):
        TypeAdapter(AnySchedule).validate_python(document)
