"""Every run that a search may ask for, really trained once: rates a tenth of a decade apart, each schedule, each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve
from lrsearch.experiments.search import Search
from lrsearch.training.plan import Checkpoint, Plan
from lrsearch.training.trainer import Observer, Run, Segment, Stop, StopReason, Trainer, go_on

PER_DECADE: Final = 10
"""Rates of the table in a decade; a search that asks for another one gets the nearest."""
STACK: Final = 64
"""Runs trained at once."""
Setting: TypeAlias = tuple[int, bool]
"""Rate in tenths of a decade, whether it falls."""


def setting_of(plan: Plan) -> Setting:
    """The setting of the table that answers a plan."""
    peak = float(plan.rates.max())
    return round(PER_DECADE * float(np.log10(peak))), bool(plan.rates[-1] < peak)


@dataclass(slots=True)
class Table:
    """The runs of one search's space and seeds.

    Attributes:
        steps_per_epoch: of every run.
        runs: (setting, seed) -> the whole run.
        range_tests: seed -> range test.
    """

    steps_per_epoch: int
    runs: dict[tuple[Setting, int], Run] = field(default_factory=dict[tuple[Setting, int], Run])
    range_tests: dict[int, Run] = field(default_factory=dict[int, Run])

    @classmethod
    def trained(cls, search: Search, trainer: Trainer, ends: tuple[float, float]) -> Table:
        """Train every setting between two rates with every seed of the search, and the range tests of its prior."""
        low, high = (round(PER_DECADE * float(np.log10(end))) for end in ends)
        trainings = [
            search.setting(search.search_space.drawn(lambda one, at=at, lr=lr: at if one.options else lr))
            for lr in 10.0 ** (np.arange(low, high + 1) / PER_DECADE)
            for at in [option.label for one in search.search_space.dimensions for option in one.options]
        ]
        plans = [training.plan(search.seed + seed) for training in trainings for seed in range(search.seeds)]
        table = cls(trainings[0].steps_per_epoch())
        for start in range(0, len(plans), STACK):
            batch = plans[start : start + STACK]
            keys = [(setting_of(plan), plan.seed) for plan in batch]
            table.runs |= zip(keys, trainer.train(batch), strict=True)
        tests = [task.plan for task in search.range_tests()]
        table.range_tests |= zip([plan.seed for plan in tests], trainer.train(tests), strict=True)
        return table

    def losses(self) -> dict[Setting, NDArray[np.float64]]:
        """Setting -> its held-out losses at the end, one a seed; infinite where the run diverged."""
        found: dict[Setting, list[float]] = {}
        for (setting, _), run in self.runs.items():
            last = float(run.history["val_loss"][-1]) if run.stop_reason is StopReason.COMPLETED else np.inf
            found.setdefault(setting, []).append(last if np.isfinite(last) else np.inf)
        return {setting: np.array(losses) for setting, losses in found.items()}


@dataclass(frozen=True, slots=True)
class TableTrainer:
    """Answers a search's plans from a table, epoch by epoch, so that a pruner may end them."""

    table: Table
    name: str = "table"

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """What training would answer; see `Trainer.train`."""
        if plans[0].divergence is not None:
            return [self.table.range_tests[plan.seed] for plan in plans]
        runs = [self.table.runs[setting_of(plan), plan.seed] for plan in plans]
        left = dict(enumerate(runs))
        ended: dict[int, Run] = {}
        epoch = 0
        while left:
            epoch += 1
            for index, run in list(left.items()):
                if epoch > len(run.history.get("loss", ())):
                    ended[index] = left.pop(index)
                elif isinstance(answer := observer(index, self._segment(run, epoch)), Stop):
                    ended[index] = self._cut(left.pop(index), epoch, answer.reason)
        return [ended[index] for index in range(len(runs))]

    def _segment(self, run: Run, epoch: int) -> Segment:
        each = self.table.steps_per_epoch
        first = (epoch - 1) * each
        metrics = {name: float(values[epoch - 1]) for name, values in run.history.items()}
        return Segment(first, run.curve.losses[first : first + each], epoch, metrics, _no_checkpoint)

    def _cut(self, run: Run, epoch: int, reason: StopReason) -> Run:
        """The run as it was after an epoch; one that ends with it came to its end."""
        made = epoch * self.table.steps_per_epoch
        if made == len(run.curve.losses):
            return replace(run, stop_reason=reason)
        history = {name: values[:epoch] for name, values in run.history.items()}
        curve = Curve(run.curve.lrs[:made], run.curve.losses[:made])
        return replace(run, curve=curve, history=history, final={}, stop_reason=reason, stopped_at=made - 1)


def _no_checkpoint() -> Checkpoint:
    raise NotImplementedError("What is read from a table has no weights.")
