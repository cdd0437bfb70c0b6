"""What every schedule of the registry keeps: its name, its golden values, its document, its shape, its speed."""

from __future__ import annotations

import doctest
import importlib
import json
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch import schedules
from lrsearch.schedules import SCHEDULES, AnySchedule, Schedule

ADAPTER: TypeAdapter[Schedule] = TypeAdapter(AnySchedule)
FOLDER = Path(schedules.__file__).parent
GOLDEN = Path(__file__).parents[1] / "unit" / "schedules" / "golden"
DECAYING = {
    "constant", "linear", "polynomial", "exponential", "step_decay", "piecewise", "inverse_time", "time_based", "cosine",
    "flat_cosine", "rex",
}  # fmt: skip
"""Kinds that never rise."""


def kind_of(member: type[Schedule]) -> str:
    return member.model_fields["kind"].default


def golden(member: type[Schedule]) -> list[dict[str, Any]]:
    return json.loads((GOLDEN / f"{kind_of(member)}.json").read_text())["cases"]


def samples(member: type[Schedule]) -> list[Schedule]:
    return [ADAPTER.validate_python(case["schedule"]) for case in golden(member)]


every_schedule = pytest.mark.parametrize("member", SCHEDULES, ids=kind_of)


def test_every_file_of_the_folder_is_registered_under_its_name() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "base"}
    assert files == {kind_of(member) for member in SCHEDULES}
    assert [f"lrsearch.schedules.{kind_of(member)}" for member in SCHEDULES] == [s.__module__ for s in SCHEDULES]


def test_the_registry_is_the_union() -> None:
    assert get_args(get_args(AnySchedule)[0]) == SCHEDULES
    assert {member.__name__ for member in SCHEDULES} <= set(schedules.__all__)


@every_schedule
def test_it_says_its_formula_its_source_and_an_example(member: type[Schedule]) -> None:
    doc = member.__doc__ or ""
    assert member.cites
    assert all(member.cites)
    assert "rate(t) =" in doc or "corners" in doc
    assert ">>> " in doc
    assert [] == [name for name, field in member.model_fields.items() if name != "kind" and not field.description]


@every_schedule
def test_it_has_its_golden_values(member: type[Schedule]) -> None:
    assert golden(member)
    for case in golden(member):
        steps, rates = np.array(case["points"]).T
        np.testing.assert_allclose(ADAPTER.validate_python(case["schedule"])(steps), rates, rtol=1e-9, atol=1e-15)


@every_schedule
def test_its_example_runs(member: type[Schedule]) -> None:
    result = doctest.testmod(importlib.import_module(member.__module__))
    assert result.failed == 0
    assert result.attempted > 0


@every_schedule
def test_its_document_survives_json(member: type[Schedule]) -> None:
    for schedule in samples(member):
        assert schedule == ADAPTER.validate_json(json.dumps(schedule.model_dump(mode="json")))


@every_schedule
def test_resolving_a_resolved_one_changes_nothing(member: type[Schedule]) -> None:
    for schedule in samples(member):
        once = schedule.resolve(steps_per_epoch=10, total_steps=100)
        assert once == once.resolve(steps_per_epoch=7, total_steps=50)
        assert not once.is_in_epochs


@every_schedule
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_it_answers_float64_in_the_shape_of_the_steps(member: type[Schedule], shape: tuple[int, ...]) -> None:
    for dtype in (np.int64, np.float32, np.float64):
        rates = samples(member)[0](np.ones(shape, dtype))
        assert (shape, np.dtype(np.float64)) == (rates.shape, rates.dtype)


@every_schedule
def test_one_step_has_the_same_rate_alone_and_in_an_array(member: type[Schedule]) -> None:
    steps = np.arange(130)
    for schedule in samples(member):
        alone = [float(schedule(int(step))) for step in steps]
        np.testing.assert_allclose(schedule(steps), alone, rtol=4.5e-16)  # NumPy's vector power rounds its own way


@every_schedule
def test_rates_are_finite_and_never_negative_nor_above_the_greatest_one_given(member: type[Schedule]) -> None:
    for schedule in samples(member):
        rates = schedule(np.arange(10_000))
        assert np.isfinite(rates).all()
        assert rates.min() >= 0
        given = [float(x) for x in _numbers(schedule.model_dump())]
        assert rates.max() <= max(given) * (1 + 1e-12)


def _numbers(document: Any, name: str = "") -> list[float]:
    """Every rate in the document."""
    if isinstance(document, dict):
        return [x for key, value in document.items() for x in _numbers(value, key)]
    if isinstance(document, list | tuple):
        return [x for value in document for x in _numbers(value, name)]
    return [document] if name in {"lr", "lrs"} or name.endswith("_lr") else []


@every_schedule
def test_a_decay_never_rises(member: type[Schedule]) -> None:
    if kind_of(member) not in DECAYING:
        pytest.skip("rises by design")
    for schedule in samples(member):
        if getattr(schedule, "start_lr", 1.0) > 0:
            rates = schedule(np.arange(2_000))
            assert (np.diff(rates) <= 1e-15).all()


@every_schedule
def test_before_the_start_it_stands_at_the_start_and_after_its_end_at_the_end(member: type[Schedule]) -> None:
    for schedule in samples(member):
        assert float(schedule(0)) == float(schedule(-5))
        if schedule.end_step is not None:
            end = schedule.end_step
            assert [float(schedule(end))] * 2 == schedule([end + 1, 10 * end + 1e9]).tolist()


@every_schedule
@pytest.mark.parametrize("step", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_is_refused(member: type[Schedule], step: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        samples(member)[0](step)


@every_schedule
def test_one_million_steps_take_less_than_200_milliseconds(member: type[Schedule]) -> None:
    steps, best = np.arange(1_000_000), np.inf
    for schedule in samples(member):
        for _ in range(5):
            begin = time.process_time()
            schedule(steps)
            best = min(best, time.process_time() - begin)
            if best < 0.2:
                break
        assert best < 0.2
        best = np.inf
