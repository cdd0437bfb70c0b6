"""Many settings raced: short runs of all, longer runs of the better ones, until a few survive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.errors import Problem
from lrsearch.experiments.base import Context, Estimate, PlotSpec, TrialRecord
from lrsearch.experiments.contenders import Contenders, arm_of, peak_of, settings_of
from lrsearch.experiments.evidence import provenance
from lrsearch.experiments.leaderboard import Entry, ranked, score
from lrsearch.experiments.race_plots import plots_of_race
from lrsearch.experiments.stability import TAIL
from lrsearch.experiments.sweep import MOST_TRIALS, Setting
from lrsearch.experiments.tasks import Task, train_tasks, within
from lrsearch.experiments.training import Training
from lrsearch.experiments.training_document import TrainingFields
from lrsearch.spec import PositiveInt
from lrsearch.status import TrialStatus
from lrsearch.training.plan import Plan, Validation

Floats = NDArray[np.float64]


class SuccessiveHalving(TrainingFields):
    """Race contenders with paired seeds: in each rung the best 1/reduction go on to runs `reduction` times as long.

    With K rungs, rung k = 1..K trains for updates / reduction^(K + 1 - k) and keeps ceil(n / reduction) of its n
    contenders, never fewer than `survivors`; the last one keeps `survivors`. A short run goes through its whole
    schedule, squeezed: update i of n has the rate of update round(i (N - 1) / (n - 1)) of the whole run of N; the runs
    of a rung start anew. Each is judged at its end by the metric on held-out data (without a validation: on its last
    tenth of batches). Contenders are placed seed by seed, diverged ones last, and ordered by their mean place, of equal
    ones by their mean. The test set does not judge: `test_...` is read as `val_...`.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Jamieson and Talwalkar 2016, Non-stochastic Best Arm Identification, arXiv:1502.07943.",
    )

    kind: Literal["successive_halving"] = "successive_halving"
    contenders: Contenders
    """What is raced."""
    rungs: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """Number of rungs."""
    reduction: Annotated[int, Field(ge=2, le=100, strict=True)] = 3
    """One in so many goes on, to runs so many times as long."""
    survivors: PositiveInt = 2
    """Contenders that are left at the end."""
    seeds: Annotated[int, Field(ge=1, le=1_000, strict=True)] = 2
    """Runs of each contender in each rung, with seeds seed, seed+1, ..."""

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        return settings_of(self.base_document(), self.contenders)

    @property
    def settings(self) -> list[Setting]:
        """The contenders."""
        return self._members[0]

    def base_document(self) -> dict[str, Any]:
        """The document of a training with the fields that this job shares with one; controllers do not race.

        The metric is left to `problems`: a training needs a whole epoch for it, a run of a race is judged at its end.
        """
        shared = {name for name in Training.model_fields if name not in {"kind", "controllers", "metric", "direction"}}
        return self.model_dump(mode="json", by_alias=True, include=shared) | {"metric": "test_loss"}

    def problems(self) -> list[Problem]:
        """What is wrong with the contenders or shared fields, then with the size of the race."""
        if self._members[1]:
            return self._members[1]
        found: list[Problem] = []
        if self.metric not in (names := self.produced()):
            message = f"A run of this document does not measure {self.metric!r}."
            found.append(Problem("/metric", "not_measured", self.metric, message, f"Use one of {', '.join(names)}."))
        if self.survivors > len(self.contenders):
            message = f"survivors is {self.survivors} and there are {len(self.contenders)} contenders."
            action = f"Use at most {len(self.contenders)}."
            found.append(Problem("/survivors", "at_most_contenders", self.survivors, message, action))
        if self.lengths[0] < 1:
            message = f"{self.rungs} rungs with reduction {self.reduction} leave no update for the first one."
            found.append(
                Problem("/rungs", "leaves_no_updates", self.rungs, message, "Use fewer rungs, or train longer.")
            )
        limit = min(self.limits.trials or MOST_TRIALS, MOST_TRIALS)
        if self.trials > limit:
            message = f"The rungs make {self.trials} trials; the limit is {limit}."
            found.append(Problem("/contenders", "too_many_trials", len(self.contenders), message, "Give fewer."))
        return found

    @cached_property
    def lengths(self) -> list[int]:
        """Updates of a run in each rung, rising."""
        return [self.updates() // self.reduction ** (self.rungs - rung) for rung in range(self.rungs)]

    @cached_property
    def sizes(self) -> list[int]:
        """Contenders in each rung, and last the survivors."""
        found = [len(self.contenders)]
        for _ in range(self.rungs - 1):
            found.append(min(found[-1], max(math.ceil(found[-1] / self.reduction), self.survivors)))
        return [*found, self.survivors]

    @property
    def trials(self) -> int:
        """Runs of all rungs."""
        return sum(self.sizes[:-1]) * self.seeds

    def estimate(self) -> Estimate:
        """Updates of all rungs."""
        updates = sum(size * length for size, length in zip(self.sizes, self.lengths, strict=False)) * self.seeds
        return Estimate(updates, self.trials, None)

    def packs(self, workers: int) -> list[list[int]]:
        """One: what runs in a rung is known when the one before is over."""
        return [list(range(self.trials))]

    def first_of(self, rung: int) -> int:
        """Number of a rung's first trial."""
        return sum(self.sizes[:rung]) * self.seeds

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train rung after rung; what earlier attempts finished is read, not run again."""
        known = dict(context.finished())

        def keep(records: Sequence[TrialRecord]) -> None:
            judged = [replace(one, metrics=one.metrics | {self.judged_by: self._value(one)}) for one in records]
            known.update({record.number: record for record in judged})
            context.on_trials(judged)

        local = replace(context, on_trials=keep)
        rungs = [range(self.first_of(rung), self.first_of(rung + 1)) for rung in range(self.rungs)]
        waiting = [[number for number in rung if number in trials and number not in known] for rung in rungs]
        updates = [len(numbers) * length for numbers, length in zip(waiting, self.lengths, strict=True)]
        for rung, numbers in enumerate(waiting):
            alive = self.alive(rung, known)
            if not alive:
                return
            progressing = within(local, sum(updates[:rung]), sum(updates[rung + 1 :]))
            train_tasks([self._task(number, rung, alive) for number in numbers], progressing)

    def alive(self, rung: int, known: Mapping[int, TrialRecord]) -> list[int]:
        """Contenders of a rung (of rung `rungs`: the survivors), best first; empty while the one before is not over."""
        if rung == 0:
            return list(range(len(self.settings)))
        before = self.alive(rung - 1, known)
        values = self.scores(rung - 1, before, known)
        if not before or any(value is None for row in values for value in row):
            return []
        order = self._order(np.array(values, dtype=np.float64))
        return [before[place] for place in order[: self.sizes[rung]]]

    def scores(self, rung: int, alive: Sequence[int], known: Mapping[int, TrialRecord]) -> list[list[float | None]]:
        """The metric of each contender and seed: infinite where it diverged, None where it was not made."""
        first = self.first_of(rung)
        return [
            [score(known.get(first + slot * self.seeds + seed), self.judged_by) for seed in range(self.seeds)]
            for slot in range(len(alive))
        ]

    def _order(self, values: Floats) -> list[int]:
        """Slots by their mean place over the seeds, of equal ones by their mean."""
        lost = np.where(np.isfinite(values), values if self.is_minimized else -values, np.inf)
        below = (lost[None] < lost[:, None]).sum(axis=1)
        equal = (lost[None] == lost[:, None]).sum(axis=1)
        places = (below + 0.5 * (equal + 1.0)).mean(axis=1)
        return [int(slot) for slot in np.lexsort((lost.mean(axis=1), places))]

    def _task(self, number: int, rung: int, alive: Sequence[int]) -> Task:
        slot, seed = divmod(number - self.first_of(rung), self.seeds)
        setting = self.settings[alive[slot]]
        described = {"setting": setting.name, "values": dict(setting.values), "rung": rung + 1}
        return Task(number, self._plan(setting.training, self.lengths[rung], seed), (), described)

    def _plan(self, training: Training, length: int, seed: int) -> Plan:
        plan = training.plan_at(squeezed(training.rates(), length), self.seed + seed)
        validation = plan.validation and Validation(plan.validation.share, every_steps=length)
        return replace(plan, validation=validation, test=False)

    def _value(self, record: TrialRecord) -> float:
        """What a run is judged by, at its end."""
        if record.status is not TrialStatus.COMPLETE:
            return math.inf if self.is_minimized else -math.inf
        measured = record.arrays.get(f"validations/{self.judged_by}")
        if measured is not None and len(measured):
            return float(measured[-1])
        name = "losses" if self.judged_by == "loss" else f"batch/{self.judged_by}"
        values = record.arrays[name]
        return float(np.mean(values[-max(1, int(TAIL * len(values))) :]))

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """The rungs with everybody's place, the survivors, and the last rung as a leaderboard; nothing is recommended."""
        known = {record.number: record for record in records}
        rungs = [self._rung(rung, known) for rung in range(self.rungs)]
        result: dict[str, Any] = {"kind": self.kind} | self._board(known).as_json()
        notes = {
            flag: why
            for flag, why in result["flag_notes"].items()
            if flag not in {"too_few_seeds", "not_distinguishable"}
        }
        return result | {
            "recommendation": None,
            "flags": list(notes),
            "flag_notes": notes,
            "rungs": [rung for rung in rungs if rung["contenders"]],
            "survivors": [self.settings[index].name for index in self.alive(self.rungs, known)],
            "seeds": self.seeds,
            "curves": [],
            "holds_for": self.holds_for(),
            "code": None,
            **provenance(records),
        }

    def _board(self, known: Mapping[int, TrialRecord]) -> Any:
        last = max((rung for rung in range(self.rungs) if self.alive(rung, known)), default=0)
        first = self.first_of(last)
        entries = [
            Entry(
                self.settings[index].name,
                self.settings[index].values,
                [known.get(first + slot * self.seeds + seed) for seed in range(self.seeds)],
            )
            for slot, index in enumerate(self.alive(last, known))
        ]
        return ranked(entries, self.judged_by, is_minimized=self.is_minimized)

    def _rung(self, rung: int, known: Mapping[int, TrialRecord]) -> dict[str, Any]:
        """A rung for the result: its contenders in the order in which they came in."""
        alive = self.alive(rung, known)
        kept = set(self.alive(rung + 1, known))
        rows = [
            self._row(self.settings[index], values, is_kept=index in kept)
            for index, values in zip(alive, self.scores(rung, alive, known), strict=True)
        ]
        after = self.alive(rung + 1, known)
        order = {self.settings[index].name: place for place, index in enumerate(after)}
        rows.sort(key=lambda row: order.get(row["setting"], len(order)))
        return {"rung": rung + 1, "updates": self.lengths[rung], "contenders": rows}

    def _row(self, setting: Setting, values: Sequence[float | None], *, is_kept: bool) -> dict[str, Any]:
        finite = [value for value in values if value is not None and math.isfinite(value)]
        return {
            "setting": setting.name,
            "values": dict(setting.values),
            "arm": arm_of(setting.training),
            "learning_rate": peak_of(setting.training),
            "metric": float(np.mean(finite)) if len(finite) == len(values) else None,
            "is_kept": is_kept,
        }

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """The metric over the greatest rate, an arm a line, and the way of each contender through the rungs."""
        return plots_of_race(result, f"{self.model.name} on {self.data.name}, batch {self.batch_size}")


def squeezed(rates: Floats, length: int) -> Floats:
    """The rates of a run of N updates for one of `length` updates, end to end: shape (length,), float64.

    Example:
        >>> squeezed(np.array([1.0, 0.8, 0.6, 0.4, 0.2]), 3).tolist()
        [1.0, 0.6, 0.2]
    """
    if length >= len(rates):
        return rates
    return rates[np.linspace(0, len(rates) - 1, length).round().astype(np.int64)]
