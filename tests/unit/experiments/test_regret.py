"""The regret of a rate from comparable outcomes: never guessed."""

import math

import pytest
from scipy.stats import binomtest

from lrsearch.experiments.outcomes import Outcome
from lrsearch.experiments.regret import evidence, held, wilson

LOW, HIGH = 10**-2.5, 10**-1.5
FALLING = {0.001: 3.0, LOW: 2.0, 0.01: 1.0, HIGH: 2.0, 0.1: math.inf}


def ran(lr: float, loss: float, *, first: float | None = 5.0, seed: int = 0) -> Outcome:
    return Outcome("task", "test_loss", "constant", 100, lr, loss, first, seed)


def all_of(losses: dict[float, float], first: float | None = 5.0) -> list[Outcome]:
    return [ran(lr, loss, first=first) for lr, loss in losses.items()]


def regret(outcomes: list[Outcome], lr: float) -> float | None:
    found = evidence(outcomes)
    return None if found is None else found.regret(lr)


@pytest.mark.parametrize(("lr", "expected"), [(0.01, 0.0), (LOW, 0.25), (0.001, 0.5), (0.1, 1.0), (10**-2.25, 0.125)])
def test_regret_is_the_share_of_the_achievable_improvement_that_is_lost(lr, expected):
    assert pytest.approx(expected) == regret(all_of(FALLING), lr)


def test_a_control_tells_what_a_vanishing_rate_is_worth_better_than_first_batches():
    assert pytest.approx(1 / 8) == regret([*all_of(FALLING), ran(1e-11, 9.0)], LOW)


def test_without_a_control_and_without_first_losses_nothing_is_said():
    assert regret(all_of(FALLING, first=None), LOW) is None


def test_nothing_is_said_of_a_rate_between_two_that_are_more_than_half_a_decade_apart():
    wide = [*all_of(FALLING), ran(1e-5, 4.9)]
    assert regret(wide, 1e-4) is None
    assert regret(wide, 1.1e-5) == regret(wide, 1e-5) == pytest.approx(3.9 / 4)


def test_nothing_is_said_of_a_rate_beside_all_that_were_trained():
    assert regret(all_of(FALLING), 0.5) is None
    assert regret(all_of(FALLING), 5e-4) is None


@pytest.mark.parametrize(
    "losses",
    [
        {0.001: 3.0, LOW: 2.0, 0.01: 1.0},
        {0.01: 1.0, HIGH: 2.0, 0.1: 3.0},
        {0.0005: 3.0, 0.01: 1.0, HIGH: 2.0},
        {0.01: 1.0},
    ],
)
def test_nothing_is_said_where_the_best_rate_is_at_the_edge_or_alone(losses):
    assert regret(all_of(losses), 0.01) is None


def test_nothing_is_said_where_no_rate_learned_anything_or_all_diverged():
    assert regret(all_of({LOW: 5.0, 0.01: 6.0, HIGH: 7.0}), 0.01) is None
    assert regret(all_of({LOW: math.inf, 0.01: math.inf, HIGH: math.inf}), 0.01) is None
    assert evidence([]) is None


def test_a_run_that_ended_worse_than_it_began_has_lost_everything_and_not_more():
    assert pytest.approx(1.0) == regret(all_of(FALLING | {0.1: 1e9}), 0.1)


def test_a_rate_has_the_mean_of_its_seeds_and_rates_within_a_tenth_of_a_decade_are_taken_together():
    seeds = [*all_of(FALLING), ran(LOW, 2.4, seed=1)]
    assert pytest.approx(1.2 / 4) == regret(seeds, LOW)
    close = [ran(LOW * 1.04, 2.4), *all_of(FALLING)]
    assert pytest.approx(1.2 / 4) == regret(close, LOW * math.sqrt(1.04))


def test_regrets_are_summed_up_with_an_interval_once_there_are_five():
    assert (0, None, None, None) == (held([]).tasks, held([]).share, held([]).interval, held([]).worst)
    few, more = held([0.01, 0.06]), held([0.0, 0.01, 0.02, 0.05, 0.4])
    assert (0.5, None, 0.06) == (few.share, few.interval, few.worst)
    assert (0.8, 0.02, 0.4, pytest.approx(0.26)) == (more.share, more.median, more.worst, more.p90)
    assert more.interval == wilson(4, 5)


@pytest.mark.parametrize(("successes", "trials"), [(4, 5), (10, 10), (0, 7)])
def test_the_interval_is_scipys(successes, trials):
    theirs = binomtest(successes, trials).proportion_ci(method="wilson")
    assert pytest.approx((theirs.low, theirs.high)) == wilson(successes, trials)
