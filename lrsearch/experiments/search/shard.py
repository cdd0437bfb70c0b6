"""One worker's part of a search: take a batch of settings, ask, train, record, tell, until settings or budget are used up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from lrsearch.errors import InvalidDocument, LostLease
from lrsearch.experiments.base import Context, Progress, TrialRecord
from lrsearch.experiments.search.lead import Lead
from lrsearch.experiments.search.objective import was_pruned
from lrsearch.experiments.search.prior import STEPS, RatePrior, first_points, narrowed
from lrsearch.experiments.search.pruners import Wilcoxon
from lrsearch.experiments.search.settings import OPTIMIZER, setting_name
from lrsearch.experiments.search.study import Asked, Entry, SearchStudy
from lrsearch.experiments.tasks import Task, train_tasks
from lrsearch.experiments.training import Training
from lrsearch.training.trainer import Segment, StopReason

if TYPE_CHECKING:
    from lrsearch.experiments.search.document import Search

MOST_REFUSED: Final = 100
"""Settings in a row that their training refuses (values that do not fit together) before the search gives up."""


@dataclass(slots=True)
class _Member:
    """A setting of the batch at work: whether the prior chose it, and the mean loss of its last epoch, beside its runs."""

    asked: Asked
    training: Training
    records: dict[int, TrialRecord] = field(default_factory=dict[int, TrialRecord])
    history: list[float] = field(default_factory=list[float])
    is_pruned: bool = False
    is_led: bool = False
    loss: float = math.inf


class Shard:
    """A pack of a search: the settings that an earlier attempt took for it, and those that it takes as it goes.

    Args:
        search: the job's document.
        context: of the attempt.
    """

    def __init__(self, search: Search, context: Context) -> None:
        self._search, self._context = search, context
        self._objective = search.objectives[0]
        self._is_judged = len(search.objectives) == 1 and search.pruner.kind != "none"
        self._done = self._total = 0
        self._numbers: set[int] = set()
        self._told: set[int] = set()
        self._recorded: dict[int, TrialRecord] = {}
        self._space = search.search_space
        self._hopeless: dict[str | None, float | None] = {}
        self._costs: dict[int, tuple[int, int]] = {}

    def run(self, trials: Sequence[int]) -> None:
        """Train the given trials, then take further settings of the job until none is left or none may be begun."""
        search = self._search
        priors = self._range_tested(trials)
        if priors is None:
            return
        self._space = narrowed(search.search_space, priors) if priors else search.search_space
        points = first_points(self._space, priors)
        goes_on = search.sampler.learns and len(search.objectives) == 1
        self._lead = Lead(self._space, points if goes_on else [list(chain(*points))], search.settings)
        self._hopeless = {one.optimizer: one.hopeless for one in priors}
        self._study = self._opened()
        self._study.catch_up()
        waiting = self._own(trials)
        ended = self._study.ended_slots()
        again = self._taken_over([slot for slot in waiting if slot not in ended])
        waiting = [slot for slot in waiting if slot not in ended and slot not in self._told]
        while self._may_begin():
            batch, waiting = waiting[: search.batch], waiting[search.batch :]
            if batch:
                self._context.hold()
            elif not (batch := self._own(self._context.take(search.shared_trials, search.batch))):
                break
            if not self._run_batch(batch, again):
                break

    def _own(self, trials: Sequence[int]) -> list[int]:
        """The settings of trials that are this pack's."""
        search = self._search
        self._numbers.update(trials)
        slots = sorted({search.place(number)[0] for number in trials if number >= search.first})
        self._total += len(slots) * search.seeds * search.most_updates
        return slots

    def _range_tested(self, trials: Sequence[int]) -> list[RatePrior] | None:
        """What the range tests say, made first where they are this pack's; None when they were cut short."""
        search = self._search
        if search.prior is None:
            return []
        tasks = [task for task in search.range_tests() if task.number in trials]
        made = {record.number: record for record in train_tasks(tasks, self._context)}
        self._done += sum(task.plan.steps for task in tasks)
        priors = search.priors({**self._context.finished(), **made})
        return None if self._context.should_stop() is not None else priors or None

    def _opened(self) -> SearchStudy:
        search, context = self._search, self._context
        return SearchStudy(
            context.study_name or search.kind,
            self._space,
            search.sampler.led(self._lead.certain),
            search.pruner,
            directions=[one.is_minimized for one in search.objectives],
            seed=search.seed,
            stream=context.pack * 1_000 + context.attempt,
            epochs=search.most_epochs,
            url=context.database_url,
            attributes={"job_id": context.job_id, "objective": [one.name for one in search.objectives]},
        )

    def _taken_over(self, slots: Sequence[int]) -> dict[int, Mapping[str, Any]]:
        """Slot -> values of the settings that an attempt before us left: failed in the study, to be run again."""
        left = self._study.unfinished(slots)
        self._recorded = dict(self._context.finished()) if left else {}
        for slot, asked in left.items():
            records = [self._recorded.get(number) for number in self._search.numbers(slot)]
            if None not in records:
                self._tell(asked, records)  # its worker died between recording and telling
            else:
                self._study.fail(asked)
        return {slot: asked.values for slot, asked in left.items() if slot not in self._told}

    def _may_begin(self) -> bool:
        context, budget = self._context, self._search.budget
        if context.should_stop() is not None:
            return False
        if budget.wall_seconds is not None and context.elapsed_seconds() >= budget.wall_seconds:
            return False
        self._study.catch_up()
        return not self._has_stagnated()

    def _has_stagnated(self) -> bool:
        if self._search.stop is None or len(self._search.objectives) > 1:
            return False
        values = [None if one.results is None else one.results[0] for one in self._study.told()]
        return self._search.stop.is_over(values, is_minimized=self._objective.is_minimized)

    def _run_batch(self, slots: Sequence[int], again: Mapping[int, Mapping[str, Any]]) -> bool:
        """Ask for, train and tell the settings of these slots; False when the budget has no room for all of them."""
        members: dict[int, _Member] = {}
        for slot in slots:
            led = self._lead.values(slot, self._study.begun())
            member = self._begun(slot, again.get(slot) or led)
            if member is None:
                break
            member.is_led = led is not None
            members[slot] = member
        try:
            for seeds in self._rounds():
                self._train(members, seeds)
        except LostLease:
            raise  # whoever has the pack now tells how these settings ended
        except BaseException:
            self._fail_open(members)
            raise
        self._fail_open(members)
        return len(members) == len(slots)

    def _fail_open(self, members: Mapping[int, _Member]) -> None:
        for slot, member in members.items():
            if slot not in self._told:
                self._study.fail(member.asked)

    def _begun(self, slot: int, given: Mapping[str, Any] | None) -> _Member | None:
        """Ask for the setting of a slot until its training takes the values; None when the budget has no room for it."""
        search = self._search
        owner = {"job_id": self._context.job_id, "trials": search.numbers(slot)}
        records = {number: self._recorded[number] for number in search.numbers(slot) if number in self._recorded}
        refused: InvalidDocument | None = None
        for values in (given, *[None] * MOST_REFUSED):
            asked = self._study.ask(slot, owner, values)
            try:
                member = _Member(asked, search.setting(asked.drawn), records)
            except InvalidDocument as error:
                self._study.fail(asked)
                refused = error
                continue
            if self._has_room(member):
                return member
            self._study.fail(asked)
            return None
        assert refused is not None
        raise refused

    def _has_room(self, member: _Member) -> bool:
        """Whether the updates of all settings that were begun before, and of this one, are within the budget."""
        budget, search = self._search.budget.updates, self._search
        if budget is None:
            return True
        self._study.catch_up()
        cost = member.training.updates() * search.seeds + search.first * STEPS
        before = sum(self._cost(entry) for entry in self._study.entries() if entry.number < member.asked.number)
        return before + cost <= budget

    def _cost(self, entry: Entry) -> int:
        """Updates of a setting: what a pruned one made, and all of any other one."""
        if entry.number not in self._costs:
            training = self._search.setting(entry.drawn)
            self._costs[entry.number] = (training.updates(), training.steps_per_epoch())
        updates, each = self._costs[entry.number]
        return (min(updates, entry.last_step * each) if entry.is_pruned else updates) * self._search.seeds

    def _rounds(self) -> list[list[int]]:
        """Seeds that are run together: all, or one after the other for a pruner that compares seeds."""
        seeds = list(range(self._search.seeds))
        return [[seed] for seed in seeds] if isinstance(self._search.pruner, Wilcoxon) else [seeds]

    def _train(self, members: Mapping[int, _Member], seeds: Sequence[int]) -> None:
        tasks = [
            self._task(member, seed)
            for member in members.values()
            for seed in seeds
            if self._search.numbers(member.asked.slot)[seed] in self._numbers and not member.is_pruned
        ]
        before = self._done

        def keep(records: Sequence[TrialRecord]) -> None:
            self._context.on_trials(records)
            for record in records:
                self._note(members[self._search.place(record.number)[0]], record)

        def advance(progress: Progress) -> None:
            self._done = before + progress.done
            self._context.on_progress(Progress(self._done, max(self._total, self._done)))

        def judge(number: int, segment: Segment) -> StopReason | None:
            slot, seed = self._search.place(number)
            return self._judged(members[slot], seed, segment)

        train_tasks(tasks, replace(self._context, on_trials=keep, on_progress=advance), judge)
        self._done = before + sum(task.plan.steps for task in tasks)

    def _task(self, member: _Member, seed: int) -> Task:
        asked, training = member.asked, member.training
        described = {
            "setting": setting_name(asked.slot, asked.values),
            "values": asked.values,
            "optuna_trial": asked.number,
            "study": self._context.study_name,
        }
        number = self._search.numbers(asked.slot)[seed]
        return Task(number, training.plan(self._search.seed + seed), training.controllers, described)

    def _judged(self, member: _Member, seed: int, segment: Segment) -> StopReason | None:
        """The pruner looks at the first seed; the others leave with it."""
        if member.is_pruned and seed > 0:
            return StopReason.PRUNED
        if seed > 0 or segment.epoch is None:
            return None
        if self._is_hopeless(member, segment.metrics.get("loss", 0.0)):
            member.is_pruned = True
            return StopReason.PRUNED
        if not self._is_judged:
            return None
        member.history.append(segment.metrics.get(self._objective.metric, math.nan))
        value = self._objective.intermediate(member.history)
        if math.isfinite(value) and self._study.report(member.asked, segment.epoch, value) and not member.is_led:
            member.is_pruned = segment.epoch < member.training.updates() // member.training.steps_per_epoch()
        return StopReason.PRUNED if member.is_pruned else None

    def _is_hopeless(self, member: _Member, loss: float) -> bool:
        """Whether an epoch's mean loss is above that of a diverged range test, and no less than that of the epoch before."""
        before, member.loss = member.loss, loss
        known = self._hopeless.get(member.asked.values.get(OPTIMIZER), self._hopeless.get(None))
        return self._is_judged and known is not None and loss > known and loss >= before

    def _note(self, member: _Member, record: TrialRecord) -> None:
        """Take in a recorded run; the last one of a setting is told."""
        search = self._search
        member.records[record.number] = record
        slot, seed = search.place(record.number)
        if isinstance(search.pruner, Wilcoxon) and (value := self._objective.value(record)) is not None:
            member.is_pruned = self._study.report(member.asked, seed, value) and seed + 1 < search.seeds
        records = [member.records.get(number) for number in search.numbers(slot)]
        if None not in records or member.is_pruned:
            self._tell(member.asked, records)

    def _tell(self, asked: Asked, records: Sequence[TrialRecord | None]) -> None:
        """Tell the study how a setting ended: with its values, or pruned; cut short from outside it has failed."""
        if was_pruned(records) or None in records:
            self._study.tell(asked, None)
        else:
            values = [one.mean(records) for one in self._search.objectives]
            known = [value for value in values if value is not None]
            if len(known) < len(values):
                return
            self._study.tell(asked, known)
        self._told.add(asked.slot)
