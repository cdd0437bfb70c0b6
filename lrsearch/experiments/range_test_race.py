"""The race of a range test with `confirm`: rounds of trials after those of the ramps, and what they change in its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.confirmation import RULE, as_json, confirmed
from lrsearch.experiments.held_out_check import knowing_nothing
from lrsearch.experiments.keras_code import range_test_code
from lrsearch.experiments.range_test_answers import answer_of, read
from lrsearch.experiments.tasks import Task, train_tasks, within
from lrsearch.status import TrialStatus
from lrsearch.suggestions import suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog

if TYPE_CHECKING:
    from lrsearch.experiments.range_test import RangeTest


def further_groups(document: RangeTest) -> list[list[int]]:
    """Numbers of the trials of each further round there may be; none beyond `limits.trials`, which then ends the race."""
    race = document.confirm
    if race is None:
        return []
    first, size, limit = document.repeats + race.trials, race.further_trials, document.limits.trials
    found = [list(range(first + size * turn, first + size * (turn + 1))) for turn in range(race.widenings)]
    return [group for group in found if limit is None or group[-1] < limit]


def train_race(document: RangeTest, trials: Sequence[int], known: Mapping[int, TrialRecord], context: Context) -> None:
    """Train round after round of the race around what the ramps suggest; a further round is taken when it is wanted.

    Args:
        document: the range test, with `confirm`.
        trials: of the pack.
        known: all records so far, by number: every ramp's, and those of the race that earlier attempts left.
        context: of the attempt.
    """
    race = document.confirm
    assert race is not None
    ramps = [read(document, known[number]) for number in range(document.repeats) if number in known]
    kind = document.optimizer.kind
    asked = suggest(ramps, rule=document.rule, optimizer=kind).lr or catalog.optimizers()[kind].default_lr
    made, owned = dict(known), {*trials, *known}
    before = sum(document.plan(number).steps for number in trials if number < document.repeats)
    plans, first = race.plans(document.plan(0), asked), document.repeats
    while plans:
        numbers = range(first, first + len(plans))
        if not owned.issuperset(numbers):
            owned.update(context.take(further_groups(document), 1))
        waiting = [
            Task(number, plan, setting={"stage": "race"})
            for number, plan in zip(numbers, plans, strict=True)
            if number in owned and number not in made
        ]
        made |= {record.number: record for record in train_tasks(waiting, within(context, before))}
        before += sum(task.plan.steps for task in waiting)
        records = [made[number] for number in range(document.repeats, numbers.stop) if number in made]
        if len(records) < numbers.stop - document.repeats or _is_cancelled(records):
            return
        yardstick = knowing_nothing(records, document.data.name)
        plans, first = race.further_plans(document.plan(0), records, yardstick), numbers.stop


def after_race(document: RangeTest, raced: Sequence[TrialRecord], asked: Suggestion, updates: int) -> dict[str, Any]:
    """What the race changes in the result of the ramps.

    Args:
        document: the range test, with `confirm`.
        raced: records of the race, in the order of their numbers.
        asked: what the ramps suggest.
        updates: that the ramps cost.
    """
    race = document.confirm
    assert race is not None
    if len(raced) < race.trials or _is_cancelled(raced):
        return {"confirmation": None}
    whole = race.whole(raced)
    chosen, result = confirmed(race, whole, asked, document.data.name)
    return {
        "verdict": chosen.verdict.value,
        "suggestion": answer_of(RULE, chosen),
        "confirmation": as_json(race, result, asked, whole),
        "code": range_test_code(document.optimizer, chosen),
        "updates": updates + result.updates,
    }


def _is_cancelled(records: Sequence[TrialRecord]) -> bool:
    return any(record.status is TrialStatus.CANCELLED for record in records)
