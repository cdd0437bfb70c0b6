"""The loss curve: ramps, the divergence watch, smoothing, bands."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrsearch.curves import (
    Curve,
    DivergenceRule,
    DivergenceWatch,
    band,
    ramp_rates,
    smooth,
    smoothing,
)

LRS = ramp_rates(1e-7, 10.0, 100)
LOSSES = st.lists(st.floats(-1e3, 1e3), max_size=60)


def sigmoid(x, centre=-2.0, steepness=4.0):
    return 2.3 - 2.0 / (1.0 + np.exp(-steepness * (x - centre)))


RULE = DivergenceRule()


def stop_of(losses, rule=RULE):
    return DivergenceWatch(rule).feed(losses)


@pytest.mark.parametrize("ramp", ["exponential", "linear"])
def test_a_ramp_reaches_both_of_its_ends(ramp):
    rates = ramp_rates(1e-7, 10.0, 100, ramp)
    assert (1e-7, 10.0) == (rates[0], rates[-1])


def test_a_linear_ramp_has_equal_differences_and_an_exponential_one_equal_ratios():
    assert [1.0, 2.0, 3.0] == ramp_rates(1.0, 3.0, 3, "linear").tolist()
    assert [1.0, 3.0, 9.0] == ramp_rates(1.0, 9.0, 3).round(12).tolist()


def test_a_curve_of_unequal_lengths_is_refused_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        Curve([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("level", [0.1, -7.3, 0.0, 1e300])
def test_a_constant_loss_never_stops_the_test(level):
    assert stop_of([level] * 1000) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", [0, 3, 10, 57])
def test_a_loss_that_is_not_finite_stops_at_once_and_the_step_is_told(bad, step):
    assert (step, "non_finite") == stop_of([1.0] * step + [bad, 1.0, 1.0])


def test_nothing_but_a_non_finite_loss_stops_before_step_ten():
    assert (10, "diverged") == stop_of([1.0] + [1e6] * 20)


def test_divergence_is_a_rise_of_four_falls_above_the_best():
    rule = DivergenceRule(beta=0.0)
    falling = [1.0] * 10 + [0.5, 0.5]
    assert stop_of([*falling, 2.49], rule) is None
    assert (12, "diverged") == stop_of([*falling, 2.51], rule)


def test_divergence_works_below_zero():
    rule = DivergenceRule(beta=0.0)
    falling = [-999.0] * 10 + [-999.5, -999.5]
    assert stop_of([*falling, -997.51], rule) is None
    assert (12, "diverged") == stop_of([*falling, -997.49], rule)


def test_a_second_run_counts_its_steps_from_zero():
    diverging = [1.0] * 20 + [1e9]
    assert stop_of(diverging) == stop_of(diverging) == (20, "diverged")


@given(LOSSES, st.lists(st.integers(0, 60), max_size=6))
def test_the_stop_does_not_depend_on_how_the_losses_are_cut(losses, cuts):
    watch, answers = DivergenceWatch(DivergenceRule()), []
    edges = [0, *sorted(min(cut, len(losses)) for cut in cuts), len(losses)]
    for start, end in itertools.pairwise(edges):
        answers.append(watch.feed(losses[start:end]))
    assert stop_of(losses) == answers[-1]


@given(LOSSES, st.integers(0, 60))
def test_a_watch_restored_from_json_goes_on_exactly(losses, cut):
    whole, watch = DivergenceWatch(DivergenceRule()), DivergenceWatch(DivergenceRule())
    watch.feed(losses[:cut])
    restored = DivergenceWatch.from_state(DivergenceRule(), json.loads(json.dumps(watch.state())))
    assert (whole.feed(losses), whole.state()) == (restored.feed(losses[cut:]), restored.state())


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40))
def test_a_watch_takes_any_losses(losses):
    stop_of(losses)


def test_pure_noise_stops_at_most_two_tests_of_two_thousand():
    rng = np.random.default_rng(1)
    assert 2 >= sum(stop_of(rng.standard_normal(100)) is not None for _ in range(2000))


@pytest.mark.parametrize("ramp", ["exponential", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100, 3000])
def test_flat_stays_flat_the_ends_included(ramp, steps):
    curve = Curve(ramp_rates(1e-7, 10.0, steps, ramp), np.full(steps, 2.3))
    assert [2.3] * steps == pytest.approx(smooth(curve).tolist(), rel=1e-12)


def test_a_straight_line_in_log_lr_stays_one_the_ends_included():
    line = 5.0 - 0.3 * np.log10(LRS)
    assert line == pytest.approx(smooth(Curve(LRS, line)), rel=1e-9)


@pytest.mark.parametrize("centre", [-4.0, -2.0, 0.0])
def test_smoothing_shifts_nothing(centre):
    smoothed = smoothing(Curve(LRS, sigmoid(np.log10(LRS), centre)))
    assert abs(smoothed.x[np.argmin(smoothed.slope)] - centre) < 0.1


@pytest.mark.parametrize("hot", [20, 21, 50, 79])
def test_a_symmetric_dip_stays_at_its_index(hot):
    dip = 2.0 - np.exp(-0.5 * ((np.arange(100) - hot) / 5.0) ** 2)
    assert hot == int(np.argmin(smooth(Curve(LRS, dip))))


def test_one_spike_moves_nothing_far_away_and_leaves_little_where_it_is():
    spiked = sigmoid(np.log10(LRS))
    clean = smooth(Curve(LRS, spiked))
    spiked = spiked.copy()
    spiked[40] = 1e9
    assert clean == pytest.approx(smooth(Curve(LRS, spiked)), abs=0.02)


def test_a_divergence_does_not_leak_to_the_left():
    losses = sigmoid(np.log10(LRS))
    clean = smooth(Curve(LRS, losses))
    losses = losses.copy()
    losses[90:] = 1e12
    assert clean[:82] == pytest.approx(smooth(Curve(LRS, losses))[:82], abs=0.02)


@settings(max_examples=25)
@given(st.integers(2, 3), st.floats(-5.0, 0.0), st.floats(1.0, 8.0))
def test_a_denser_ramp_is_smoothed_to_the_same_curve(times, centre, steepness):
    dense = ramp_rates(1e-7, 10.0, 100 * times)
    sparse, finer = (smooth(Curve(lrs, sigmoid(np.log10(lrs), centre, steepness))) for lrs in (LRS, dense))
    assert sparse == pytest.approx(np.interp(np.log(LRS), np.log(dense), finer), abs=0.02)


def test_the_smoothed_curve_ends_where_the_loss_is_not_finite():
    losses = np.full(100, 1.0)
    losses[60] = np.nan
    assert (60, 40) == (
        int(np.isfinite(smooth(Curve(LRS, losses))).sum()),
        int(np.isnan(smooth(Curve(LRS, losses))[60:]).sum()),
    )


def test_an_empty_curve_is_smoothed_to_an_empty_one():
    assert smooth(Curve([], [])).tolist() == []


def test_a_band_follows_the_longest_repeat_and_counts_only_those_that_got_there():
    curves = [Curve(LRS[:n], np.full(n, level)) for n, level in ((100, 1.0), (60, 2.0), (80, 4.0))]
    middle = band(curves)
    assert LRS.tolist() == middle.lrs.tolist()
    assert [2.0, 2.5, 1.0] == middle.median[[0, 70, 99]].round(9).tolist()
    assert ([1.0, 1.0, 1.0], [4.0, 4.0, 1.0]) == (
        middle.low[[0, 70, 99]].round(9).tolist(),
        middle.high[[0, 70, 99]].round(9).tolist(),
    )


def test_a_band_of_other_ramps_is_interpolated_where_they_overlap():
    other = ramp_rates(1e-4, 1e-2, 30)
    middle = band([Curve(LRS, np.full(100, 1.0)), Curve(other, np.full(30, 3.0))])
    inside = (LRS >= 1e-4) & (LRS <= 1e-2)
    assert np.where(inside, 2.0, 1.0) == pytest.approx(middle.median)


def test_a_band_leaves_out_rates_that_no_repeat_has_a_loss_for():
    middle = band([Curve(LRS, np.where(np.arange(100) < 50, 1.0, np.nan))])
    assert (50, True) == (len(middle.lrs), bool(np.isfinite(middle.median).all()))


def test_a_band_without_any_loss_is_empty_and_one_without_curves_is_refused():
    assert len(band([Curve([1.0], [math.nan])]).lrs) == 0
    with pytest.raises(ValueError, match="at least one curve"):
        band([])
