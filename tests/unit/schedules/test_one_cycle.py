"""The momentum of one_cycle, and its corners."""

from __future__ import annotations

import numpy as np
import pytest

from lrsearch.schedules import OneCycle


def test_momentum_mirrors_the_rate() -> None:
    schedule = OneCycle(max_lr=1.0, total_steps=100)
    expected = [0.95, 0.9, 0.85, 0.9, 0.95, 0.95]
    np.testing.assert_allclose(schedule.momenta([0, 14.5, 29, 64, 99, 200]), expected, rtol=1e-12)


def test_with_three_phases_momentum_stays_high_in_the_last() -> None:
    schedule = OneCycle(max_lr=1.0, total_steps=100, phases=3, shape="linear")
    np.testing.assert_allclose(schedule.momenta([0, 29, 43.5, 58, 80, 99]), [0.95, 0.85, 0.9, 0.95, 0.95, 0.95])


@pytest.mark.parametrize("phases", [2, 3])
@pytest.mark.parametrize("total_steps", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("pct_start", [0.0, 0.3, 0.5])
def test_it_ends_at_the_last_update_whatever_its_length(phases: int, total_steps: int, pct_start: float) -> None:
    schedule = OneCycle(max_lr=1.0, total_steps=total_steps, pct_start=pct_start, phases=phases)  # pyright: ignore[reportArgumentType]
    rates = schedule(np.arange(total_steps))
    assert rates.max() <= 1.0
    if total_steps > 2:
        assert rates[-1] == pytest.approx(4e-6)


def test_a_rise_over_the_whole_cycle_ends_at_the_peak() -> None:
    schedule = OneCycle(max_lr=1.0, total_steps=10, pct_start=1.0)
    assert float(schedule(8)) < 1.0


def test_momenta_of_a_schedule_that_was_not_resolved_are_refused() -> None:
    with pytest.raises(ValueError, match="total_steps was left out"):
        OneCycle(max_lr=1.0).momenta(0)


def test_a_momentum_has_the_shape_of_the_steps() -> None:
    assert OneCycle(max_lr=1.0, total_steps=10).momenta(np.ones((2, 3))).shape == (2, 3)
    assert OneCycle(max_lr=1.0, total_steps=10).momenta(3).shape == ()
