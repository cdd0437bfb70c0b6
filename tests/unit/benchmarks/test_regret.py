"""The regret benchmark: its ground truth, its rivals, and what the stored tasks promise of the default rule."""

import numpy as np
import pytest

from benchmarks.regret import rivals, store
from benchmarks.regret.evaluate import advice, figures, ours, regrets, theirs
from benchmarks.regret.fit import fitted, folds, regret_by_shift
from benchmarks.regret.measure import schedules
from benchmarks.regret.races import winner
from benchmarks.regret.tasks import tasks
from benchmarks.regret.truth import Measured, mean_losses
from lrsearch.experiments.race import Race
from lrsearch.suggestions.base import Verdict
from lrsearch.suggestions.consensus import Consensus

FALLING = np.concatenate([np.full(40, 2.0), np.linspace(2.0, 0.2, 40), np.linspace(0.2, 30.0, 20)])
LRS = np.geomspace(1e-7, 10.0, 100)


def known(losses, log_rates):
    """A task of which only the ground truth matters."""
    return Measured(
        tasks()[0], 100, 100, np.asarray(log_rates), np.asarray(losses), {}, np.empty(0), np.empty(0, np.int64)
    )


@pytest.fixture(scope="module")
def some():
    """Every third stored task: enough to see a rule go wrong, few enough for the fast tests."""
    return store.load()[::3]


def test_regret_is_the_share_of_the_achievable_improvement_that_is_lost():
    task = known([4.0, 2.0, 1.0, 3.0], [-9.0, -3.0, -2.0, -1.0])
    assert [1.0, 1 / 3, 0.0, 2 / 3] == pytest.approx([task.regret(x) for x in (-9.0, -3.0, -2.0, -1.0)])
    assert pytest.approx(1 / 6) == task.regret(-2.5)
    assert 1.0 == task.regret(None)


def test_a_run_that_diverged_has_lost_everything_and_not_more():
    truth = np.array([[3.0, 5.0], [1.0, 1.0], [np.inf, 1e9]])
    assert [4.0, 1.0, 4.0] == mean_losses(truth).tolist()


def test_there_are_at_least_forty_stored_tasks_and_every_optimizer_and_data_set_is_among_them():
    stored = store.load()
    assert len(stored) >= 40
    assert {task.optimizer for task in tasks()} == {measured.task.optimizer for measured in stored}
    assert {task.family.group for task in tasks()} == {measured.task.family.group for measured in stored}
    assert any(measured.task.family.is_slow for measured in stored)


def test_the_stored_file_is_small():
    assert store.FILE.stat().st_size < 200_000


def test_no_data_set_is_on_both_sides_of_a_split():
    stored = store.load()
    for train, out in folds(stored):
        assert not {stored[i].task.family.group for i in train} & {stored[i].task.family.group for i in out}
        assert sorted([*train, *out]) == list(range(len(stored)))


def test_a_shift_is_believed_only_when_it_saves_more_than_it_costs():
    task = known([1.0, 0.0, 1.0], [-4.0, -2.0, 0.0])
    table = regret_by_shift([task] * 6, np.full((6, 1), -2.5))
    assert pytest.approx(0.45, abs=0.1) == fitted(table, ["adam"] * 6)["adam"]
    assert {} == fitted(regret_by_shift([task], np.full((1, 1), -2.05)), ["adam"])


@pytest.mark.parametrize(
    ("rule", "answer"),
    [(rivals.minimum, LRS[79] / 10.0), (rivals.valley, LRS[58])],
)
def test_fastai_rules_on_a_straight_descent(rule, answer):
    # The longest decreasing subsequence are the 40 losses from index 40 on; its own bookkeeping starts at 79 - 41 = 38.
    assert pytest.approx(answer, rel=0.25) == rule(LRS, FALLING)


def test_fastai_steep_is_the_steepest_step():
    losses = np.array([3.0, 2.9, 1.0, 0.9])
    assert 1e-2 == rivals.steep(np.array([1e-3, 1e-2, 1e-1, 1.0]), losses)


def test_the_average_of_a_flat_loss_is_flat_but_for_lightnings_late_correction():
    assert [2.0] * 5 == pytest.approx(rivals.averaged(np.full(5, 2.0), 0.98).tolist())
    assert pytest.approx(1.0) == rivals.averaged(np.full(5, 2.0), 0.98, late=1)[0] * (1 - 0.98**2) / (2 * 0.02) / 1.0


def test_a_rivals_stop_does_not_see_nan():
    assert 4 == len(rivals.stopped(np.array([1.0, np.nan, 2.0, 9.0, 1.0]), 4.0))


def test_the_default_rule_keeps_its_promise_on_a_sample_of_the_tasks(some):
    found = figures(regrets(some, ours(some, lambda _: Consensus())))
    assert (True, True, True) == (found.mean <= 0.04, found.p90 <= 0.10, found.worst <= 0.25)


def test_the_default_rule_beats_the_best_rival_on_a_sample_of_the_tasks(some):
    best = figures(regrets(some, theirs(some, rivals.RIVALS[0])))
    found = figures(regrets(some, ours(some, lambda _: Consensus())))
    assert (found.mean, found.p90) < (best.mean, best.p90)
    assert found.worst < best.worst


def test_every_rival_answers_on_a_task_that_is_easy_to_read(some):
    easy = next(task for task in store.load() if task.task.name == "digits-rmsprop")
    assert all(np.isfinite(theirs([easy], rival)).all() for rival in rivals.RIVALS)


@pytest.mark.parametrize(
    ("case", "verdict"),
    [("dead", Verdict.FLAT), ("exploding", Verdict.NON_FINITE)],
)
def test_where_nothing_can_be_trained_the_verdict_says_so(case, verdict):
    measured = next(found for found in store.load_verdicts() if found.task.family.name == case)
    assert {verdict} == {answer.verdict for answer in advice(measured, Consensus())}


@pytest.mark.parametrize("case", ["noise_once", "noise"])
def test_labels_of_noise_are_mostly_flat(case):
    measured = next(found for found in store.load_verdicts() if found.task.family.name == case)
    assert sum(answer.lr is not None for answer in advice(measured, Consensus())) <= 1


def test_a_replayed_race_finds_the_best_of_the_grid_when_the_seeds_agree():
    grid = np.round(np.arange(-5.0, 1.01, 0.25), 2)
    losses = np.abs(grid + 2.0)[None, :, None] * np.ones((1, 1, 3))
    task = known([2.0, 0.0], [-9.0, -2.0])
    object.__setattr__(task, "race", losses)
    assert -2.0 == winner(task, -2.6, Race(candidates=9), 0, [0, 1, 2])
    assert np.isnan(winner(task, np.nan, Race(candidates=9), 0, [0, 1, 2]))


def test_the_schedules_run_between_their_bounds():
    triangle, cycle = schedules(0.01, 0.1, 200)
    assert pytest.approx((0.01, 0.1)) == (triangle.min(), triangle.max())
    assert pytest.approx((0.01, 0.1), rel=1e-6) == (cycle[0], cycle.max())
