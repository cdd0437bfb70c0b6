import math

import pytest

from lrsearch.experiments.statistics import PairedTest, estimated, groups, holm, paired_tests


def test_the_interval_of_five_values_is_the_one_of_the_t_table():
    # 1..5: s = 1.5811, t(4, .975) = 2.7764 in any printed table
    low, high = estimated([1.0, 2.0, 3.0, 4.0, 5.0]).interval or (0, 0)
    assert (pytest.approx(1.0368, abs=1e-4), pytest.approx(4.9632, abs=1e-4)) == (low, high)


def test_one_value_has_a_mean_and_no_interval():
    assert (2.5, None) == (estimated([2.5]).mean, estimated([2.5]).interval)


def test_no_value_has_no_mean():
    assert math.isnan(estimated([]).mean)


def test_holm_agrees_with_r_p_adjust():
    # R 4.3: p.adjust(c(.01, .04, .03, .005), "holm")
    assert [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06), pytest.approx(0.02)] == holm(
        [0.01, 0.04, 0.03, 0.005]
    )


def test_holm_never_exceeds_one():
    assert [1.0, 1.0] == holm([0.9, 0.8])


def test_a_clear_paired_difference_is_found_though_the_seeds_scatter_more_than_it():
    noise = [0.1, 0.9, 0.4, 0.7, 0.2, 0.5]
    slightly_worse = [value + 0.02 + 0.001 * index for index, value in enumerate(noise)]
    (test,) = paired_tests({"a": noise, "b": slightly_worse})
    assert test.p_holm < 0.001
    assert pytest.approx(-0.0225) == test.difference


def test_equal_settings_are_not_distinguished():
    (test,) = paired_tests({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})
    assert 1.0 == test.p_holm


def test_a_diverged_seed_makes_the_pair_incomparable_not_an_error():
    (test,) = paired_tests({"a": [1.0, 2.0, 3.0], "b": [1.0, math.inf, 3.0]})
    assert 1.0 == test.p_holm
    assert math.isnan(test.difference)


def test_groups_open_where_a_setting_differs_from_the_first_of_the_group():
    tests = [PairedTest("a", "b", 0, 0.5), PairedTest("a", "c", 0, 0.01), PairedTest("b", "c", 0, 0.2)]
    assert {"a": 1, "b": 1, "c": 2} == groups(["a", "b", "c"], tests)
