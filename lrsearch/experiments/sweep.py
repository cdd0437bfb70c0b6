"""What every comparison of settings shares: paired seeds, numbered trials, packs, stress runs, the result."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Final, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.errors import Problem
from lrsearch.experiments.base import Context, Estimate, PlotSpec, TrialRecord
from lrsearch.experiments.evidence import curves_of, provenance
from lrsearch.experiments.keras_code import training_code
from lrsearch.experiments.leaderboard import Entry, ranked
from lrsearch.experiments.packing import shared_out
from lrsearch.experiments.stability import STRESS, is_unstable
from lrsearch.experiments.sweep_plots import plots_of
from lrsearch.experiments.tasks import Task, likeness, train_tasks
from lrsearch.experiments.training import Training
from lrsearch.experiments.training_document import TrainingFields
from lrsearch.spec import broken

MOST_TRIALS: Final = 10_000
"""Most trials of one job."""
Seeds = Annotated[int, Field(ge=1, le=1_000, strict=True)]


@dataclass(frozen=True, slots=True)
class Setting:
    """One member of a comparison.

    Attributes:
        name: unique within the job.
        values: pointer into the training's document -> value: what distinguishes it.
        training: what is trained.
    """

    name: str
    values: Mapping[str, Any]
    training: Training


class Sweep(TrainingFields):
    """A fixed list of settings, each trained with the same seeds.

    Trial `setting * seeds + seed` is the setting's run with that seed; the stress runs, at 5 and 10 times the rates,
    follow after all of them. Seeds are paired: the same initial weights and data order for every setting.
    """

    seeds: Seeds = 10
    """Runs of each setting, with seeds seed, seed+1, ...; nothing is recommended under 3, and under 6 it is flagged."""
    stress_seeds: Annotated[int, Field(ge=0, le=1_000, strict=True)] = 1
    """Further runs of each setting at 5 times and at 10 times its rates, for the flags `unstable_at_5x` and `..._10x`."""

    @model_validator(mode="after")
    def _stress_is_paired(self) -> Self:
        if self.stress_seeds > self.seeds:
            raise broken(
                "stress_seeds",
                "at_most_seeds",
                f"stress_seeds is {self.stress_seeds} and seeds is {self.seeds}; each stress run is set beside a calm one.",
                "Lower stress_seeds to at most seeds.",
            )
        return self

    @abstractmethod
    def members(self) -> tuple[list[Setting], list[Problem]]:
        """The settings, or what is wrong with the document's list of them."""

    @cached_property
    def settings(self) -> list[Setting]:
        """The settings, in the order of the document."""
        return self.members()[0]

    @property
    def runs(self) -> int:
        """Number of the trials that compare settings, stress runs included."""
        return len(self.settings) * (self.seeds + len(STRESS) * self.stress_seeds)

    @property
    def trials(self) -> int:
        """Number of all trials."""
        return self.runs

    def base_document(self) -> dict[str, Any]:
        """The document of a training with all the fields that this job shares with one."""
        shared = {name for name in Training.model_fields if name != "kind"}
        return self.model_dump(mode="json", by_alias=True, include=shared)

    def problems(self) -> list[Problem]:
        """What is wrong with the settings (the shared fields are part of each), then with their number."""
        settings, found = self.members()
        return found or self.limit_problems(len(settings))

    def limit_problems(self, settings: int) -> list[Problem]:
        """More trials than the document's limit, or than any job may have."""
        trials, limit = self.trials, min(self.limits.trials or MOST_TRIALS, MOST_TRIALS)
        if trials <= limit:
            return []
        pointer = "/limits/trials" if limit == self.limits.trials else "/seeds"
        value = self.limits.trials if limit == self.limits.trials else self.seeds
        message = (
            f"{settings} settings with {self.seeds} seeds, and {self.stress_seeds} at each stress level, are {trials} trials; "
            f"the limit is {limit}."
        )
        action = "Give fewer settings or seeds" + (", or raise limits.trials." if limit == self.limits.trials else ".")
        return [Problem(pointer, "too_many_trials", value, message, action)]

    def estimate(self) -> Estimate:
        """Updates of all trials."""
        updates = sum(setting.training.updates() for setting in self.settings)
        return Estimate(updates * self.runs // max(len(self.settings), 1), self.trials, None)

    def packs(self, workers: int) -> list[list[int]]:
        """At most `workers` packs of about equal work; trials that can be stacked stay together."""
        groups: dict[str, list[int]] = {}
        costs: dict[int, float] = {}
        kinds = [_likeness(setting.training) for setting in self.settings]
        updates = [setting.training.updates() for setting in self.settings]
        for number in range(self.trials):
            index = self.place(number)[0]
            groups.setdefault(kinds[index], []).append(number)
            costs[number] = updates[index]
        return shared_out(list(groups.values()), costs, workers)

    def place(self, number: int) -> tuple[int, int, float]:
        """Setting, seed (both counted from 0) and factor on the rates of a trial."""
        main = len(self.settings) * self.seeds
        if number < main:
            return number // self.seeds, number % self.seeds, 1.0
        rest, seed = divmod(number - main, self.stress_seeds)
        index, level = divmod(rest, len(STRESS))
        return index, seed, STRESS[level]

    def task(self, number: int) -> Task:
        """The run of a trial."""
        index, seed, factor = self.place(number)
        setting = self.settings[index]
        plan = setting.training.plan(self.seed + seed)
        described: dict[str, Any] = {"setting": setting.name, "values": dict(setting.values)}
        if factor != 1.0:
            plan, described = replace(plan, rates=plan.rates * factor), described | {"stress": factor}
        return Task(number, plan, setting.training.controllers, described)

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train the given trials; what can be stacked is given to the trainer together."""
        train_tasks([self.task(number) for number in trials], context)

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """Leaderboard, tests, flags, a recommendation where it is earned, curves, code, and what it all holds for."""
        by_number = {record.number: record for record in records}
        flags, notes = self.setting_flags(by_number)
        entries = [
            Entry(setting.name, setting.values, self._runs(index, by_number), flags.get(setting.name, ()))
            for index, setting in enumerate(self.settings)
        ]
        board = ranked(entries, self.metric, is_minimized=self.is_minimized, notes=notes)
        result: dict[str, Any] = {"kind": type(self).model_fields["kind"].default} | board.as_json()
        order = {row.entry.name: row.entry for row in board.rows}
        runs = {name: [one for one in entry.records if one is not None] for name, entry in order.items()}
        chosen = result["recommendation"] and result["recommendation"]["setting"]
        result["flag_notes"] |= self.job_flags()
        result["flags"] = list(result["flag_notes"])
        return result | {
            "seeds": self.seeds,
            "curves": [curves_of(name, found) for name, found in runs.items() if found],
            "stress": self._stress(by_number),
            "holds_for": self.holds_for(),
            "code": self._code(chosen),
            **provenance(records),
        }

    def _code(self, chosen: str | None) -> str | None:
        return next((training_code(one.training) for one in self.settings if one.name == chosen), None)

    def _runs(self, index: int, by_number: Mapping[int, TrialRecord]) -> list[TrialRecord | None]:
        return [by_number.get(index * self.seeds + seed) for seed in range(self.seeds)]

    def setting_flags(self, by_number: Mapping[int, TrialRecord]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Setting -> its flags, and flag -> its sentence."""
        flags: dict[str, list[str]] = {}
        notes: dict[str, str] = {}
        for number in range(len(self.settings) * self.seeds, self.runs):
            index, seed, factor = self.place(number)
            stressed, calm = by_number.get(number), by_number.get(index * self.seeds + seed)
            name, flag = self.settings[index].name, f"unstable_at_{factor:g}x"
            if stressed and calm and is_unstable(stressed, calm) and flag not in flags.setdefault(name, []):
                flags[name].append(flag)
                notes[flag] = (
                    f"At {factor:g} times its rates the best setting loses most of what it learns, or diverges."
                )
        return flags, notes

    def job_flags(self) -> dict[str, str]:
        """Flag -> its sentence, for what is doubtful about the job as a whole."""
        found: dict[str, str] = {}
        updates = sorted({setting.training.updates() for setting in self.settings})
        if len(updates) > 1:
            found["unequal_updates"] = (
                f"The settings differ in their budget: {updates[0]} to {updates[-1]} updates a run."
            )
        for setting in self.settings:
            found |= setting.training.notes()
        return found

    def _stress(self, by_number: Mapping[int, TrialRecord]) -> list[dict[str, Any]]:
        """What the stress runs measured."""
        found: list[dict[str, Any]] = []
        for number in range(len(self.settings) * self.seeds, self.runs):
            index, _, factor = self.place(number)
            if record := by_number.get(number):
                value = record.metrics.get(self.metric)
                row = {
                    "setting": self.settings[index].name,
                    "factor": factor,
                    "trial": number,
                    "status": record.status.value,
                }
                found.append(row | {"metric": value if value is not None and np.isfinite(value) else None})
        return found

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """The ranking, the metric over what was varied, learning curves, learning rates."""
        return plots_of(result, f"{self.model.name} on {self.data.name}, batch {self.batch_size}")


def _likeness(training: Training) -> str:
    return likeness(training.plan_at(np.empty(0), 0))
