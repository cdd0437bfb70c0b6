"""The memory of outcomes: stored with trials and closings, gone with their job, summed up by rule."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import func, select

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.models import AdviceRow, OutcomeRow
from lrsearch.errors import LostLease
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment
from lrsearch.jobs import JobView, RuleView
from lrsearch.spec import validate
from lrsearch.training.toy_trainer import ToyTrainer

EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)
SHARED: dict[str, Any] = {"schema": 1, "model": {"name": "digits_mlp"}, "data": {"name": "digits"}, "batch_size": 32}
RANGE_TEST = SHARED | {
    "kind": "range_test",
    "optimizer": {"kind": "sgd"},
    "start_lr": 1e-4,
    "end_lr": 100.0,
    "steps": 100,
}
SWEEP = SHARED | {
    "kind": "hyperparameter_sweep",
    "optimizer": {"kind": "sgd"},
    "vary": [{"pointer": "/optimizer/learning_rate", "low": 0.001, "high": 3.0, "points": 10}],
    "steps": 180,
    "seeds": 2,
    "stress_seeds": 0,
}


def submit(db: Database, document: dict[str, Any], **changes: Any) -> jobs.Submitted:
    experiment = validate(EXPERIMENT, document | changes)
    assert [] == experiment.problems()
    return jobs.submit(db, experiment, experiment.model_dump(mode="json", by_alias=True, exclude_none=True), workers=1)


def claimed(db: Database, pack_id: str) -> jobs.Claim:
    taken = jobs.claim(db, pack_id, worker_id="w1", lease_seconds=60, max_attempts=3)
    assert taken is not None
    return taken


def train(db: Database, taken: jobs.Claim) -> None:
    context = Context(ToyTrainer(), lambda records: jobs.record(db, taken, *records))
    EXPERIMENT.validate_python(taken.document).train(taken.trials, context)


def ran(db: Database, document: dict[str, Any], **changes: Any) -> JobView:
    taken = claimed(db, submit(db, document, **changes).pack_ids[0])
    train(db, taken)
    assert jobs.finish(db, taken)
    return jobs.get(db, taken.job_id, with_result=True)


def counts(db: Database) -> tuple[int, int]:
    """Stored outcomes and answers."""
    with db.session() as session:
        found = [session.execute(select(func.count()).select_from(row)).scalar_one() for row in (OutcomeRow, AdviceRow)]
    return found[0], found[1]


def of_rule(views: list[RuleView], rule: str = "consensus") -> RuleView:
    (found,) = [view for view in views if view.rule == rule]
    return found


def test_without_a_range_test_there_is_nothing_to_tell(db: Database) -> None:
    ran(db, SWEEP)
    found = jobs.rule_insights(db)
    assert ([], [], 0) == (found.rules, found.groups, found.outcomes)


def test_an_answer_near_which_nothing_was_trained_has_no_evidence(db: Database) -> None:
    ran(db, RANGE_TEST)
    found = of_rule(jobs.rule_insights(db).rules)
    assert (1, 0, 1, 0) == (found.answers, found.without_rate, found.without_evidence, found.judged)
    assert (0, None, None) == (found.held.tasks, found.held.share, found.worst_job_id)


def test_a_rule_is_judged_by_trainings_of_the_same_task_whichever_came_first(db: Database) -> None:
    sweep = ran(db, SWEEP)
    tested = ran(db, RANGE_TEST)
    assert sweep.result is not None
    assert tested.result is not None
    found = of_rule(jobs.rule_insights(db).rules)
    assert (1, tested.job_id, 20) == (found.judged, found.worst_job_id, jobs.rule_insights(db).outcomes)
    losses = {
        row["values"]["/optimizer/learning_rate"]: row["metrics"]["val_loss"]["mean"]
        for row in sweep.result["leaderboard"]
    }
    first = [jobs.trial(db, sweep.job_id, number).arrays["losses"][0] for number in range(20)]
    nothing, best = sum(first) / len(first), min(value for value in losses.values() if value is not None)
    lr = tested.result["suggestion"]["lr"]
    low, high = max(one for one in losses if one <= lr), min(one for one in losses if one >= lr)
    share = (math.log(lr) - math.log(low)) / (math.log(high) - math.log(low))
    ends = [min(nothing, math.inf if losses[one] is None else losses[one]) for one in (low, high)]
    loss = ends[0] + share * (ends[1] - ends[0])
    assert pytest.approx((loss - best) / (nothing - best), rel=1e-3) == found.held.worst


def test_trainings_of_another_task_judge_nothing(db: Database) -> None:
    ran(db, SWEEP, batch_size=64)
    ran(db, SWEEP, optimizer={"kind": "sgd", "momentum": 0.5})
    ran(db, RANGE_TEST)
    assert 0 == of_rule(jobs.rule_insights(db).rules).judged


def test_a_race_judges_the_rules_it_was_run_around_but_not_its_own_winner(db: Database) -> None:
    ran(db, RANGE_TEST, confirm={"steps": 72, "seeds": 2})
    found = jobs.rule_insights(db).rules
    assert (1, 0) == (of_rule(found).judged, of_rule(found, "race").judged)
    ran(db, RANGE_TEST, confirm={"steps": 72, "seeds": 2}, labels={"again": "the same runs"})
    assert 0 == of_rule(jobs.rule_insights(db).rules, "race").judged
    ran(db, RANGE_TEST, confirm={"steps": 72, "seeds": 2}, seed=5)
    race = of_rule(jobs.rule_insights(db).rules, "race")
    assert (3, 1) == (race.judged, race.held.tasks)


def test_schedules_are_judged_apart_by_their_greatest_rates(db: Database) -> None:
    cosines = [{"kind": "cosine", "max_lr": lr} for lr in (0.1, 0.3, 0.9, 1.8, 5.0)]
    sweep = {name: value for name, value in SWEEP.items() if name != "vary"} | {"schedules": cosines}
    ran(db, sweep, kind="schedule_sweep")
    ran(db, RANGE_TEST)
    assert 0 == of_rule(jobs.rule_insights(db).rules).judged
    found = jobs.rule_insights(db, trained="scheduled")
    assert (10, 1) == (found.outcomes, of_rule(found.rules).judged)


def test_filters_and_groups(db: Database) -> None:
    ran(db, RANGE_TEST)
    ran(db, RANGE_TEST, optimizer={"kind": "adam"})
    ran(db, RANGE_TEST, model={"name": "tabular_mlp"}, data={"name": "wine"})
    ran(db, RANGE_TEST, metric="accuracy")
    everything = jobs.rule_insights(db)
    assert [("adam", "digits_mlp"), ("sgd", "digits_mlp"), ("sgd", "tabular_mlp")] == [
        (view.optimizer, view.model) for view in everything.groups if view.rule == "valley"
    ]
    assert 3 == of_rule(everything.rules, "valley").answers
    for filters, answers in [
        ({"model": "tabular_mlp"}, 1),
        ({"data": "digits"}, 2),
        ({"optimizer": "sgd"}, 2),
        ({"optimizer": "sgd", "data": "digits"}, 1),
        ({"metric": "accuracy"}, 1),
        ({"rule": "valley"}, 3),
    ]:
        found = jobs.rule_insights(db, **filters)  # pyright: ignore[reportArgumentType]
        assert answers == of_rule(found.rules, "valley").answers, filters
    assert ["valley"] == [view.rule for view in jobs.rule_insights(db, rule="valley").rules]
    assert [] == jobs.rule_insights(db, model="none").rules


def test_a_deleted_job_is_forgotten_and_so_is_what_it_taught(db: Database) -> None:
    sweep, tested = ran(db, SWEEP), ran(db, RANGE_TEST)
    assert (20, 8) == counts(db)
    jobs.delete(db, sweep.job_id)
    assert (0, 8) == counts(db)
    assert 0 == of_rule(jobs.rule_insights(db).rules).judged
    jobs.delete(db, tested.job_id)
    assert (0, 0) == counts(db)


def test_a_cancelled_job_leaves_the_outcomes_of_its_finished_runs_and_no_answers(db: Database) -> None:
    taken = claimed(db, submit(db, RANGE_TEST, confirm={"steps": 72, "seeds": 1}).pack_ids[0])
    train(db, taken)
    jobs.cancel(db, taken.job_id)
    jobs.close_cancelled(db, taken)
    assert (16, 0) == counts(db)


def test_a_trial_that_is_recorded_twice_has_one_outcome_and_a_lost_worker_writes_none(db: Database) -> None:
    taken = claimed(db, submit(db, SWEEP).pack_ids[0])
    train(db, taken)
    train(db, taken)
    assert (20, 0) == counts(db)
    lost = claimed(db, submit(db, SWEEP).pack_ids[0])
    jobs.give_up_attempt(db, lost, error_type="gone", message="gone")
    with pytest.raises(LostLease):
        train(db, lost)
    assert (20, 0) == counts(db)
