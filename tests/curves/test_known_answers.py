"""Every rule on the curve library: how far from the known answer it may land, in decades."""

from functools import cache

import numpy as np
import pytest

from lrsearch.suggestions import RULES, suggest
from lrsearch.suggestions.base import Verdict
from tests.curves.families import BOWLS, FAMILIES, TARGETS

DRAWS = 10
BY_NAME = {family.name: family for family in FAMILIES}
STRAIGHT = ("quiet", "noise 1 %", "spikes", "late NaN", "negative losses", "epoch borders", "explosion")
TOLERANCE = {
    "consensus": 0.25,
    "valley": 0.25,
    "steepest": 0.15,
    "slide": 0.15,
    "window": 0.15,
    "smith": 0.3,
    "divergence_over_k": 0.2,
    "minimum_over_10": 0.65,
}
"""Of the median answer. `minimum_over_10` is wide for a reason: the floor of the library's cliff is flat for a decade,
and where the minimum of a flat floor lies is decided by noise and by what the smoothing brings over from the wall."""


@cache
def curves(family):
    return [family.curve(seed) for seed in range(DRAWS)]


@cache
def answers(family, rule):
    return [suggest(curve, rule) for curve in curves(family)]


def distances(given, target):
    return np.log10([answer.lr for answer in given if answer.lr is not None]) - target


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.parametrize("rule", list(RULES))
def test_the_median_answer_is_near_the_known_one(rule, name):
    assert abs(np.median(distances(answers(BY_NAME[name], rule), TARGETS[rule]))) < TOLERANCE[rule]


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.parametrize("rule", list(RULES))
def test_every_answer_is_a_suggestion(rule, name):
    assert {Verdict.SUGGESTION} == {answer.verdict for answer in answers(BY_NAME[name], rule)}


@pytest.mark.parametrize("name", ["noise 5 %", "noise 15 %", "1,000 steps, noise 30 %"])
@pytest.mark.parametrize("rule", ["consensus", "valley", "steepest", "window", "slide"])
def test_nine_answers_of_ten_are_within_half_a_decade_in_noise(rule, name):
    far = np.abs(distances(answers(BY_NAME[name], rule), TARGETS[rule])) > 0.5
    assert far.mean() <= 0.1


@pytest.mark.parametrize("rule", list(RULES))
def test_noise_of_a_third_of_the_fall_gives_an_answer_or_is_called_flat(rule):
    given = answers(BY_NAME["noise 30 %"], rule)
    assert {Verdict.SUGGESTION, Verdict.FLAT} >= {answer.verdict for answer in given}


def test_a_ramp_of_25_steps_is_read_to_a_third_of_a_decade():
    assert np.abs(distances(answers(BY_NAME["25 steps, noise 1 %"], "consensus"), TARGETS["consensus"])).max() < 0.35


@pytest.mark.parametrize("name", ["bowl", "bowl, 1,000 steps", "bowl, one curvature"])
def test_the_stability_limit_of_sgd_on_a_quadratic_is_found_within_a_factor_of_three(name):
    bowl = BOWLS[name]
    largest = [answer.max_lr for answer in answers(bowl, "divergence_over_k")]
    assert np.abs(np.log10(largest) - bowl.largest_stable).max() < 0.5


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("name", ["bowl", "bowl, 1,000 steps", "bowl, one curvature"])
def test_no_rule_suggests_an_unstable_rate_for_sgd_on_a_quadratic(name, rule):
    bowl = BOWLS[name]
    assert (distances(answers(bowl, rule), bowl.largest_stable) < 0.0).all()
