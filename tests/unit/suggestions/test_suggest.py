"""`suggest`: repeats, verdicts, invariances, and curves of any kind."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrsearch.curves import Curve, ramp_rates
from lrsearch.errors import InvalidDocument
from lrsearch.suggestions import RULES, suggest
from lrsearch.suggestions.base import Verdict
from lrsearch.suggestions.consensus import Consensus

LRS = ramp_rates(1e-7, 10.0, 100)
X = np.log10(LRS)
TOLERANCE = 0.1
"""Decades within which an answer counts as the same on a ramp of another density; the default ramp has 0.08 a step."""


def cliff(lrs=LRS, centre=-2.0, steepness=4.0, wall=-0.5):
    """Falls by 2 around the centre, rises along a parabola from the wall on."""
    x = np.log10(lrs)
    return 2.3 - 2.0 / (1.0 + np.exp(-steepness * (x - centre))) + 50.0 * np.maximum(x - wall, 0.0) ** 2


def noisy(seed, noise=0.1, lrs=LRS, **shape):
    return Curve(lrs, cliff(lrs, **shape) + noise * np.random.default_rng(seed).standard_normal(len(lrs)))


def decades(first, second):
    return abs(math.log10(first.lr) - math.log10(second.lr))


every_rule = pytest.mark.parametrize("rule", list(RULES))
shapes = st.fixed_dictionaries({"centre": st.floats(-4.0, -1.5), "steepness": st.floats(3.0, 8.0)})


@every_rule
@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-6, 1e6), seed=st.integers(0, 50), noise=st.sampled_from([0.0, 0.02, 0.2]))
def test_scaling_the_loss_leaves_the_answer(rule, factor, seed, noise):
    curve = noisy(seed, noise)
    assert decades(suggest(curve, rule), suggest(Curve(LRS, factor * curve.losses), rule)) < 1e-6


@every_rule
@settings(max_examples=10, deadline=None)
@given(constant=st.floats(-1e4, 1e4), seed=st.integers(0, 50), noise=st.sampled_from([0.0, 0.02, 0.2]))
def test_adding_a_constant_to_the_loss_leaves_the_answer(rule, constant, seed, noise):
    curve = noisy(seed, noise)
    assert decades(suggest(curve, rule), suggest(Curve(LRS, curve.losses + constant), rule)) < 1e-6


@every_rule
@settings(max_examples=8, deadline=None)
@given(times=st.sampled_from([2, 3, 10]), shape=shapes)
def test_a_denser_ramp_leaves_the_answer(rule, times, shape):
    dense = ramp_rates(1e-7, 10.0, 100 * times)
    first, second = suggest(noisy(0, 0.0, **shape), rule), suggest(noisy(0, 0.0, dense, **shape), rule)
    assert decades(first, second) < TOLERANCE


@every_rule
@settings(max_examples=8, deadline=None)
@given(shift=st.floats(-2.0, 2.0))
def test_shifting_all_rates_shifts_the_answer(rule, shift):
    first, second = suggest(noisy(3), rule), suggest(Curve(LRS * 10**shift, noisy(3).losses), rule)
    assert pytest.approx(shift, abs=1e-6) == math.log10(second.lr / first.lr)


@every_rule
@settings(max_examples=8, deadline=None)
@given(bad=st.sampled_from([math.nan, math.inf, -math.inf]), tail=st.lists(st.floats(), max_size=30))
def test_the_tail_from_the_first_non_finite_loss_on_is_cut(rule, bad, tail):
    head = noisy(1, 0.02)
    losses = np.concatenate([head.losses[:84], [bad], tail])
    rates = ramp_rates(1e-7, 10.0, 100)[:84].tolist() + [float(LRS[84 + i % 16]) for i in range(len(tail) + 1)]
    short = Curve(LRS[:85], [*head.losses[:84], math.nan])
    assert suggest(short, rule) == suggest(Curve(rates, losses), rule)
    assert suggest(short, rule).verdict is Verdict.SUGGESTION


losses_of_any_kind = st.lists(
    st.one_of(
        st.floats(), st.floats(-10, 10), st.sampled_from([1e300, -1e300, 1e-310, 1e154, 0.0, math.nan, math.inf])
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(losses_of_any_kind, st.data())
def test_no_curve_raises_and_every_one_has_a_verdict_and_a_sentence(losses, data):
    wild = st.lists(st.floats(), min_size=len(losses), max_size=len(losses))
    few = st.lists(st.sampled_from([1e-3, 1e-2, 1e-1]), min_size=len(losses), max_size=len(losses))
    lrs = data.draw(st.one_of(st.just(ramp_rates(1e-7, 10.0, max(len(losses), 2))[: len(losses)]), wild, few))
    for rule in RULES:
        answer = suggest(Curve(lrs, losses), rule)
        assert (answer.lr is None) == (answer.verdict is not Verdict.SUGGESTION)
        assert answer.why.endswith(".")
        for rate in (answer.lr, answer.min_lr, answer.max_lr):
            assert rate is None or rate > 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 300), st.integers(0, 10**6), st.floats(0.1, 300.0))
def test_falling_curves_of_any_size_never_raise_and_bounds_are_ordered(steps, seed, growth):
    rng = np.random.default_rng(seed)
    losses = np.cumsum(rng.standard_normal(steps)) * np.exp(np.linspace(0.0, growth, steps))
    for rule in RULES:
        answer = suggest(Curve(ramp_rates(1e-5, 1.0, steps), losses), rule)
        if answer.min_lr is not None and answer.max_lr is not None and answer.lr is not None:
            assert answer.min_lr <= answer.lr * (1 + 1e-9) <= answer.max_lr * (1 + 2e-9)


@every_rule
def test_unsorted_rates_are_read_like_sorted_ones(rule):
    curve, order = noisy(2), np.random.default_rng(0).permutation(100)
    assert suggest(curve, rule) == suggest(Curve(LRS[order], curve.losses[order]), rule)


@every_rule
def test_rates_that_are_not_above_zero_are_left_out(rule):
    curve = noisy(2)
    assert suggest(curve, rule) == suggest(Curve([0.0, -1.0, math.nan, *LRS], [9.0, 9.0, 9.0, *curve.losses]), rule)


@every_rule
@pytest.mark.parametrize("level", [0.0, 2.3, -1e6, 1e300])
def test_a_flat_curve_is_flat(rule, level):
    assert Verdict.FLAT is suggest(Curve(LRS, np.full(100, level)), rule).verdict


@every_rule
@pytest.mark.parametrize("points", [0, 1, 2, 3, 7])
def test_three_points_are_too_few_and_so_are_seven(rule, points):
    assert Verdict.TOO_FEW_POINTS is suggest(Curve(LRS[:points], cliff()[:points]), rule).verdict


@every_rule
def test_many_losses_at_three_rates_are_too_few(rule):
    assert Verdict.TOO_FEW_POINTS is suggest(Curve(np.repeat([0.1, 0.2, 0.3], 50), np.arange(150)), rule).verdict


@every_rule
@pytest.mark.parametrize("step", [0, 5])
def test_an_early_nan_is_non_finite_and_its_step_is_told(rule, step):
    losses = cliff()
    losses[step] = math.nan
    answer = suggest(Curve(LRS, losses), rule)
    assert (Verdict.NON_FINITE, True) == (answer.verdict, f"at step {step}" in answer.why)


@every_rule
@pytest.mark.parametrize("rising", [np.arange(100.0), np.linspace(0.0, 1.0, 100) ** 2, np.exp(0.1 * np.arange(100))])
def test_a_loss_that_rises_from_the_start_diverged_at_once(rule, rising):
    answer = suggest(Curve(LRS, 2.3 + rising), rule)
    assert (Verdict.DIVERGED_AT_ONCE, True) == (answer.verdict, "lower start_lr" in answer.why)


@every_rule
def test_a_loss_that_falls_to_the_end_is_monotone(rule):
    answer = suggest(Curve(LRS, -X), rule)
    assert (Verdict.MONOTONE, True) == (answer.verdict, "raise end_lr" in answer.why)


@every_rule
def test_noise_that_then_diverges_is_flat_and_says_where(rule):
    losses = 2.3 + 0.05 * np.random.default_rng(0).standard_normal(100)
    losses[80:] = 1e3
    answer = suggest(Curve(LRS, losses), rule)
    assert (Verdict.FLAT, True) == (answer.verdict, "before it rises near 0.1" in answer.why)


@every_rule
def test_pure_noise_is_hardly_ever_taken_for_a_fall(rule):
    rng = np.random.default_rng(5)
    assert 1 >= sum(suggest(Curve(LRS, rng.standard_normal(100)), rule).lr is not None for _ in range(40))


def test_one_curve_and_a_list_of_it_give_the_same_answer_without_an_interval():
    assert suggest(noisy(0)) == suggest([noisy(0)])
    assert suggest(noisy(0)).interval is None


def test_repeats_give_their_median_in_log_lr_and_their_range():
    curves = [noisy(seed, 0.0, centre=centre) for seed, centre in enumerate((-3.0, -2.5, -2.0))]
    alone = [suggest(curve, "valley") for curve in curves]
    together = suggest(curves, "valley")
    assert pytest.approx(alone[1].lr) == together.lr
    assert (alone[0].lr, alone[2].lr) == together.interval
    assert pytest.approx((alone[1].min_lr, alone[1].max_lr)) == (together.min_lr, together.max_lr)


def test_the_median_of_two_is_their_geometric_mean():
    alone = [suggest(noisy(0, 0.0, centre=centre)).lr for centre in (-3.0, -2.0)]
    assert (
        pytest.approx(math.sqrt(alone[0] * alone[1]))
        == suggest([noisy(0, 0.0, centre=centre) for centre in (-3.0, -2.0)]).lr
    )


def test_the_verdict_is_the_one_of_most_repeats():
    flat = Curve(LRS, np.full(100, 2.3))
    outvoted, won, tied = (
        suggest([flat, flat, noisy(0)]),
        suggest([flat, noisy(0), noisy(1)]),
        suggest([flat, noisy(0)]),
    )
    assert [Verdict.FLAT, Verdict.SUGGESTION, Verdict.SUGGESTION] == [a.verdict for a in (outvoted, won, tied)]
    assert (None, None, True) == (outvoted.lr, outvoted.interval, outvoted.why.startswith("2 of 3 repeats: "))


def test_no_curves_at_all_are_too_few_points():
    assert Verdict.TOO_FEW_POINTS is suggest([]).verdict


def test_an_unknown_rule_is_refused_with_the_rules_there_are():
    with pytest.raises(InvalidDocument) as refused:
        suggest(noisy(0), rule="steppest")
    problem = refused.value.problems[0]
    assert ("/rule", "known_rule", "steppest", True) == (
        problem.pointer,
        problem.rule,
        problem.value,
        "steepest" in problem.action,
    )


@pytest.mark.parametrize("optimizer", [None, "adam", "sgd", "adadelta"])
def test_consensus_takes_the_optimizer_and_says_the_same_for_all(optimizer):
    curves = [noisy(seed) for seed in range(3)]
    assert suggest(curves) == suggest(curves, "consensus", optimizer)


def test_the_interval_of_consensus_is_cut_to_where_the_benchmark_found_good_rates():
    curves = [noisy(seed, 0.0, centre=centre) for seed, centre in enumerate((-3.0, -2.5, -2.0))]
    together = suggest(curves)
    low, high = together.interval
    assert (True, True) == (low < together.lr < high, high / low < 1.3)
    assert together.level == Consensus.level
    assert (None, None) == (suggest(curves, "valley").level, suggest(curves[0]).level)


def deep(constant=0.0, centres=(-2.0, -2.0, -2.0)):
    """Repeats of a loss that falls from 2 to 0.02."""
    made = [noisy(seed, 0.01, centre=centre).losses for seed, centre in enumerate(centres)]
    return [Curve(LRS, losses - 0.28 + constant) for losses in made]


def test_the_level_is_higher_where_the_loss_falls_deep_and_the_repeats_agree():
    assert Consensus.sure_level == suggest(deep()).level
    assert suggest(deep()).depth == pytest.approx(0.99, abs=0.02)
    shallow, apart = suggest(deep(constant=2.0)), suggest(deep(centres=(-2.5, -2.0, -1.5)))
    assert (Consensus.level, Consensus.level) == (shallow.level, apart.level)
    assert (Consensus.level, 0.0) == (suggest(deep(constant=-1.0)).level, suggest(deep(constant=-1.0)).depth)


def test_repeats_of_which_one_has_no_suggestion_have_no_depth():
    answer = suggest([*deep()[:2], Curve(LRS, np.full(100, 2.0))])
    assert (Verdict.SUGGESTION, None, Consensus.level) == (answer.verdict, answer.depth, answer.level)


def test_repeats_that_agree_have_an_interval_narrower_than_that():
    curves = [noisy(seed, 0.0, centre=centre) for seed, centre in enumerate((-2.501, -2.5, -2.499))]
    low, high = suggest(curves).interval
    assert 1.0 < high / low < 1.02


def faint(seed, draw):
    """A fall of one and a half deviations of the noise, a wall behind it."""
    return Curve(LRS, 0.75 * cliff(wall=0.0) + draw(np.random.default_rng(seed)))


def test_repeats_that_are_each_lost_in_noise_are_read_together():
    curves = [faint(seed, lambda rng: rng.standard_exponential(100)) for seed in range(3)]
    assert [Verdict.FLAT] * 3 == [suggest(curve).verdict for curve in curves]
    together = suggest(curves)
    assert (Verdict.SUGGESTION, True) == (together.verdict, together.why.startswith("The repeats fall only when"))
    assert pytest.approx(math.log10(suggest(Curve(LRS, cliff(wall=0.0))).lr), abs=0.6) == math.log10(together.lr)


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "standard_cauchy"])
def test_repeats_of_pure_noise_stay_flat_when_read_together(draw):
    rng = np.random.default_rng(7)
    found = [suggest([Curve(LRS, getattr(rng, draw)(100)) for _ in range(3)]).lr for _ in range(40)]
    assert 1 >= sum(lr is not None for lr in found)


def test_repeats_on_different_rates_are_not_read_together():
    curves = [faint(seed, lambda rng: rng.standard_exponential(100)) for seed in range(2)]
    other = Curve(LRS * 1.01, faint(2, lambda rng: rng.standard_exponential(100)).losses)
    assert Verdict.FLAT is suggest([*curves, other]).verdict
