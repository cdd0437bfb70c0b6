"""One search on a table of runs, watched until it has tried a setting that is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.prior_table import PER_DECADE, Setting, Table, TableTrainer
from lrsearch.experiments.base import Context, Groups, TrialRecord
from lrsearch.experiments.packing import first_free
from lrsearch.experiments.search import Search
from lrsearch.training.trainer import StopReason


@dataclass(frozen=True, slots=True)
class Reached:
    """Settings and updates that a search took to a goal; all of them, where it never came there."""

    settings: int
    updates: int
    is_there: bool


class Race:
    """A search that ends as soon as it has brought a setting to its end whose true loss is at most the goal.

    Args:
        search: the document.
        table: its runs.
        truth: setting -> true loss.
        goal: loss to be reached.
    """

    def __init__(self, search: Search, table: Table, truth: Mapping[Setting, float], goal: float) -> None:
        self._search, self._table, self._truth, self._goal = search, table, truth, goal
        self._records: dict[int, TrialRecord] = {}
        self._settings: set[int] = set()
        self._updates, self._is_there = 0, False

    def run(self) -> Reached:
        """Search, in this process."""
        search, owned = self._search, set(range(self._search.first))

        def take(groups: Groups, count: int) -> list[int]:
            numbers = [number for group in first_free(groups, owned, count) for number in group]
            owned.update(numbers)
            return numbers

        context = Context(
            TableTrainer(self._table),
            self._keep,
            should_stop=lambda: StopReason.CANCELLED if self._is_there else None,
            finished=lambda: self._records,
        )
        for trials in search.packs(1):
            search.train(trials, replace(context, take=take))
        return Reached(len(self._settings), self._updates, self._is_there)

    def _keep(self, records: Sequence[TrialRecord]) -> None:
        for record in records:
            self._note(record)

    def _note(self, record: TrialRecord) -> None:
        search = self._search
        self._records[record.number] = record
        self._updates += len(record.arrays["losses"])
        if record.number < search.first:
            return
        slot, _ = search.place(record.number)
        self._settings.add(slot)
        runs = [self._records.get(number) for number in search.numbers(slot)]
        if all(run is not None and run.stop_reason is StopReason.COMPLETED for run in runs):
            self._is_there = self._is_there or self._truth[_setting(record)] <= self._goal


def _setting(record: TrialRecord) -> Setting:
    rates = record.arrays["lrs"]
    return round(PER_DECADE * float(np.log10(rates.max()))), bool(rates[-1] < rates.max())
