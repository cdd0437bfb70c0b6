"""Noise, averages, outliers; the zero-phase smoothing is tested through `smooth` in test_curves.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrsearch.smoothing import despike, ema, noise_level, robust_deviation


def test_a_step_up_is_seen_by_the_causal_average_only_from_its_step_on():
    averaged = ema([0.0, 0.0, 1.0, 1.0])
    assert [0.0, 0.0] == averaged[:2].tolist()
    assert 0.0 < averaged[2] < averaged[3] < 1.0


@given(st.floats(-1e6, 1e6), st.floats(0.0, 0.99))
def test_bias_correction_keeps_flat_flat_from_the_first_step(level, beta):
    assert ema([level] * 30, beta) == pytest.approx([level] * 30)


def test_the_first_average_is_the_first_value_and_the_second_is_weighted_right():
    # By hand: at beta 0.9 the two values weigh 9 : 10, so (9 * 1 + 10 * 20) / 19 = 11.
    assert [1.0, 11.0] == ema([1.0, 20.0]).round(12).tolist()


def test_noise_is_measured_on_a_slope_and_beside_jumps_and_spikes():
    noisy = 100.0 - np.arange(2000) + 0.5 * np.random.default_rng(0).standard_normal(2000)
    noisy[1000:] += 50.0
    noisy[::100] += 1e6
    assert pytest.approx(0.5, rel=0.25) == noise_level(noisy)


def test_the_deviation_of_normal_values_is_theirs():
    assert pytest.approx(3.0, rel=0.03) == robust_deviation(3.0 * np.random.default_rng(0).standard_normal(20_000))
    assert robust_deviation([]) == 0.0


def test_lone_outliers_are_replaced_and_a_smooth_series_is_left_as_it_is():
    smooth = np.exp(-np.linspace(0.0, 5.0, 60)) + np.linspace(0.0, 1.0, 60) ** 8
    spiked = smooth.copy()
    spiked[[0, 20, 40]] = [1e9, -1e9, 1e3]
    assert smooth.tolist() == despike(smooth).tolist()
    assert smooth == pytest.approx(despike(spiked), abs=0.3)


def test_the_start_of_a_divergence_at_the_end_is_no_outlier():
    diverging = np.array([1.0] * 20 + [2.0, 10.0, 1e3])
    assert diverging.tolist() == despike(diverging).tolist()


def test_fewer_than_seven_losses_have_no_outliers():
    assert [1.0, 1e9, 1.0] == despike(np.array([1.0, 1e9, 1.0])).tolist()
