import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument, LostLease
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, Groups, TrialRecord
from lrsearch.experiments.packing import first_free
from lrsearch.experiments.search import PRUNERS, SAMPLERS, Search
from lrsearch.experiments.search.budget import Stagnation
from lrsearch.experiments.search.plots import plots_of
from lrsearch.spec import validate
from lrsearch.status import TrialStatus
from lrsearch.training.toy_trainer import ToyTrainer

RATE = "/optimizer/learning_rate"
FLOAT = {"type": "float", "low": 0.001, "high": 1.0, "log": True}
BASE: dict[str, Any] = {
    "schema": 1,
    "kind": "search",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 256,
    "epochs": 4,
    "space": {RATE: FLOAT},
    "pruner": {"kind": "none"},
    "objective": {"metric": "val_loss"},
    "budget": {"trials": 8},
}
CONDITIONAL = {
    RATE: FLOAT,
    "/schedule": {
        "choices": [
            None,
            {"kind": "cosine"},
            {"kind": "one_cycle", "pct_start": {"type": "float", "low": 0.1, "high": 0.5}},
        ]
    },
    "/batch_size": {"type": "int", "low": 64, "high": 256, "step": 64},
}


def made(**changes: Any) -> Search:
    document = {name: value for name, value in (BASE | changes).items() if value is not ...}
    experiment = validate(TypeAdapter[Experiment](AnyExperiment), document)
    assert isinstance(experiment, Search)
    return experiment


def ran(search: Search, **context: Any) -> tuple[dict[str, Any], list[TrialRecord]]:
    records: list[TrialRecord] = []
    result = search.run(Context(ToyTrainer(), records.extend, **context))
    return json.loads(json.dumps(result, allow_nan=False)), records


def refused(**changes: Any) -> list[tuple[str, str]]:
    try:
        problems = made(**changes).problems()
    except InvalidDocument as error:
        problems = error.problems
    assert all(problem.message and problem.action for problem in problems)
    return [(problem.pointer, problem.rule) for problem in problems]


def test_a_conditional_space_gives_each_schedule_its_own_parameters_and_the_rate_as_peak() -> None:
    search = made(space=CONDITIONAL, batch_size=..., budget={"trials": 30})
    assert [] == search.problems()
    result, records = ran(search)
    by_kind = {row["values"]["/schedule"]: set(row["values"]) for row in result["settings"]}
    shared = {RATE, "/schedule", "/batch_size"}
    assert {"null": shared, "cosine": shared, "one_cycle": shared | {"/schedule/one_cycle/pct_start"}} == by_kind
    for record in records:
        peak = record.setting["values"][RATE]
        assert peak == pytest.approx(record.arrays["lrs"].max(), rel=0.2)


@pytest.mark.parametrize(
    "schedule", [{"kind": "rex"}, {"kind": "warmup", "warmup_steps": 3, "schedule": {"kind": "cosine"}}]
)
def test_the_searched_rate_is_the_peak_of_a_schedule_that_the_document_fixes(schedule: dict[str, Any]) -> None:
    search = made(schedule=schedule)
    assert [] == search.problems()
    assert schedule == made(**search.model_dump(mode="json", by_alias=True)).schedule.model_dump()
    result, records = ran(search)
    assert schedule["kind"] == result["best"]["document"]["schedule"]["kind"]
    for record in records:
        assert record.setting["values"][RATE] == pytest.approx(record.arrays["lrs"].max(), rel=0.05)
        assert record.arrays["lrs"][-1] < record.arrays["lrs"].max()


def test_the_peak_of_a_fixed_schedule_may_be_searched_in_its_own_place() -> None:
    for given in ({}, {"max_lr": 0.1}):
        search = made(schedule={"kind": "rex"} | given, space={"/schedule/max_lr": FLOAT})
        assert [] == search.problems()
        _, records = ran(search)
        assert all(record.setting["values"]["/schedule/max_lr"] == record.arrays["lrs"].max() for record in records)


def test_fields_of_an_option_have_their_importance_among_its_settings() -> None:
    result, _ = ran(made(space=CONDITIONAL, batch_size=..., budget={"trials": 60}, sampler={"kind": "random"}))
    assert {RATE, "/schedule", "/batch_size"} == set(result["importance"])
    within = result["importance_within"]
    assert {"/schedule/one_cycle": {RATE, "/batch_size", "/schedule/one_cycle/pct_start"}} == {
        option: set(shares) for option, shares in within.items()
    }
    assert 1.0 == pytest.approx(sum(within["/schedule/one_cycle"].values()))
    assert RATE == next(iter(within["/schedule/one_cycle"]))


def test_the_figures_show_pruned_settings_where_they_stood_and_no_slice_of_what_does_not_differ() -> None:
    pruner = {"kind": "successive_halving", "reduction_factor": 2}
    space = CONDITIONAL | {"/optimizer/nesterov": {"choices": [False]}}
    search = made(space=space, batch_size=..., budget={"trials": 40}, pruner=pruner, together=1)
    result, _ = ran(search)
    plots = {plot.name: plot for plot in search.plots(result)}
    pruned = [row for row in result["settings"] if row["state"] == "pruned"]
    (faint,) = [line for line in plots["history"].lines if line.role == "faint"]
    assert [row["intermediate"][-1] for row in pruned] == list(faint.y)
    assert {"slice_optimizer_learning_rate", "slice_schedule", "slice_batch_size"} <= set(plots)
    assert "slice_optimizer_nesterov" not in plots
    assert (0.0, 1.0) == plots["importance"].x_limits
    assert {"64", "128", "192", "256"} >= set(plots["contour"].heat.y) or {"64", "128", "192", "256"} >= set(
        plots["contour"].heat.x
    )


def test_every_setting_has_every_seed_and_seeds_are_paired() -> None:
    search = made(seeds=3, seed=5)
    _, records = ran(search)
    assert [*range(24)] == sorted(record.number for record in records)
    assert [5, 6, 7] * 8 == [record.seed for record in sorted(records, key=lambda record: record.number)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda kind: kind.__name__)
def test_every_sampler_searches_or_says_what_is_missing(sampler: Any) -> None:
    kind = sampler.model_fields["kind"].default
    changes: dict[str, Any] = {"sampler": {"kind": kind}}
    if kind == "grid":
        changes["space"] = {"/optimizer/momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.1}}
    if kind == "nsga2":
        changes["objective"] = [{"metric": "val_loss"}, {"metric": "loss", "at": "auc"}]
    search = made(**changes)
    if problems := search.problems():
        (problem,) = problems
        assert ("/sampler/kind", "package_absent") == (problem.pointer, problem.rule)
        assert "pip install torch" in problem.action
        return
    result, records = ran(search)
    assert 8 == len(records) == len({json.dumps(row["values"]) for row in result["settings"]})


@pytest.mark.parametrize("pruner", PRUNERS, ids=lambda kind: kind.__name__)
def test_every_pruner_but_none_ends_runs_early_and_keeps_what_they_measured(pruner: Any) -> None:
    kind = pruner.model_fields["kind"].default
    few = {"median": {"startup_trials": 2}, "successive_halving": {"reduction_factor": 2}, "patience": {"epochs": 1}}
    search = made(
        pruner={"kind": kind} | few.get(kind, {}),
        seeds=5 if kind == "wilcoxon" else 2,
        epochs=8,
        budget={"trials": 20},
        space={RATE: {"type": "float", "low": 0.001, "high": 3.0, "log": True}},
        together=1,
    )
    assert [] == search.problems()
    result, records = ran(search)
    pruned = [row for row in result["settings"] if row["state"] == "pruned"]
    assert 20 == len(result["settings"])
    assert (kind != "none") == bool(pruned) == (result["cost"]["pruned"] > 0)
    if kind not in {"none", "wilcoxon"}:
        assert all(len(row["intermediate"]) < 8 for row in pruned)
        ended = [record for record in records if record.status is TrialStatus.PRUNED]
        assert 2 * len(pruned) == len(ended)


@pytest.mark.parametrize("at", ["end", "best", "auc"])
def test_the_objective_is_read_where_it_says(at: str) -> None:
    result, records = ran(made(objective={"metric": "val_loss", "at": at}))
    best = result["best"]
    (record,) = [record for record in records if record.number == best["trials"][0]]
    history = record.arrays["history/val_loss"]
    expected = {"end": history[-1], "best": history.min(), "auc": history.mean()}[at]
    assert [pytest.approx(expected)] == best["objective"]


def test_two_objectives_give_a_front_that_nothing_beats() -> None:
    search = made(
        objective=[{"metric": "val_loss"}, {"metric": "loss", "at": "auc"}],
        sampler={"kind": "nsga2", "population": 4},
        budget={"trials": 16},
    )
    result, _ = ran(search)
    assert result["best"] is None
    values = [row["objective"] for row in result["settings"]]
    for one in result["pareto_front"]:
        assert not any(a <= one["objective"][0] and b < one["objective"][1] for a, b in values)
    assert result["pareto_front"]


@pytest.mark.parametrize(
    ("second", "front", "stairs"),
    [
        (
            "minimize",
            [[0.1, 3.0], [0.2, 1.0], [0.2, 1.0]],
            [(0.1, 9.0), (0.1, 3.0), (0.2, 3.0), (0.2, 1.0), (4.0, 1.0)],
        ),
        ("maximize", [[0.1, 0.8], [0.2, 0.9]], [(0.1, 0.3), (0.1, 0.8), (0.2, 0.8), (0.2, 0.9), (4.0, 0.9)]),
    ],
)
def test_the_front_is_drawn_as_the_edge_of_what_was_reached(
    second: str, front: list[list[float]], stairs: list[tuple[float, float]]
) -> None:
    worst = [4.0, 9.0 if second == "minimize" else 0.3]
    metric = {"minimize": "loss", "maximize": "accuracy"}[second]
    result: dict[str, Any] = {
        "settings": [
            {"optuna_trial": at, "state": "complete", "objective": one, "values": {}}
            for at, one in enumerate([*front, worst])
        ],
        "objective": [
            {"metric": "val_loss", "at": "end", "direction": "minimize"},
            {"metric": metric, "at": "end", "direction": second},
        ],
        "pareto_front": [{"objective": one} for one in front],
        "importance": None,
    }
    plot = plots_of(result, "digits_mlp on digits")[0]
    beaten, edge, kept = plot.lines
    assert (True, second == "minimize") == (plot.x_log, plot.y_log)
    assert [tuple(worst)] == list(zip(beaten.x, beaten.y, strict=True))
    assert stairs == list(zip(edge.x, edge.y, strict=True))
    assert {tuple(one) for one in front} == set(zip(kept.x, kept.y, strict=True))


def test_a_budget_of_updates_is_never_exceeded_and_pruning_leaves_room_for_more() -> None:
    pruner = {"kind": "successive_halving", "reduction_factor": 2}
    budget = {"updates": 20 * 8}
    whole, _ = ran(made(budget=budget, together=1))
    thrifty, records = ran(made(budget=budget, together=1, pruner=pruner))
    assert 8 == len(whole["settings"]) < len(thrifty["settings"])
    assert sum(len(record.arrays["losses"]) for record in records) <= 20 * 8


def test_a_budget_of_time_begins_nothing_after_its_end() -> None:
    clock = iter([0.0, 5.0, 9.0, 11.0])
    result, _ = ran(made(budget={"wall_seconds": 10}, together=2), elapsed_seconds=lambda: next(clock))
    assert 6 == len(result["settings"])


def test_a_search_that_stagnates_stops() -> None:
    result, _ = ran(made(budget={"trials": 200}, together=1, stop={"kind": "stagnation", "trials": 5, "min_gain": 0.5}))
    assert 5 < len(result["settings"]) < 60


@pytest.mark.parametrize(
    ("values", "is_over"),
    [([1.0, 0.9, 0.8], False), ([0.5, 0.9, 0.8], True), ([0.5, None, None], True), ([None, None, None], False)],
)
def test_stagnation_counts_settings_since_the_last_gain(values: list[float | None], is_over: bool) -> None:
    assert is_over == Stagnation(trials=2).is_over(values, is_minimized=True)


def on_workers(search: Search, workers: int, **context: Any) -> list[TrialRecord]:
    """The records of a search whose packs are trained at the same time, each in a thread."""
    records: list[TrialRecord] = []
    taken: set[int] = set()
    lock, together = threading.Lock(), threading.Barrier(workers)

    def take(groups: Groups, count: int) -> list[int]:
        with lock:
            numbers = [number for group in first_free(groups, taken, count) for number in group]
            taken.update(numbers)
            return numbers

    def work(pack: int) -> None:
        together.wait()
        search.train([], Context(ToyTrainer(0.0005), records.extend, pack=pack, take=take, **context))

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, pack) for pack in range(workers)]:
            done.result()
    return sorted(records, key=lambda record: record.number)


def test_samplers_that_do_not_adapt_draw_the_same_settings_on_any_number_of_workers() -> None:
    for kind in ("random", "qmc"):
        search = made(space=CONDITIONAL, batch_size=..., sampler={"kind": kind})
        alone, _ = ran(search)
        shared = search.conclude(on_workers(search, 3))
        assert [row["values"] for row in alone["settings"]] == [row["values"] for row in shared["settings"]]


@pytest.mark.parametrize("kind", ["tpe", "cma_es", "nsga2"])
def test_samplers_that_learn_share_a_study_between_workers(kind: str, tmp_path: Any) -> None:
    import optuna

    from lrsearch.experiments.search.storage import close_storage

    url = f"sqlite:///{tmp_path / 'studies.db'}"
    two = {"objective": [{"metric": "val_loss"}, {"metric": "loss", "at": "auc"}]} if kind == "nsga2" else {}
    search = made(sampler={"kind": kind}, budget={"trials": 24}, together=2, **two)
    records = on_workers(search, 3, job_id="abc", database_url=url)
    close_storage(url)
    assert [*range(24)] == [record.number for record in records]
    study = optuna.load_study(study_name="job-abc", storage=url)
    assert ["COMPLETE"] * 24 == [trial.state.name for trial in study.trials]
    assert 24 == len({json.dumps(trial.params) for trial in study.trials})
    assert {*range(24)} == {record.setting["optuna_trial"] for record in records}


def test_packs_are_seats_and_each_setting_is_taken_with_all_its_seeds() -> None:
    search = made(seeds=2, budget={"trials": 7})
    assert [[], [], []] == search.packs(3)
    assert [[0, 1], [2, 3]] == search.shared_trials[:2]
    assert [*range(14)] == [number for group in search.shared_trials for number in group]
    assert 7 == len(search.packs(100))


def test_a_search_with_a_prior_can_be_joined_once_its_range_tests_are_there() -> None:
    search = made(space={RATE: {"type": "float"}}, prior="range_test")
    assert [[0, 1, 2]] == search.packs(4)
    assert [3] == search.shared_trials[0]
    assert [False, True] == [search.may_join({0, 2}), search.may_join({0, 1, 2, 3})]


def test_the_same_document_alone_gives_the_same_result() -> None:
    search = made(space=CONDITIONAL, batch_size=...)
    first, second = (ran(search)[0]["settings"] for _ in range(2))
    assert first == second


def test_diverged_settings_are_worst_and_never_best() -> None:
    result, _ = ran(made(space={RATE: {"type": "float", "low": 0.5, "high": 1e6, "log": True}}, epochs=40))
    states = [row["state"] for row in result["settings"]]
    assert "diverged" in states
    assert "diverged" in result["flags"]
    diverged = [row["setting"] for row in result["settings"] if row["state"] == "diverged"]
    assert result["best"] is None or int(result["best"]["setting"].split(":")[0]) not in diverged


class Dies:
    """The toy trainer until some runs are made; then its worker is dead."""

    name = "toy"

    def __init__(self, lives: int) -> None:
        self.runs, self._lives = 0, lives

    def train(self, plans: Any, observer: Any) -> Any:
        if self.runs >= self._lives:
            raise LostLease("dead")
        self.runs += len(plans)
        return ToyTrainer().train(plans, observer)


def test_a_killed_workers_settings_run_again_with_their_values_and_finished_ones_do_not(tmp_path: Any) -> None:
    import optuna

    url = f"sqlite:///{tmp_path / 'studies.db'}"
    search = made(together=2, seeds=2, budget={"trials": 8})
    records: dict[int, TrialRecord] = {}
    context = Context(
        Dies(8),
        lambda new: records.update({record.number: record for record in new}),
        job_id="abc",
        database_url=url,
        finished=lambda: records,
    )
    pack = [*range(16)]
    with pytest.raises(LostLease):
        search.train(pack, context)
    assert 8 == len(records)
    study = optuna.load_study(study_name="job-abc", storage=url)
    running = [trial for trial in study.trials if trial.state.name == "RUNNING"]
    assert 2 == len(running)

    later = Dies(100)
    rest = [number for number in pack if number not in records]
    search.train(rest, replace(context, trainer=later, attempt=2))
    assert (8, 16) == (later.runs, len(records))
    study = optuna.load_study(study_name="job-abc", storage=url)
    counts = {state: sum(trial.state.name == state for trial in study.trials) for state in ("COMPLETE", "FAIL")}
    assert {"COMPLETE": 8, "FAIL": 2} == counts
    assert len(study.trials) == 10
    again = {
        trial.user_attrs["lrsearch"]["setting"]: trial.params
        for trial in study.trials
        if trial.state.name == "COMPLETE"
    }
    for trial in running:
        assert trial.params == again[trial.user_attrs["lrsearch"]["setting"]]
    for record in records.values():
        trial = study.trials[record.setting["optuna_trial"]]
        assert record.setting["values"] == trial.params
        assert record.number in trial.user_attrs["lrsearch"]["trials"]


def test_a_trial_that_was_recorded_but_not_told_is_told_by_the_next_attempt_and_not_run(tmp_path: Any) -> None:
    import optuna

    url = f"sqlite:///{tmp_path / 'studies.db'}"
    search = made(together=1, budget={"trials": 2})
    records: dict[int, TrialRecord] = {}

    def record_and_die(new: Sequence[TrialRecord]) -> None:
        records.update({record.number: record for record in new})
        raise LostLease("dead right after recording")

    context = Context(ToyTrainer(), record_and_die, job_id="abc", database_url=url, finished=lambda: records)
    with pytest.raises(LostLease):
        search.train([0, 1], context)
    trainer = Dies(100)
    search.train([1], replace(context, trainer=trainer, on_trials=lambda records: None, attempt=2))
    study = optuna.load_study(study_name="job-abc", storage=url)
    assert 1 == trainer.runs
    assert 2 == len(study.trials)


def test_everything_that_is_wrong_comes_together_with_its_place() -> None:
    found = refused(
        space={
            "/optimizer/learning_rat": FLOAT,
            "/data/name": {"choices": ["digits", "iris"]},
            "/batch_size": {"type": "int", "low": 8, "high": 16},
        },
        sampler={"kind": "nsga2"},
        objective={"metric": "val_los"},
    )
    assert {
        ("/space/~1data~1name", "not_varied"),
        ("/batch_size", "fixed_elsewhere"),
        ("/sampler/kind", "two_objectives"),
        ("/objective/metric", "not_measured"),
    } <= set(found)


BAD: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"space": {}}, ("/space", "too_short")),
    ({"space": {"/optimizer/learning_rat": FLOAT}}, ("/space/~1optimizer~1learning_rat", "no_such_field")),
    ({"space": {"/optimiser/momentum": FLOAT}}, ("/space/~1optimiser~1momentum", "no_such_field")),
    (
        {"space": {RATE: FLOAT}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}},
        (RATE, "fixed_elsewhere"),
    ),
    ({"space": {RATE: FLOAT | {"low": 2.0}}}, ("/space/~1optimizer~1learning_rate/low", "below_high")),
    ({"space": {RATE: FLOAT | {"low": 0.0}}}, ("/space/~1optimizer~1learning_rate/low", "above_zero_for_log")),
    ({"space": {RATE: {"type": "float", "high": 1.0}}}, ("/space/~1optimizer~1learning_rate/low", "missing")),
    ({"sampler": {"kind": "gp"}}, ("/sampler/kind", "package_absent")),
    ({"sampler": {"kind": "grid"}}, ("/space/~1optimizer~1learning_rate/step", "countable")),
    (
        {"sampler": {"kind": "cma_es"}, "space": {"/optimizer/nesterov": {"choices": [True, False]}}},
        ("/space/~1optimizer~1nesterov", "no_choices_with_cma_es"),
    ),
    ({"sampler": {"kind": "nsga2"}}, ("/sampler/kind", "two_objectives")),
    ({"epochs": 1, "pruner": {"kind": "median"}}, ("/pruner/kind", "no_intermediate_values")),
    (
        {"objective": {"metric": "test_loss"}, "pruner": {"kind": "median"}},
        ("/pruner/kind", "no_intermediate_values"),
    ),
    ({"pruner": {"kind": "wilcoxon"}}, ("/pruner/kind", "no_intermediate_values")),
    ({"objective": ...}, ("/objective", "missing")),
    ({"objective": {"metric": "test_loss", "at": "auc"}}, ("/objective/at", "measured_once")),
    ({"budget": {}}, ("/budget/trials", "some_budget")),
    ({"metric": "loss"}, ("/metric", "objective_says")),
    (
        {
            "space": {
                "/schedule": {
                    "choices": [
                        {"kind": "cosine", "max_lr": {"type": "float", "low": 1.0, "high": 0.1}},
                        {"kind": "rex", "max_lr": 0.1, "min_lrr": 0.0},
                    ]
                }
            }
        },
        ("/space/~1schedule/choices/0/max_lr/low", "below_high"),
    ),
    (
        {"space": {"/schedule": {"choices": [{"kind": "rex", "max_lr": 0.1, "min_lrr": 0.0}]}}},
        ("/space/~1schedule/choices/0/min_lrr", "extra_forbidden"),
    ),
    (
        {"schedule": {"kind": "rex"}, "space": {"/optimizer/momentum": {"type": "float", "low": 0.0, "high": 0.9}}},
        ("/schedule/max_lr", "missing"),
    ),
    ({"schedule": {"kind": "rex", "max_lr": 0.1}}, ("/schedule/max_lr", "fixed_elsewhere")),
    ({"schedule": {"kind": "rex", "min_lrr": 0.1}}, ("/schedule/min_lrr", "extra_forbidden")),
    ({"schedule": {"kind": "triangular", "half_cycle_steps": 4}}, ("/schedule/base_lr", "missing")),
    ({"batch_size": 5000}, ("/batch_size", "at_most_training_set")),
    ({"limits": {"trials": 3}}, ("/budget/trials", "too_many_trials")),
    ({"limits": {"trials": 1}, "seeds": 2, "budget": {"updates": 100}}, ("/limits/trials", "too_many_trials")),
]
"""Changes to `BASE`, and the field and rule of the answer; every kind of bad input that issue 7 lists is among them."""


@pytest.mark.parametrize(("changes", "expected"), BAD, ids=lambda value: str(value)[:60])
def test_bad_input_is_answered_with_field_and_rule(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in refused(**changes)


def test_a_range_test_bounds_the_rate_and_gives_the_first_points() -> None:
    search = made(space={RATE: {"type": "float"}}, prior="range_test", budget={"trials": 6}, together=1, seeds=2)
    assert [] == search.problems()
    result, records = ran(search)
    assert [*range(3 + 12)] == sorted(record.number for record in records)
    assert search.estimate().trials == len(records)
    (prior,) = result["prior"]
    rates = [row["values"][RATE] for row in result["settings"]]
    assert [10**0.3, 10**0.9, 10**-0.3] == pytest.approx([one / prior["lr"] for one in prior["first_points"]], rel=1e-4)
    assert prior["first_points"][0] == rates[0]
    assert all(prior["low"] <= rate <= prior["high"] for rate in rates)
    assert prior["high"] / prior["low"] <= 10**2.4001


def test_the_first_points_of_a_prior_take_each_option_at_the_likeliest_rate_before_the_next_rate() -> None:
    schedules = {"/schedule": {"choices": [None, {"kind": "cosine"}]}}
    search = made(space={RATE: {"type": "float"}} | schedules, prior="range_test", sampler={"kind": "random"})
    result, _ = ran(search)
    (prior,) = result["prior"]
    drawn = [(row["values"][RATE], row["values"]["/schedule"]) for row in result["settings"][:6]]
    assert [(rate, schedule) for rate in prior["first_points"] for schedule in ("cosine", "null")] == drawn


def test_what_a_prior_leads_is_not_pruned_unless_it_is_hopeless() -> None:
    epochs = {"epochs": 8, "pruner": {"kind": "successive_halving", "reduction_factor": 100}}
    result, _ = ran(made(space={RATE: {"type": "float"}}, prior="range_test", together=1, **epochs))
    states = [row["state"] for row in result["settings"]]
    assert 1 < states[: len(states) // 2].count("complete")
    assert "pruned" in states


def test_a_sampler_that_a_prior_leads_draws_nothing_at_random_after_the_first_points() -> None:
    by_kind = {sampler.model_fields["kind"].default: sampler() for sampler in SAMPLERS}
    assert 4 == by_kind["tpe"].led(4).startup_trials
    assert 10 == by_kind["tpe"].led(0).startup_trials
    assert 10 == by_kind["tpe"].led(99).startup_trials
    assert by_kind["random"].led(4) == by_kind["random"]


def test_the_documents_ends_remain_the_outer_limits_of_a_prior() -> None:
    search = made(space={RATE: FLOAT | {"low": 0.2, "high": 0.4}}, prior="range_test")
    result, _ = ran(search)
    assert all(0.2 <= row["values"][RATE] <= 0.4 for row in result["settings"])


def test_every_optimizer_has_range_tests_and_a_rate_of_its_own() -> None:
    search = made(
        optimizer=...,
        prior="range_test",
        space={RATE: {"type": "float"}, "/optimizer": {"choices": [{"kind": "sgd"}, {"kind": "adam"}]}},
    )
    assert [] == search.problems()
    result, records = ran(search)
    assert ["sgd", "sgd", "sgd", "adam", "adam", "adam"] == [
        record.setting["optimizer"] for record in records if "prior" in record.setting
    ]
    for row in result["settings"]:
        kind = row["values"]["/optimizer"]
        assert {"/optimizer", f"/optimizer/{kind}/learning_rate"} == set(row["values"])


def test_a_prior_bounds_the_peaks_of_schedules_too() -> None:
    schedules = {"choices": [{"kind": kind, "max_lr": {"type": "float"}} for kind in ("cosine", "one_cycle")]}
    search = made(space={"/schedule": schedules}, prior="range_test")
    assert [] == search.problems()
    result, _ = ran(search)
    (prior,) = result["prior"]
    peaks = [value for row in result["settings"] for name, value in row["values"].items() if name.endswith("max_lr")]
    assert 8 == len(peaks)
    assert all(prior["low"] <= peak <= prior["high"] for peak in peaks)


def test_a_run_above_the_loss_of_divergence_is_pruned() -> None:
    limits = {"type": "float", "low": 2.5, "high": 5.0, "log": True}
    result, _ = ran(made(space={RATE: limits}, prior="range_test", pruner={"kind": "median"}, epochs=8))
    assert {"pruned"} == {row["state"] for row in result["settings"]}


def test_a_prior_without_a_rate_in_the_space_is_refused() -> None:
    assert ("/prior", "needs_a_rate") in refused(
        space={"/optimizer/momentum": {"type": "float", "low": 0.0, "high": 0.9}}, prior="range_test"
    )
