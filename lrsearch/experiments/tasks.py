"""Trains many runs under a context: alike ones together, a record after each batch, controllers on board."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from lrsearch.controllers import Controller
from lrsearch.experiments.base import Context, Progress, TrialRecord
from lrsearch.experiments.outcomes import outcome_of
from lrsearch.experiments.records import record_of
from lrsearch.experiments.steering import Pilot
from lrsearch.training import catalog
from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Answer, Continue, Run, Segment, Stop, StopReason

MOST_TOGETHER: Final = 64
"""Runs given to the trainer at once: what a kill may cost, and what a CPU gains from stacking."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A run to be made and what its record says of it."""

    number: int
    plan: Plan
    controllers: Sequence[Controller] = ()
    setting: dict[str, Any] = field(default_factory=dict[str, Any])


Judge = Callable[[int, Segment], StopReason | None]
"""Asked between chunks with (number of the trial, segment): why to end the run here, or None."""


def train_tasks(tasks: Iterable[Task], context: Context, judge: Judge | None = None) -> list[TrialRecord]:
    """Train tasks under the context and hand over a record of each, batch by batch, so that a kill costs one batch.

    Args:
        tasks: the runs.
        context: of the attempt.
        judge: ends runs early, as a pruner does; they leave their stack.

    Returns:
        The records, in the order they were made. After a cancellation the next batch is not begun.
    """
    waiting = [_resumed(task, context) for task in tasks]
    total = sum(task.plan.steps for task in waiting)
    passed, records = 0, list[TrialRecord]()
    for batch in batches(waiting):
        if context.should_stop() is not None:
            break
        records += _train_batch(batch, context, judge, Progress(passed, total))
        passed += sum(task.plan.steps for task in batch)
    return records


def within(context: Context, before: int = 0, to_come: int = 0) -> Context:
    """The context for some of an attempt's tasks: their progress is told as a part of the whole's, in updates."""

    def tell(progress: Progress) -> None:
        context.on_progress(Progress(before + progress.done, before + progress.total + to_come))

    return replace(context, on_progress=tell)


def _resumed(task: Task, context: Context) -> Task:
    checkpoint = context.checkpoints.get(task.number)
    return task if checkpoint is None else replace(task, plan=replace(task.plan, resume_from=checkpoint))


def batches(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks that may be stacked side by side, at most `MOST_TOGETHER`; images one by one, since convolutions do not stack."""
    alike: dict[str, list[Task]] = {}
    for task in tasks:
        alike.setdefault(likeness(task.plan), []).append(task)
    found: list[list[Task]] = []
    for group in alike.values():
        row = catalog.models().get(group[0].plan.model.name)
        size = 1 if row is not None and row.input_rank > 1 else MOST_TOGETHER
        parts = math.ceil(len(group) / size)
        ends = [len(group) * part // parts for part in range(parts + 1)]
        found += [group[start:end] for start, end in pairwise(ends)]
    return found


def likeness(plan: Plan) -> str:
    """What runs must share to be stacked; the engine decides whether they are."""
    return json.dumps(plan.likeness(), sort_keys=True)


def _train_batch(batch: Sequence[Task], context: Context, judge: Judge | None, before: Progress) -> list[TrialRecord]:
    pilots = [Pilot(task.plan, task.controllers) for task in batch]
    done = [0 if task.plan.resume_from is None else task.plan.resume_from.step for task in batch]

    def observe(index: int, segment: Segment) -> Answer:
        done[index] = segment.first_step + len(segment.losses)
        context.on_progress(Progress(before.done + sum(done), before.total))
        reason = context.should_stop() or (judge and judge(batch[index].number, segment))
        answer = Stop(reason) if reason is not None else pilots[index].steer(segment)
        if isinstance(answer, Continue):
            context.on_checkpoint(batch[index].number, pilots[index].keeping(segment.checkpoint))
        return answer

    plans = [replace(task.plan, is_steered=judge is not None or bool(task.controllers)) for task in batch]
    runs = context.trainer.train(plans, observe)
    records = [
        _record(task, pilot, pilot.finished(run, context)) for task, pilot, run in zip(batch, pilots, runs, strict=True)
    ]
    context.on_trials(records)
    return records


def _record(task: Task, pilot: Pilot, run: Run) -> TrialRecord:
    last = {name: float(values[-1]) for name, values in run.history.items() if len(values)}
    record = record_of(task.number, task.plan, replace(run, final=last | run.final), task.setting)
    facts: Mapping[str, Any] = {"controllers": pilot.events} if task.controllers else {}
    return replace(record, facts=record.facts | facts, outcome=outcome_of(task.plan, run, task.controllers))
