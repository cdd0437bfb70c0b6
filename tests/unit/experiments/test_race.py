"""The race between rates around a suggestion."""

import numpy as np
import pytest

from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.race import Race, smoothed_places
from lrsearch.experiments.tasks import Task, train_tasks
from lrsearch.status import TrialStatus
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import BuiltinData, BuiltinModel, Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import StopReason

PLAN = Plan(
    model=BuiltinModel(name="blobs_mlp"),
    data=BuiltinData(name="blobs"),
    optimizer=SPECS["sgd"](kind="sgd"),
    batch_size=32,
    rates=np.geomspace(1e-7, 10.0, 100),
    seed=5,
)


def record(number, rate, losses, validated=None, stopped_at=None):
    arrays = {"lrs": np.full(len(losses), rate), "losses": np.asarray(losses, dtype=np.float64)}
    if validated is not None:
        arrays["validations/val_loss"] = np.asarray(validated, dtype=np.float64)
    status = TrialStatus.COMPLETE if stopped_at is None else TrialStatus.DIVERGED
    reason = StopReason.COMPLETED if stopped_at is None else StopReason.NON_FINITE
    return TrialRecord(number, status, number, {}, arrays, reason, stopped_at)


CONTROL = 100.0


def judged(race, records):
    """Judge candidates beside a control that learned nothing."""
    control = [record(i, 1e-12, [CONTROL], [CONTROL]) for i in range(race.seeds)]
    return race.judge([*control, *records])


def raced(race, plan, lr, trainer):
    records = []
    train_tasks(
        [Task(number, made) for number, made in enumerate(race.plans(plan, lr))], Context(trainer, records.extend)
    )
    return race.judge(sorted(records, key=lambda found: found.number))


def test_the_candidates_lie_evenly_around_the_suggestion():
    rates = Race(candidates=5, spacing=0.5).rates(0.1)
    assert pytest.approx([-2.0, -1.5, -1.0, -0.5, 0.0]) == np.log10(rates).tolist()


def test_an_even_number_of_candidates_has_the_suggestion_between_two_of_them():
    assert pytest.approx([-1.5, -0.5]) == np.log10(Race(candidates=4, spacing=1.0).rates(0.1)).tolist()[1:3]


def test_the_plans_share_everything_but_rate_and_seed_and_so_stack():
    race = Race(candidates=3, seeds=2, steps=50)
    plans = race.plans(PLAN, 0.1)
    assert (8, {50}, {0.2}) == (len(plans), {p.steps for p in plans}, {p.validation.share for p in plans})
    assert [(1005, 1006)] * 4 == [(plans[i].seed, plans[i + 1].seed) for i in (0, 2, 4, 6)]
    assert race.updates == sum(p.steps for p in plans)


def test_without_a_held_out_share_nothing_is_validated():
    assert [None] * 4 == [plan.validation for plan in Race(candidates=3, seeds=1, held_out=0.0).plans(PLAN, 0.1)]


def test_the_least_held_out_loss_wins_not_the_least_training_loss():
    race = Race(candidates=5, seeds=1)
    held_out = (6.0, 3.0, 1.0, 2.0, 7.0)
    records = [record(i, 10.0 ** (i - 4), [9.0 - i], validated=[0.0, loss]) for i, loss in enumerate(held_out)]
    assert pytest.approx(0.01) == judged(race, records).lr


def test_without_validation_the_end_of_the_training_losses_counts():
    race = Race(candidates=3, seeds=1)
    tails = ([1.0] * 18 + [5.0, 5.0], [9.0] * 18 + [2.0, 2.0], [1.0] * 18 + [6.0, 6.0])
    assert [5.0, 2.0, 6.0] == judged(race, [record(i, 1.0 + i, tail) for i, tail in enumerate(tails)]).losses[
        :, 0
    ].tolist()


def test_a_run_that_ended_early_is_last_whatever_its_losses_were():
    race = Race(candidates=3, seeds=1)
    records = [
        record(0, 0.1, [2.0], [2.0]),
        record(1, 1.0, [2.0], [2.5]),
        record(2, 10.0, [0.1, np.nan], [0.0], stopped_at=1),
    ]
    assert (0.1, True) == (judged(race, records).lr, judged(race, records).is_at_edge)


def test_nobody_wins_when_everything_diverged():
    race = Race(candidates=3, seeds=1)
    result = judged(race, [record(i, 1.0 + i, [np.nan], stopped_at=0) for i in range(3)])
    assert (None, True) == (result.lr, "diverged" in result.why)


def test_one_wild_loss_counts_no_more_than_its_place():
    good = [[6.0] * 4, [2.0] * 4, [1.0, 1.0, 1.0, 1e9], [2.5] * 4, [7.0] * 4]
    assert 2 == int(np.argmin(smoothed_places(np.array(good))))


def test_a_lone_winner_between_losers_yields_to_a_neighbourhood():
    # One seed, a lucky rate among diverged ones against two good neighbours.
    losses = np.array([[2.0], [1.9], [1.95], [np.inf], [0.5], [np.inf]])
    assert 1 == int(np.argmin(smoothed_places(losses)))


def test_equal_losses_share_their_places_and_the_suggestion_wins():
    assert np.ptp(smoothed_places(np.ones((4, 2)))) == 0.0
    race = Race(candidates=3, seeds=1)
    assert 1.0 == judged(race, [record(i, 10.0 ** (i - 1), [1.0], [1.0]) for i in range(3)]).lr


@pytest.mark.parametrize("suggestion", [0.003, 0.1, 1.0])
def test_a_race_on_the_bowl_finds_a_rate_below_the_stability_limit_and_never_a_diverging_one(suggestion):
    race = Race(candidates=11, seeds=3, steps=100, spacing=0.25)
    result = raced(race, PLAN, suggestion, ToyTrainer())
    assert (11, 3) == result.losses.shape
    assert result.lr < 2.0
    chosen = result.losses[int(np.argmin(result.places))].mean()
    assert chosen <= result.losses[5].mean() * 1.1


def test_the_race_says_what_it_cost_and_when_the_winner_is_at_the_edge():
    result = raced(Race(candidates=3, seeds=2, steps=30), PLAN, 0.03, ToyTrainer())
    assert (240, True, True) == (result.updates, result.is_at_edge, "at the edge" in result.why)


def test_a_winner_that_is_no_better_than_not_learning_is_no_suggestion():
    race = Race(candidates=3, seeds=1)
    records = [record(i, 10.0**i, [0.1], validated=[CONTROL + loss]) for i, loss in enumerate((2.0, 1.0, 3.0))]
    result = judged(race, records)
    assert (None, True) == (result.lr, "untrained model" in result.why)


@pytest.mark.parametrize(("loss", "lr"), [(0.96 * CONTROL, None), (0.94 * CONTROL, 1.0)])
def test_a_winner_must_be_five_per_cent_below_knowing_nothing(loss, lr):
    race = Race(candidates=3, seeds=1)
    records = [record(i, 10.0 ** (i - 1), [0.1], validated=[one]) for i, one in enumerate((CONTROL, loss, CONTROL))]
    assert lr == judged(race, records).lr


def test_the_control_learns_nothing():
    race = Race(candidates=3, seeds=1)
    assert race.plans(PLAN, 0.1)[0].rates.max() < 1e-9
