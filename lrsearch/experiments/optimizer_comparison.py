"""Optimizers compared fairly: each gets the same tuning budget for its rate, then the same seeds and updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, TypeGuard

import numpy as np
from pydantic import Field, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.base import Context, Estimate, TrialRecord
from lrsearch.experiments.naming import distinct_names
from lrsearch.experiments.packing import shared_out
from lrsearch.experiments.sweep import MOST_TRIALS, Setting, Sweep
from lrsearch.experiments.tasks import Task, train_tasks
from lrsearch.experiments.training import checked
from lrsearch.experiments.tuning import RANGE_TESTS, Tuned, Tuning, range_test_plan, tuned
from lrsearch.schedules import AnySchedule
from lrsearch.spec import Rate, broken
from lrsearch.status import TrialStatus
from lrsearch.training import catalog
from lrsearch.training.plan import AnyOptimizer


class OptimizerComparison(Sweep):
    """Tune each optimizer's rate with the same number of trials, train each with the same seeds, and rank them.

    Tuning, per optimizer: three range tests, then `tuning.trials` runs at rates around the suggestion, all with seeds
    that the comparison does not use. With `learning_rate` all have that rate; with `"tuning": null` each has its own
    `learning_rate`, or Keras' default. Tuning trials follow after all others in the numbering.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Godbole et al. 2023, Deep Learning Tuning Playbook.",
        "Schmidt et al. 2021, Descending through a Crowded Valley, arXiv:2007.01547.",
    )

    kind: Literal["optimizer_comparison"] = "optimizer_comparison"
    optimizers: Annotated[list[AnyOptimizer], Field(min_length=1, max_length=MOST_TRIALS)]
    """What is compared."""
    learning_rate: Rate | None = None
    """One rate for all, as in the lecture: it favours the optimizers whose range it lies in."""
    tuning: Tuning | None = None
    """Budget of each optimizer for its rate; left out together with `learning_rate`: 8 trials; null: none."""
    schedule: AnySchedule | None = None
    """Shape of the rate over the run: its greatest rate is replaced by that of each optimizer."""

    @model_validator(mode="before")
    @classmethod
    def _is_tuned_by_default(cls, document: Any) -> Any:
        if _is_object(document) and "tuning" not in document and document.get("learning_rate") is None:
            return {**document, "tuning": {}}
        return document

    @model_validator(mode="after")
    def _has_one_rate(self) -> Self:
        if self.learning_rate is not None and self.tuning is not None:
            raise broken(
                "learning_rate",
                "rate_given_twice",
                f"learning_rate is {self.learning_rate:g} for all, and tuning asks for a rate for each.",
                "Remove learning_rate, or tuning.",
            )
        for index, optimizer in enumerate(self.optimizers):
            if optimizer.learning_rate is not None and (self.learning_rate is not None or self.tuning is not None):
                raise broken(
                    f"/optimizers/{index}/learning_rate",
                    "rate_given_twice",
                    f"The rate {optimizer.learning_rate:g} of this optimizer is set otherwise in this document.",
                    'Remove it, or give "tuning": null and no common learning_rate.',
                )
        return self

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        documents = [one.model_dump(mode="json", exclude_none=True) for one in self.optimizers]
        names, found = distinct_names(documents, "/optimizers")
        settings: list[Setting] = []
        for index, (name, document) in enumerate(zip(names, documents, strict=True)):
            try:
                settings.append(self._setting(name, document))
            except InvalidDocument as error:
                found += [problem.moved(f"/optimizers/{index}", of="/optimizer") for problem in error.problems]
        return settings, list({(problem.pointer, problem.rule): problem for problem in found}.values())

    def _setting(self, name: str, document: dict[str, Any]) -> Setting:
        base = self.base_document() | {"optimizer": document}
        if self.schedule is not None:
            document = {key: value for key, value in document.items() if key != "learning_rate"}
            base |= {"optimizer": document}
        return Setting(name, {"/optimizer": document}, checked(base))

    def members(self) -> tuple[list[Setting], list[Problem]]:
        """A setting for every optimizer."""
        return self._members

    @property
    def tuning_trials(self) -> int:
        """Trials that tune one optimizer: the range tests and the grid."""
        return 0 if self.tuning is None else RANGE_TESTS + self.tuning.trials

    @property
    def trials(self) -> int:
        """Number of all trials."""
        return self.runs + len(self.settings) * self.tuning_trials

    def estimate(self) -> Estimate:
        """Updates of all trials, those of the tuning included."""
        tuning, runs = self.tuning, self.runs
        updates = sum(setting.training.updates() for setting in self.settings) // max(len(self.settings), 1)
        grid = 0 if tuning is None else len(self.settings) * (tuning.trials * updates + RANGE_TESTS * tuning.steps)
        return Estimate(updates * runs + grid, self.trials, None)

    def packs(self, workers: int) -> list[list[int]]:
        """One optimizer stays in one pack when it is tuned there: its runs need what the tuning found."""
        if self.tuning is None:
            return super().packs(workers)
        groups = [[n for n in range(self.trials) if self._index(n) == index] for index in range(len(self.settings))]
        return shared_out(groups, dict.fromkeys(range(self.trials), 1.0), min(workers, len(groups)))

    def _index(self, number: int) -> int:
        """The optimizer a trial belongs to."""
        is_run = number < self.runs
        return self.place(number)[0] if is_run else (number - self.runs) // self.tuning_trials

    def task(self, number: int, lr: float | None = None) -> Task:
        """The run of a trial at the rate, times its stress factor."""
        index, seed, factor = self.place(number)
        return self._at(
            number, index, (lr or self._fixed_lr(index)) * factor, seed, {"stress": factor} if factor != 1 else {}
        )

    def _fixed_lr(self, index: int) -> float:
        optimizer = self.optimizers[index]
        return self.learning_rate or optimizer.learning_rate or catalog.optimizers()[optimizer.kind].default_lr

    def _at(self, number: int, index: int, lr: float, seed: int, further: Mapping[str, Any]) -> Task:
        training = self.settings[index].training
        shape = np.ones(training.updates()) if self.schedule is None else training.rates() / training.rates().max()
        plan = training.plan_at(shape * lr, self.seed + seed)
        setting: dict[str, Any] = {"setting": self.settings[index].name, "values": {"/optimizer/learning_rate": lr}}
        return Task(number, plan, training.controllers, setting | dict(further))

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Tune and train optimizer by optimizer; what earlier attempts finished is read, not run again."""
        if self.tuning is None:
            super().train(trials, context)
            return
        known = dict(context.finished())
        for index in dict.fromkeys(self._index(number) for number in trials):
            mine = [number for number in trials if self._index(number) == index]
            self._train_optimizer(index, mine, known, context)

    def _train_optimizer(
        self, index: int, trials: Sequence[int], known: dict[int, TrialRecord], context: Context
    ) -> None:
        def run(tasks: Sequence[Task]) -> None:
            known.update({record.number: record for record in train_tasks(tasks, context)})

        first = self._first_of_tuning(index)
        run([self._range_test(n, index) for n in trials if first <= n < first + RANGE_TESTS])
        grid = self.tuned(index, known).grid
        run([self._grid_task(n, index, grid) for n in trials if n >= first + RANGE_TESTS])
        if any(record.status is TrialStatus.CANCELLED for record in known.values()):
            return
        lr = self.tuned(index, known).lr
        run([self.task(number, lr) for number in trials if number < self.runs])

    def _first_of_tuning(self, index: int) -> int:
        return self.runs + index * self.tuning_trials

    def _range_test(self, number: int, index: int) -> Task:
        assert self.tuning is not None
        repeat = number - self._first_of_tuning(index)
        plan = self.settings[index].training.plan_at(np.empty(0), self.seed + self.seeds + repeat)
        setting = {"setting": self.settings[index].name, "tuning": "range_test"}
        return Task(number, range_test_plan(plan, self.tuning.steps), (), setting)

    def _grid_task(self, number: int, index: int, grid: Sequence[float]) -> Task:
        place = number - self._first_of_tuning(index) - RANGE_TESTS
        return self._at(number, index, grid[place], self.seeds, {"tuning": "grid"})

    def tuned(self, index: int, known: Mapping[int, TrialRecord]) -> Tuned:
        """What the tuning of an optimizer found in its trials so far."""
        assert self.tuning is not None
        first = self._first_of_tuning(index)
        return tuned(
            self.optimizers[index].kind,
            [known[n] for n in range(first, first + RANGE_TESTS) if n in known],
            [known.get(n) for n in range(first + RANGE_TESTS, first + self.tuning_trials)],
            metric=self.metric_of_tuning,
            is_minimized=self.is_minimized,
        )

    @property
    def metric_of_tuning(self) -> str:
        """What rates are chosen by: the validation's part of the metric, since the test set must not choose."""
        name = self.metric.removeprefix("test_")
        if not self.metric.startswith("test_"):
            return self.metric
        return name if self.validation is None else f"val_{name}"

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """As `Sweep.conclude`, with the rate of each optimizer and how it was tuned."""
        known = {record.number: record for record in records}
        result = super().conclude(records)
        index_of = {setting.name: index for index, setting in enumerate(self.settings)}
        for row in result["leaderboard"]:
            row["values"] = {**row["values"], "/optimizer/learning_rate": self._lr(index_of[row["setting"]], known)}
        if self.tuning is not None:
            result["tuning"] = [self._tuning_row(index, known) for index in range(len(self.settings))]
        if result["recommendation"]:
            index = index_of[result["recommendation"]["setting"]]
            result["code"] = self._code_at(index, self._lr(index, known))
        return result

    def _lr(self, index: int, known: Mapping[int, TrialRecord]) -> float:
        return self._fixed_lr(index) if self.tuning is None else self.tuned(index, known).lr

    def _code_at(self, index: int, lr: float) -> str:
        from lrsearch.experiments.keras_code import training_code

        training = self.settings[index].training
        optimizer = training.optimizer.model_copy(update={"learning_rate": lr})
        return training_code(training.model_copy(update={"optimizer": optimizer, "schedule": None}))

    def _tuning_row(self, index: int, known: Mapping[int, TrialRecord]) -> dict[str, Any]:
        return {"setting": self.settings[index].name, **self.tuned(index, known).as_json()}

    def setting_flags(self, by_number: Mapping[int, TrialRecord]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """As `Sweep.setting_flags`, and `edge_of_range` where the tuned rate is at the edge of its grid."""
        flags, notes = super().setting_flags(by_number)
        for index, setting in enumerate(self.settings):
            if self.tuning is not None and self.tuned(index, by_number).is_at_edge:
                flags.setdefault(setting.name, []).append("edge_of_range")
        notes["edge_of_range"] = "The tuned rate is at the edge of its grid; a better one may lie outside."
        return flags, notes

    def job_flags(self) -> dict[str, str]:
        """As `Sweep.job_flags`, and `untuned` where no optimizer's rate was tuned."""
        found = super().job_flags()
        if self.tuning is None:
            found["untuned"] = "No rate was tuned: the ranking is that of the given rates, not of the optimizers."
        return found


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
