"""A race goes on beyond the edge where its best rate is at the edge."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from lrsearch.experiments import RangeTest
from lrsearch.experiments.base import Context, Groups, TrialRecord
from lrsearch.experiments.race import Race, RaceResult, leading_edge
from lrsearch.training.plan import Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Observer, Run, StopReason, go_on
from tests.unit.experiments.documents import RANGE_TEST
from tests.unit.experiments.test_race import PLAN, record

CONTROL = 100.0
CONFIRM: dict[str, Any] = {"steps": 60, "candidates": 5, "seeds": 2}
"""On the toy's bowl its best rate is at the edge, and at the next edge again."""


def document(**changes: Any) -> RangeTest:
    return RangeTest.model_validate(RANGE_TEST | {"confirm": CONFIRM} | changes)


def records_of(race: Race, plans: Sequence[Plan], loss: Any) -> list[TrialRecord]:
    """Records of plans whose held-out losses are a function of log10 of the rate."""
    rates = [float(plan.rates[0]) for plan in plans]
    return [
        record(number, rate, [0.0] * race.steps, [CONTROL if rate < 1e-9 else loss(np.log10(rate))])
        for number, rate in enumerate(rates)
    ]


def raced(race: Race, loss: Any, lr: float = 0.01) -> RaceResult:
    """The whole race, round after round."""
    plans, records = race.plans(PLAN, lr), list[TrialRecord]()
    while plans:
        records += records_of(race, plans, loss)
        plans = race.further_plans(PLAN, records)
    return race.judge(records)


@pytest.mark.parametrize(("best", "rounds", "updates"), [(-2.0, 1, 80), (-0.5, 2, 110), (0.5, 2, 110), (9.0, 3, 140)])
def test_half_as_many_rates_are_added_above_while_the_highest_is_best(best: float, rounds: int, updates: int):
    race = Race(candidates=7, seeds=1, steps=10, spacing=0.5, pull=0.0)
    result = raced(race, lambda x: abs(x - best))
    steps = np.arange(7 + 3 * (rounds - 1))
    assert np.log10(result.rates) == pytest.approx(-3.5 + 0.5 * steps)
    assert [1] * 7 + [2] * 3 * (rounds > 1) + [3] * 3 * (rounds > 2) == result.rounds.tolist()
    assert (updates, updates - 80) == (result.updates, result.further_updates)
    assert result.lr == pytest.approx(min(10.0**best, result.rates[-1]))
    assert result.is_at_edge == (best > np.log10(result.rates[-1]))


def test_rates_are_added_below_where_the_lowest_is_best_and_has_learned_something():
    race = Race(candidates=5, seeds=2, steps=10)
    learning, noise = raced(race, lambda x: 50.0 + x), raced(race, lambda x: CONTROL + x + 2.5)
    assert (3, 1) == (learning.rounds.max(), noise.rounds.max())
    assert np.log10(learning.rates) == pytest.approx(-2.0 + 0.25 * np.arange(-6, 3))
    assert [3, 3, 2, 2, 1, 1, 1, 1, 1] == learning.rounds.tolist()


def test_a_round_of_diverged_runs_is_the_last_and_moves_the_winner_away_from_them():
    race = Race(candidates=5, seeds=1, steps=10)
    result = raced(race, lambda x: -x if x < -1.4 else np.inf)
    assert (2, False) == (result.rounds.max(), result.is_at_edge)
    assert np.log10(result.lr) == pytest.approx(-1.75)


def test_equal_rates_and_races_without_widenings_have_one_round():
    assert 1 == raced(Race(candidates=5, seeds=1, steps=10), lambda x: 1.0).rounds.max()
    assert 1 == raced(Race(candidates=5, seeds=1, steps=10, widenings=0), lambda x: -x).rounds.max()


def test_the_edge_is_judged_without_the_pull_which_grows_no_further_than_to_the_first_candidates():
    race = Race(candidates=15, seeds=1, pull=10.0)
    assert 1 == leading_edge(np.linspace(2.0, 1.0, 15)[:, None], np.inf)
    assert race.pulls(np.array([-9.0, -1.75, 0.0, 1.0, 1.75, 3.0])) == pytest.approx(
        150.0 * np.array([1.75**2, 1.75**2, 0.0, 1.0, 1.75**2, 1.75**2])
    )


def test_a_round_that_is_not_over_is_left_out():
    race = Race(candidates=5, seeds=2, steps=10)
    records = [record(number, 1.0, [0.0], [1.0]) for number in range(12 + 4 + 3)]
    assert [12, 16, 16, 20] == [len(race.whole(records[:count])) for count in (12, 16, 19)] + [
        len(race.whole([*records, records[0]]))
    ]


def test_the_job_takes_a_round_when_the_one_before_wants_it_and_says_what_it_cost():
    taken: list[int] = []
    progress: list[tuple[int, int]] = []
    made: list[TrialRecord] = []

    def take(groups: Groups, count: int) -> list[int]:
        numbers = list(next(group for group in groups if group[0] not in taken))
        taken.extend(numbers)
        return numbers

    context = Context(
        ToyTrainer(), made.extend, on_progress=lambda one: progress.append((one.done, one.total)), take=take
    )
    experiment = document()
    experiment.train(experiment.packs(1)[0], context)
    assert [*range(15, 23)] == taken
    assert [*range(23)] == sorted(one.number for one in made)
    done = [one for one, _ in progress]
    assert done == sorted(done)
    assert {3 * 200 + 12 * 60, 3 * 200 + 16 * 60, 3 * 200 + 20 * 60} >= {total for _, total in progress}
    result = experiment.conclude(made)
    confirmation = result["confirmation"]
    assert (3, 8 * 60) == (confirmation["rounds"], confirmation["further_updates"])
    assert sum(len(one.arrays["losses"]) for one in made) == result["updates"]
    assert confirmation["lr"] > max(row["lr"] for row in confirmation["candidates"] if row["round"] == 1)
    assert "were added" in confirmation["why"]
    (span,) = experiment.plots(result)[1].spans
    assert span.high == max(row["lr"] for row in confirmation["candidates"])


def test_a_race_that_may_take_no_further_round_is_over_after_the_first():
    made: list[TrialRecord] = []
    experiment = document(limits={"trials": 15 + 4 - 1})
    result = experiment.run(Context(ToyTrainer(), made.extend))
    assert (15, 1, True) == (len(made), result["confirmation"]["rounds"], result["confirmation"]["is_at_edge"])
    assert 2 == document(limits={"trials": 15 + 4}).run(Context(ToyTrainer(), made.extend))["confirmation"]["rounds"]


class Counting(ToyTrainer):
    """Counts its batches: the ramps, and each round of the race."""

    batches = 0

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        self.batches += 1
        return super().train(plans, observer)


def test_a_cancellation_in_a_further_round_leaves_the_suggestion_of_the_ramps():
    trainer = Counting()
    context = Context(trainer, lambda records: None)
    context.should_stop = lambda: StopReason.CANCELLED if trainer.batches == 3 else None
    result = document().run(context)
    assert (None, "consensus") == (result["confirmation"], result["suggestion"]["rule"])


def test_a_cancellation_between_two_rounds_leaves_what_the_rounds_before_say():
    made: list[TrialRecord] = []
    context = Context(ToyTrainer(), made.extend)
    context.should_stop = lambda: StopReason.CANCELLED if len(made) >= 15 else None
    result = document().run(context)
    assert (15, 1, "race") == (len(made), result["confirmation"]["rounds"], result["suggestion"]["rule"])
