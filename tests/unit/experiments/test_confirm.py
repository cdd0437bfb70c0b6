"""A range test with `confirm`: the race after the ramps, in the same pack."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment, RangeTest
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.confirmation import confirmed
from lrsearch.experiments.race import Race
from lrsearch.spec import validate
from lrsearch.suggestions.base import Suggestion, Verdict
from lrsearch.training.toy_trainer import ToyTrainer, stability_limit
from lrsearch.training.trainer import StopReason
from tests.unit.experiments.documents import RANGE_TEST

DOCUMENT: dict[str, Any] = RANGE_TEST | {"confirm": {"steps": 60, "candidates": 5, "seeds": 2}}
TRIALS = 3 + (1 + 5) * 2
FURTHER = [[*range(TRIALS, TRIALS + 4)], [*range(TRIALS + 4, TRIALS + 8)]]
"""The further rounds: two rates beyond the edge, two seeds each."""


def experiment(**changes: Any) -> RangeTest:
    return RangeTest.model_validate(DOCUMENT | changes)


@pytest.fixture(scope="module")
def records() -> list[TrialRecord]:
    found: list[TrialRecord] = []
    experiment().run(Context(ToyTrainer(), found.extend))
    return found


@pytest.fixture(scope="module")
def result(records: list[TrialRecord]) -> dict[str, Any]:
    return json.loads(json.dumps(experiment().conclude(records), allow_nan=False))


@pytest.mark.parametrize(
    ("given", "meant"), [(True, Race()), (False, None), (None, None), ({"seeds": 5}, Race(seeds=5))]
)
def test_confirm_is_a_switch_or_the_fields_of_the_race(given: Any, meant: Race | None):
    assert meant == experiment(confirm=given).confirm


def test_ramps_and_race_are_one_pack_and_the_estimate_counts_both():
    estimate = experiment().estimate()
    assert experiment().shared_trials == FURTHER
    assert ([[*range(TRIALS)]], TRIALS, 3 * 200 + 12 * 60) == (
        experiment().packs(4),
        estimate.trials,
        estimate.updates,
    )


def test_the_suggestion_is_the_winner_and_its_bounds_move_with_it(result: dict[str, Any]):
    suggestion, confirmation = result["suggestion"], result["confirmation"]
    assert ("race", confirmation["lr"]) == (suggestion["rule"], suggestion["lr"])
    assert suggestion["lr"] < stability_limit()
    assert suggestion["min_lr"] < suggestion["lr"] < suggestion["max_lr"]
    assert f"{suggestion['lr']:.4g}" in result["code"]


def test_the_confirmation_names_candidates_places_and_cost(result: dict[str, Any]):
    confirmation = result["confirmation"]
    consensus = next(row for row in result["rules"] if row["rule"] == "consensus")
    assert consensus["lr"] == confirmation["asked_lr"]
    assert [9, 2, 2] == [len(confirmation["candidates"]), len(confirmation["control"]), confirmation["seeds"]]
    assert min(row["place"] for row in confirmation["candidates"]) == next(
        row["place"] for row in confirmation["candidates"] if row["lr"] == confirmation["lr"]
    )
    assert sum(len(row["losses"]) for row in result["curves"]) + confirmation["updates"] == result["updates"]


def test_the_plots_show_the_ramps_and_the_race_with_its_winner_marked(result: dict[str, Any]):
    ramps, race = experiment().plots(result)
    assert ("loss_over_lr", "race", 3) == (ramps.name, race.name, len(result["curves"]))
    assert [result["confirmation"]["lr"]] == [mark.x for mark in race.marks]


def test_a_race_that_was_cancelled_leaves_the_ramps_suggestion(records: list[TrialRecord]):
    partial = experiment().conclude(records[:5])
    assert (None, "consensus") == (partial["confirmation"], partial["suggestion"]["rule"])


def test_a_cancellation_in_the_ramps_begins_no_race():
    found: list[TrialRecord] = []
    asked = iter([None])
    context = Context(ToyTrainer(), found.extend, should_stop=lambda: next(asked, StopReason.CANCELLED))
    experiment().run(context)
    assert 3 == len(found)


def test_finished_ramps_are_read_and_not_run_again(records: list[TrialRecord]):
    again: list[TrialRecord] = []
    known = {record.number: record for record in records[:3]}
    wanted = iter(FURTHER)
    context = Context(ToyTrainer(), again.extend, finished=lambda: known, take=lambda groups, count: next(wanted))
    experiment().train([*range(3, TRIALS)], context)
    assert [record.number for record in records[3:]] == [record.number for record in again]
    for first, second in zip(records[3:], again, strict=True):
        np.testing.assert_array_equal(first.arrays["losses"], second.arrays["losses"])


def test_a_share_that_leaves_nothing_to_train_on_is_a_problem_of_the_race():
    (problem,) = experiment(confirm={"held_out": 1.0}).problems()
    assert "/confirm/held_out" == problem.pointer


def test_a_fault_in_the_races_fields_names_the_field():
    with pytest.raises(InvalidDocument) as caught:
        validate(TypeAdapter(AnyExperiment), DOCUMENT | {"confirm": {"seeds": 0, "colour": 1}})
    assert ["/confirm/colour", "/confirm/seeds"] == sorted(problem.pointer for problem in caught.value.problems)


ASKED = Suggestion(0.1, 0.05, 0.2, Verdict.SUGGESTION, "")


def ended(race: Race, control: float, losses: list[float]) -> list[TrialRecord]:
    """Records of a race whose candidates ended with these losses."""
    from lrsearch.experiments.records import record_of
    from lrsearch.training.trainer import Run

    plans = race.plans(experiment().plan(0), 0.1)
    runs = ToyTrainer().train(plans)
    made: list[TrialRecord] = []
    for number, (plan, run, loss) in enumerate(zip(plans, runs, [control, *losses], strict=True)):
        one: Run = run
        record = record_of(number, plan, one)
        record.arrays["validations/val_loss"] = np.array([loss])
        made.append(record)
    return made


def test_labels_of_noise_leave_the_suggestion_unconfirmed_though_a_confident_start_is_unlearned():
    race = Race(candidates=3, seeds=1, steps=10)
    # ten classes: log 10 is 2.303; the untrained model is surer of wrong answers than that
    suggestion, _ = confirmed(race, ended(race, 4.0, [2.5, 2.4, 2.6]), ASKED, "digits")
    assert (None, Verdict.UNCONFIRMED) == (suggestion.lr, suggestion.verdict)
    assert "knows nothing" in suggestion.why


def test_a_few_held_out_samples_confirm_nothing():
    race = Race(candidates=3, seeds=1, steps=10, held_out=0.01)
    suggestion, result = confirmed(race, ended(race, 4.0, [1.0, 0.5, 0.6]), ASKED, "iris")
    assert (None, None, Verdict.UNCONFIRMED) == (suggestion.lr, result.lr, suggestion.verdict)
    assert "2 samples" in suggestion.why


def test_where_the_ramps_found_nothing_the_race_is_run_around_the_default_and_may_find_a_rate():
    race = Race(candidates=3, seeds=1, steps=10)
    flat = Suggestion(None, None, None, Verdict.FLAT, "flat")
    found, _ = confirmed(race, ended(race, 4.0, [1.0, 0.5, 0.6]), flat, "digits")
    kept, _ = confirmed(race, ended(race, 4.0, [4.0, 4.0, 4.0]), flat, "digits")
    assert (Verdict.SUGGESTION, Verdict.FLAT) == (found.verdict, kept.verdict)
    assert found.min_lr < found.lr < found.max_lr


def test_a_candidate_far_away_must_win_clearly():
    near = Race(candidates=5, seeds=1, steps=10, spacing=1.0)
    losses = [2.0, 1.01, 1.0, 1.02, 0.99]
    assert pytest.approx(0.1) == confirmed(near, ended(near, 9.0, losses), ASKED, "digits")[0].lr


@pytest.mark.parametrize(("kind", "ends"), [("sgd", (1e-7, 10.0)), ("adadelta", (1e-5, 1e3))])
def test_the_ends_of_a_ramp_are_those_of_the_optimizers_row(kind: str, ends: tuple[float, float]):
    test = RangeTest.model_validate(DOCUMENT | {"optimizer": {"kind": kind}, "start_lr": None})
    assert ends == test.ends()
    rates = test.plan(0).rates
    assert pytest.approx(ends) == (rates[0], rates[-1])
