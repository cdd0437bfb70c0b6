"""The regret benchmark: its ground truth, its rivals, and what the stored tasks promise of the default rule."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.regret import (
    checked,
    distances,
    files,
    fresh,
    further_seeds,
    measure,
    page,
    rivals,
    store,
    unseen,
    wider,
)
from benchmarks.regret.__main__ import main
from benchmarks.regret.ablations import answered, any_repeat, shifted
from benchmarks.regret.evaluate import advice, figures, ours, regrets, theirs
from benchmarks.regret.fit import fitted, folds, regret_by_shift
from benchmarks.regret.intervals import Evidence, chosen_depth, evidence, strong_held_out
from benchmarks.regret.measure import GRID, VERDICT_TASKS, schedules
from benchmarks.regret.race_report import default_races, share_held
from benchmarks.regret.races import middles, moved, replay
from benchmarks.regret.report import Report
from benchmarks.regret.tasks import tasks
from benchmarks.regret.truth import Measured, mean_losses
from benchmarks.regret.usual import pulled, usual
from lrsearch.experiments.confirmation import LEVEL
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


def test_further_seeds_count_as_seeds_and_can_be_left_out_again():
    task, later = store.load()[0], store.load_fresh()[0]
    first = further_seeds.first_alone(task)
    more = further_seeds.means()[task.task.name]
    assert pytest.approx((3 * first.losses + 9 * more) / 12) == task.losses
    assert pytest.approx(further_seeds.joined(first.losses, task.task.name)) == task.losses
    assert first.losses.min() > 0
    assert later is further_seeds.first_alone(later)


def test_only_convolutional_tasks_have_no_race_and_no_further_seeds():
    slow = {task.task.name for task in store.load() if task.task.family.is_slow}
    assert slow == {task.task.name for task in store.load()} - set(further_seeds.means())
    assert slow == {task.task.name for task in store.load() if not np.isfinite(task.race).any()}


def test_a_races_losses_are_stored_finely_and_a_batchs_roughly():
    values = np.array([1.0001, 1.001, 1.01, np.nan, 1e9])
    assert [1.0, 1.001, 1.01] == pytest.approx(files.rounded(values, 10)[:3].tolist(), abs=5e-4)
    assert [1.0, 1.0, 1.0156] == pytest.approx(files.rounded(values)[:3].tolist(), abs=5e-5)
    assert np.inf == files.rounded(values)[3]


def test_distances_are_told_in_decades_from_the_suggestion_to_the_best_rate(some):
    errors, spreads = distances.distances(some)
    assert len(errors) == len(spreads)
    assert (0.0 <= spreads).all()
    text = distances.said(some, store.load_cycles())
    assert f"{np.median(errors):+.2f} decades from the suggestion in the median" in text


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
    task = raced(np.abs(GRID + 2.0))
    assert (-2.0, 0) == replay(task, -2.6, Race(candidates=9), 0, [0, 1, 2])
    assert (-2.0, 0) == replay(task, -2.6, Race(candidates=5, spacing=0.5), 0, [0, 1, 2])


def raced(losses, nothing=np.inf):
    """A task of which only the races are known, alike for all seeds."""
    task = known(np.ones(1 + len(GRID)), [-9.0, *GRID])
    return replace(task, race=losses[None, :, None] * np.ones((1, 1, 3)), nothing=nothing)


def test_a_replayed_race_whose_winner_is_hardly_below_knowing_nothing_has_no_winner():
    losses = np.where(GRID == -2.0, 0.955, 1.0)
    assert np.isnan(replay(raced(losses, nothing=1.0), -2.0, Race(), 0, [0, 1, 2])[0])
    assert (-2.0, 0) == replay(raced(losses, nothing=1.02), -2.0, Race(), 0, [0, 1, 2])


def test_a_replayed_race_goes_on_beyond_its_edge_as_far_as_rates_were_measured():
    task = raced(np.abs(GRID + 1.25))
    assert (-1.5, 0) == replay(task, -2.0, Race(candidates=5, widenings=0), 0, [0, 1, 2])
    assert (-1.25, 1) == replay(task, -2.0, Race(candidates=5, pull=0.0), 0, [0, 1, 2])
    assert 2 == replay(task, -3.0, Race(candidates=5), 0, [0, 1, 2])[1]
    assert (1.0, 1) == replay(raced(-GRID), 0.0, Race(candidates=5, pull=0.0), 0, [0, 1, 2])


def test_the_level_of_a_races_interval_is_what_the_stored_races_give_rounded_down():
    chosen = [task for task in (*store.load(), *store.load_later()) if np.isfinite(task.race).any()]
    share = share_held(chosen, default_races(chosen, ours(chosen, lambda _: Consensus())))
    assert np.floor(100 * share) / 100 == LEVEL


def test_without_a_suggestion_the_race_is_around_the_default_rate_of_the_optimizer():
    sgd = next(task for task in store.load() if task.task.optimizer == "sgd")
    assert [[-2.0, -3.5]] == middles([sgd], np.array([[np.nan, -3.5]])).round(6).tolist()


def test_three_tasks_can_not_be_learned_and_the_race_gives_no_rate_on_them():
    found = [task for task in (*store.load(), *store.load_later()) if not task.can_be_learned]
    assert {"checkerboard"} == {task.task.family.name for task in found}
    assert np.isnan(default_races(found, ours(found, lambda _: Consensus()))).all()


def test_the_chosen_depth_is_the_least_from_which_on_enough_intervals_hold_and_is_held_out_by_group():
    found = [Evidence(group, depth, 0.9, depth > 0.5, 0.1) for group in "abc" for depth in (0.4, 0.6, 0.8)]
    assert pytest.approx(0.42) == chosen_depth(found)
    assert np.inf == chosen_depth([one for one in found if not one.held])
    # without group c the depth would have to be greater: c alone holds at 0.6
    odd = [replace(one, held=one.depth > 0.7) if one.group != "c" else one for one in found]
    assert {("c", 0.8), ("a", 0.8), ("b", 0.8)} == {(one.group, one.depth) for one in strong_held_out(odd)}


@pytest.mark.long
def test_the_depth_of_strong_evidence_is_the_chosen_one_and_its_intervals_hold_where_it_is_held_out():
    found = evidence([*store.load(), *store.load_later()])
    assert Consensus.deep == chosen_depth(found)
    held_out = strong_held_out(found)
    assert Consensus.sure_level <= np.mean([one.held for one in held_out])
    assert 0.1 < len(held_out) / len(found)
    assert Consensus.level == pytest.approx(
        np.mean([one.held for one in found if one.level == Consensus.level]), abs=0.01
    )


def test_the_schedules_run_between_their_bounds():
    triangle, cycle = schedules(0.01, 0.1, 200)
    assert pytest.approx((0.01, 0.1)) == (triangle.min(), triangle.max())
    assert pytest.approx((0.01, 0.1), rel=1e-6) == (cycle[0], cycle.max())


def test_the_fresh_tasks_are_stored_on_data_of_their_own_with_an_optimizer_no_other_task_has():
    stored = store.load_fresh()
    assert [task.name for task in fresh.tasks()] == [measured.task.name for measured in stored]
    others = {measured.task.family.group for measured in store.load()}
    assert set() == others & {measured.task.family.group for measured in stored}
    assert "nadam" in {measured.task.optimizer for measured in stored} - {task.optimizer for task in tasks()}


def test_adadelta_is_known_above_the_grid_and_has_a_ramp_of_its_own():
    found = [one for one in (*store.load(), *store.load_later()) if one.task.optimizer == "adadelta"]
    assert len(found) > 9
    assert {3.0} == {float(one.log_rates[-1]) for one in found}
    assert {1e3} == {round(float(one.curves["raised"][0][-1]), 6) for one in found}
    assert {1.0} == {float(one.log_rates[-1]) for one in store.load() if one.task.optimizer != "adadelta"}


def test_the_races_of_the_verdict_cases_are_stored_with_the_untrained_model_first():
    races = store.load_case_races()
    assert set(VERDICT_TASKS) == set(races)
    assert {(1 + len(GRID), 3)} == {losses.shape for losses in races.values()}
    assert pytest.approx(np.log(3), rel=1e-3) == races["label noise, samples seen 11 times"][0].mean()


def test_fresh_measures_what_is_missing_and_packs_it(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["regret", "--fresh"])
    done = []
    monkeypatch.setattr(measure, "measure_all_fresh", lambda: done.append("measured"))
    monkeypatch.setattr(store, "pack_fresh", lambda: done.append("packed"))
    main()
    assert ["measured", "packed"] == done


def test_a_packed_fresh_task_is_read_as_it_was_measured(monkeypatch, tmp_path):
    task = fresh.tasks()[0]
    measured = packed_again(monkeypatch, tmp_path, task)
    original = next(one for one in store.load_fresh() if one.task == task)
    assert pytest.approx(original.losses, rel=1e-6) == measured.losses
    assert np.array_equal(original.curves["ramp"][1], measured.curves["ramp"][1])


def packed_again(monkeypatch, folder, task):
    """A task as `--fresh` leaves it in its folder, packed into a file of its own and read from there."""
    known = files.read(store.FRESH_FILE)
    i = known["names"].tolist().index(task.name)
    truth = np.repeat(known["losses"][i].astype(np.float64)[:, None], 3, axis=1)
    ramps = {name: known[name][i].astype(np.float64) for name in measure.RAMPS}
    np.savez(folder / f"{task.name}.npz", truth=truth, **ramps)
    adadelta = next(one for one in fresh.tasks() if one.optimizer == "adadelta")
    np.savez(folder / f"raised-{task.name}.npz", losses=np.ones((8, 100)))
    np.savez(folder / f"above-{adadelta.name}.npz", truth=np.ones((8, 3)))
    for case in VERDICT_TASKS.values():
        np.savez(folder / f"verdict-race-{case.family.name}.npz", losses=np.ones((1 + len(GRID), 3)))
    file = folder / "fresh.npz.xz"
    with monkeypatch.context() as patched:
        patched.setattr(store, "FOLDER", folder)
        patched.setattr(store, "FRESH_FILE", file)
        store.pack_fresh()
    (measured,) = store._load(files.read(file), [task])
    return measured


def test_a_page_is_filled_between_its_markers_and_nowhere_else():
    text = "a\n<!-- regret one: begin -->\nold\n<!-- regret one: end -->\nb | 1 |\n"
    assert ["one"] == page.names_in(text)
    new = page.filled(text, {"one": "| new |", "two": "elsewhere"})
    assert "a\n<!-- regret one: begin -->\n| new |\n<!-- regret one: end -->\nb | 1 |\n" == new
    assert new == page.filled(new, {"one": "| new |"})
    with pytest.raises(KeyError, match="one"):
        page.filled(text, {})


def test_every_table_of_the_advice_stands_between_markers():
    text = (page.ROOT / "docs" / "advice.md").read_text(encoding="utf-8")
    blank = page.filled(text, dict.fromkeys(page.names_in(text), ""))
    assert [] == [line for line in blank.splitlines() if line.startswith("|")]
    assert len(page.names_in(text)) > 20


@pytest.mark.long
@pytest.mark.timeout(1800)  # three minutes of one core, on a busy machine many more
def test_the_pages_say_what_the_command_prints():
    blocks = Report(store.load(), store.load_later()).blocks()
    for one in page.PAGES:
        text = one.read_text(encoding="utf-8")
        assert text == page.filled(text, blocks), f"{one.name}: run make regret"


def test_the_main_figures_of_the_pages_are_those_of_the_stored_measurements():
    """The part of the drift test that is cheap; `test_the_pages_say_what_the_command_prints` looks at all."""
    text = (page.ROOT / "docs" / "advice.md").read_text(encoding="utf-8")
    shipped = figures(regrets(store.load_later(), ours(store.load_later(), lambda _: Consensus())))
    assert f"| consensus as it ships | {' | '.join(shipped.cells())} |" in text
    shipped = figures(regrets(store.load(), ours(store.load(), lambda _: Consensus())))
    assert f"| consensus as it ships (fitted on all) | {' | '.join(shipped.cells())} | 3 x 100 |" in text


def test_a_race_moved_to_the_jobs_candidates_keeps_the_distance_of_the_suggestion_from_the_grid():
    found = moved(np.array([[-2.5, np.nan, -2.4]]), np.array([[-2.0, np.nan, -2.0]]))
    np.testing.assert_allclose(found, [[-2.0, np.nan, -1.9]])


def test_a_rate_from_any_repeat_answers_at_least_as_often(some):
    shipped = [advice(task, Consensus()) for task in some[:6]]
    assert answered([any_repeat(task) for task in some[:6]]) >= answered(shipped)


def test_a_feature_moved_by_its_best_shift_is_as_good_as_it_was_where_no_shift_helps(some):
    answers = ours(some, lambda _: Consensus())
    plain, moved_ = (figures(regrets(some, one)).mean for one in (answers, shifted(some, answers, by_kind=False)))
    assert moved_ < 2 * plain + 0.01


@pytest.mark.parametrize("listed", [fresh, wider, unseen])
def test_later_tasks_are_stored_whole_and_in_small_files(listed):
    load, file = {
        fresh: (store.load_fresh, store.FRESH_FILE),
        wider: (store.load_wider, store.WIDER_FILE),
        unseen: (store.load_unseen, store.UNSEEN_FILE),
    }[listed]
    assert [task.name for task in listed.tasks()] == [measured.task.name for measured in load()]
    assert file.stat().st_size < 200_000
    for measured in load():
        assert np.isfinite(measured.losses).all()
        assert (measured.losses <= measured.losses[0]).all()
        assert (8, 100) == measured.curves["ramp"][1].shape
        # half floats would end at 65,504
        assert measured.curves["ramp"][1][:, 0].max() < 1e4


def test_the_unseen_tasks_share_no_data_with_the_others():
    others = {one.task.family.group for one in (*store.load(), *store.load_fresh(), *store.load_wider())}
    assert set() == others & {measured.task.family.group for measured in store.load_unseen()}
    assert len(store.load_unseen()) >= 24


def test_range_tests_that_held_samples_out_have_rates_on_tasks_and_none_on_noise():
    found = store.load_checked()
    assert set(checked.CASES) <= {one.name for one in found}
    assert store.CHECKED_FILE.stat().st_size < 200_000
    for one in found:
        if one.name in checked.CASES:
            assert [None] * 8 == [after.lr for _, after in one.answers()], one.name
    stays, lost = checked.kept(found[: len(checked.CASES) + 20], store.load())
    assert 100 < len(stays) > 50 * len(lost)


def test_an_answer_is_pulled_half_of_the_way_and_at_most_half_a_decade(some):
    adam, sgd = (next(task for task in store.load() if task.task.optimizer == name) for name in ("adam", "sgd"))
    answers = np.array([-2.5, -6.0, np.nan])
    np.testing.assert_allclose([-2.25, -5.5, np.nan], pulled(adam, answers, {"adam": -2.0}))
    np.testing.assert_array_equal(answers, pulled(sgd, answers, {"adam": -2.0}))
    assert "sgd" not in usual(some)


@pytest.mark.parametrize("option", ["wider", "unseen", "checked"])
def test_each_later_set_is_measured_and_packed_by_its_option(monkeypatch, option):
    monkeypatch.setattr(sys, "argv", ["regret", f"--{option}"])
    done = []
    for module, name in ((measure, "measure_all_wider"), (measure, "measure_all_unseen"), (checked, "measure_all")):
        monkeypatch.setattr(module, name, lambda name=name: done.append(name))
    for name in ("wider", "unseen", "checked"):
        monkeypatch.setattr(store, f"pack_{name}", lambda name=name: done.append(name))
    main()
    assert [{"checked": "measure_all"}.get(option, f"measure_all_{option}"), option] == done
