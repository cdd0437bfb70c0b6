"""Each suggestion rule on curves whose answer is known by hand."""

import math

import numpy as np
import pytest

from lrsearch.curves import Curve, ramp_rates
from lrsearch.suggestions import suggest
from lrsearch.suggestions.base import Verdict
from lrsearch.suggestions.consensus import Consensus
from lrsearch.suggestions.divergence_over_k import DivergenceOverK
from lrsearch.suggestions.minimum_over_10 import MinimumOver10
from lrsearch.suggestions.valley import Valley
from lrsearch.suggestions.window import Window

LRS = ramp_rates(1e-7, 10.0, 100)
X = np.log10(LRS)


def sigmoid(x=X, centre=-2.0, steepness=4.0):
    return 2.3 - 2.0 / (1.0 + np.exp(-steepness * (x - centre)))


def slope_down(x=X):
    """2 up to 1e-4, straight down to 0 at 1e-1, up again with the same slope."""
    return np.interp(x, [-7.0, -4.0, -1.0, 1.0], [2.0, 2.0, 0.0, 4.0 / 3.0])


def log_lr(rule, losses, lrs=LRS):
    return math.log10(suggest(Curve(lrs, losses), rule).lr)


@pytest.mark.parametrize("centre", [-4.0, -3.03, -2.0, -0.77])
@pytest.mark.parametrize("rule", ["steepest", "valley"])
def test_the_centre_of_a_sigmoid_is_found_without_lag(rule, centre):
    assert pytest.approx(centre, abs=0.1) == log_lr(rule, sigmoid(centre=centre))


@pytest.mark.parametrize("centre", [-4.0, -2.0])
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_steepest_has_no_lag_in_noise(noise, centre):
    rng = np.random.default_rng(0)
    found = [log_lr("steepest", sigmoid(centre=centre) + noise * rng.standard_normal(100)) for _ in range(60)]
    assert pytest.approx(centre, abs=0.1) == float(np.median(found))


def test_steepest_is_by_the_logarithm_of_the_rate():
    # By lr itself the first step of the slow fall at 1e-6 is some hundred times as steep as the cliff at 1e-2.
    losses = sigmoid() + 0.5 / (1.0 + np.exp(2.0 * (X + 6.0)))
    assert pytest.approx(-2.0, abs=0.1) == log_lr("steepest", losses)


@pytest.mark.parametrize("ramp", ["exponential", "linear"])
def test_the_answer_is_a_rate_not_an_index_whatever_the_ramp(ramp):
    lrs = ramp_rates(1e-4, 1.0, 400, ramp)
    assert pytest.approx(-1.0, abs=0.1) == log_lr("steepest", sigmoid(np.log10(lrs), -1.0), lrs)


@pytest.mark.parametrize("hot", range(40, 81, 5))
def test_a_dip_at_an_index_gives_the_rate_of_that_index(hot):
    dip = 2.0 - np.exp(-0.5 * ((np.arange(100) - hot) / 4.0) ** 2)
    assert pytest.approx(float(X[hot]) - 1.0, abs=1e-9) == log_lr("minimum_over_10", dip)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_points_left_off_at_either_end_shift_nothing(cut):
    part = slice(cut, 100 - cut)
    assert pytest.approx(log_lr("valley", sigmoid()), abs=0.02) == log_lr("valley", sigmoid()[part], LRS[part])


def test_a_spike_at_the_first_step_changes_nothing():
    losses = sigmoid() + 0.02 * np.random.default_rng(0).standard_normal(100)
    spiked = losses.copy()
    spiked[0] = 1e9
    assert pytest.approx(log_lr("steepest", losses), abs=0.1) == log_lr("steepest", spiked)


def test_valley_is_the_middle_of_the_descent_and_its_bounds_are_in_it():
    answer = suggest(Curve(LRS, slope_down()), "valley")
    assert pytest.approx(-2.5, abs=0.1) == math.log10(answer.lr)
    assert pytest.approx([-3.5, -1.5], abs=0.1) == np.log10([answer.min_lr, answer.max_lr]).tolist()


def test_valley_takes_the_contiguous_descent_not_one_across_a_hump():
    # Falls by 0.4 at 1e-5, climbs all the way back at 1e-4, falls by 2 at 1e-2.
    hump = 0.4 * np.exp(-0.5 * ((X + 5.0) / 0.3) ** 2)
    assert pytest.approx(-2.0, abs=0.1) == log_lr("valley", sigmoid() - hump)


def test_valley_bounds_are_never_more_than_two_decades_apart():
    slow = suggest(Curve(LRS, sigmoid(centre=-3.0, steepness=1.0)), "valley")
    assert pytest.approx(2.0) == math.log10(slow.max_lr / slow.min_lr)


def test_valley_can_answer_with_another_share_of_the_descent():
    early, late = (Valley(share=share).read(Curve(LRS, slope_down())).lr for share in (0.1, 0.9))
    assert pytest.approx(0.8 * 2.7, abs=0.1) == math.log10(late / early)


def test_minimum_over_10_is_a_decade_below_the_minimum():
    assert pytest.approx(-2.0, abs=0.1) == log_lr("minimum_over_10", slope_down())
    assert pytest.approx(-1.0, abs=0.1) == math.log10(MinimumOver10(divisor=1.0).read(Curve(LRS, slope_down())).lr)


def test_window_bounds_are_at_a_half_and_at_nineteen_twentieths_of_the_fall():
    answer = suggest(Curve(LRS, slope_down()), "window")
    assert pytest.approx([-2.5, -1.15], abs=0.1) == np.log10([answer.min_lr, answer.max_lr]).tolist()
    assert pytest.approx(answer.lr) == math.sqrt(answer.min_lr * answer.max_lr)


def test_window_takes_other_levels():
    answer = Window(upper=0.9, lower=0.1).read(Curve(LRS, slope_down()))
    assert pytest.approx([-3.7, -1.3], abs=0.1) == np.log10([answer.min_lr, answer.max_lr]).tolist()


def test_divergence_over_k_divides_the_largest_stable_rate():
    # A rise of a tenth of the fall after the minimum: 0.2 / (2/3 a decade) = 0.3 decades.
    answer = suggest(Curve(LRS, slope_down()), "divergence_over_k")
    assert pytest.approx(-0.7, abs=0.1) == math.log10(answer.max_lr)
    assert pytest.approx(4.0) == answer.max_lr / answer.lr
    assert pytest.approx(10.0) == answer.max_lr / DivergenceOverK(k=10.0).read(Curve(LRS, slope_down())).lr


def test_divergence_over_k_takes_the_last_finite_rate_when_nan_follows_the_fall():
    losses = np.where(X > -1.0, np.nan, slope_down())
    assert pytest.approx(float(X[X <= -1.0][-1])) == math.log10(suggest(Curve(LRS, losses), "divergence_over_k").max_lr)


def test_divergence_over_k_has_no_answer_when_nothing_diverged():
    answer = suggest(Curve(LRS, sigmoid()), "divergence_over_k")
    assert (Verdict.MONOTONE, None, True) == (answer.verdict, answer.lr, "raise end_lr" in answer.why)


def test_smith_bounds_an_accuracy_ramp_by_its_rise_and_its_fall():
    # 1 - accuracy: learns from 0.001 on, gets worse from 0.02 on, on a linear ramp.
    lrs = ramp_rates(1e-5, 0.03, 600, "linear")
    errors = np.interp(np.log10(lrs), [-5.0, -3.0, -2.0, math.log10(0.02), -1.5], [0.9, 0.9, 0.2, 0.2, 0.7])
    answer = suggest(Curve(lrs, errors), "smith")
    assert pytest.approx([-3.0, math.log10(0.02)], abs=0.15) == np.log10([answer.min_lr, answer.max_lr]).tolist()


def test_smith_falls_back_to_a_third_when_it_gets_better_from_the_first_rate_on():
    lrs = ramp_rates(1e-3, 1.0, 200)
    answer = suggest(Curve(lrs, np.interp(np.log10(lrs), [-3.0, -1.0, -0.5, 0.0], [0.9, 0.2, 0.2, 0.9])), "smith")
    assert pytest.approx(3.0) == answer.max_lr / answer.min_lr


def test_smith_stops_where_the_curve_turns_ragged():
    ragged = 0.3 * np.where(np.arange(100) % 2 == 0, 1.0, -1.0) * (X > -0.5)
    quiet = 0.005 * np.random.default_rng(0).standard_normal(100)
    answer = suggest(Curve(LRS, sigmoid() + quiet + ragged), "smith")
    assert pytest.approx(-0.5, abs=0.35) == math.log10(answer.max_lr)


@pytest.mark.parametrize("centre", [-4.0, -2.0])
def test_slide_stops_on_the_left_flank_of_the_descent(centre):
    losses = sigmoid(centre=centre) + 50.0 * np.maximum(X - centre - 1.5, 0.0) ** 2
    assert centre - 1.0 < log_lr("slide", losses) < centre


@pytest.mark.parametrize("rule", ["steepest", "valley", "minimum_over_10", "window"])
def test_losses_below_zero_are_read_like_any_other(rule):
    assert pytest.approx(log_lr(rule, sigmoid()), abs=1e-6) == log_lr(rule, sigmoid() - 1e3)


def test_consensus_lies_between_the_start_of_the_fall_and_the_return_to_the_plateau():
    # A quarter of the fall is made at 10^-3.25, the plateau reached again at 10^2 by the last slope: the ramp ends before.
    lrs = ramp_rates(1e-7, 1e3, 126)
    losses = np.interp(np.log10(lrs), [-7.0, -4.0, -1.0, 3.0], [2.0, 2.0, 0.0, 8.0 / 3.0])
    answer = suggest(Curve(lrs, losses), "consensus")
    assert pytest.approx(-3.25 + 0.3 * (2.0 + 3.25), abs=0.1) == math.log10(answer.lr)
    assert pytest.approx(math.sqrt(10.0)) == answer.max_lr / answer.min_lr


def test_consensus_can_answer_with_another_place_between_the_two():
    lrs = ramp_rates(1e-7, 1e3, 126)
    losses = np.interp(np.log10(lrs), [-7.0, -4.0, -1.0, 3.0], [2.0, 2.0, 0.0, 8.0 / 3.0])
    low, high = (Consensus(share=share).read(Curve(lrs, losses)).lr for share in (0.0, 1.0))
    assert pytest.approx([-3.25, 2.0], abs=0.1) == np.log10([low, high]).tolist()


def test_consensus_takes_the_last_finite_rate_when_nan_follows_the_fall():
    losses = np.where(X > -0.5, np.nan, slope_down())
    high = Consensus(share=1.0).read(Curve(LRS, losses)).lr
    assert pytest.approx(float(X[X <= -0.5][-1])) == math.log10(high)


def test_consensus_reaches_two_decades_beyond_the_fall_when_nothing_diverges():
    # 19/20 of the fall are made ln(19)/4 decades after the centre.
    lrs = ramp_rates(1e-7, 1e4, 138)
    high = Consensus(share=1.0).read(Curve(lrs, sigmoid(np.log10(lrs), -4.0))).lr
    assert pytest.approx(-4.0 + math.log(19.0) / 4.0 + 2.0, abs=0.15) == math.log10(high)


@pytest.mark.parametrize("seed", range(5))
def test_one_lucky_batch_on_the_plateau_does_not_move_consensus(seed):
    losses = sigmoid() + 50.0 * np.maximum(X + 0.5, 0.0) ** 2 + 0.05 * np.random.default_rng(seed).standard_normal(100)
    lucky = losses.copy()
    lucky[20:23] += 0.4
    assert pytest.approx(log_lr("consensus", losses), abs=0.15) == log_lr("consensus", lucky)
