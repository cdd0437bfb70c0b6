"""Settings ranked by a metric over paired seeds: rows, tests, groups, flags, and a recommendation where it is earned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.experiments.statistics import LEVEL, MOST_FINITE, PairedTest, estimated, groups, paired_tests
from lrsearch.status import TrialStatus

FEW_SEEDS: Final = 6
"""Under so many seeds a result is flagged `too_few_seeds`."""
LEAST_SEEDS: Final = 3
"""Under so many seeds nothing is recommended."""
MOST_LISTED: Final = 50
"""Settings up to which the tests of all pairs are listed; beyond, those with the best setting (all are computed)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting and the trials that belong to it.

    Attributes:
        name: unique within the job.
        values: pointer -> value: what makes it a setting of its own.
        records: its trials by seed, None for those that were not made.
        flags: what is doubtful about this setting alone.
    """

    name: str
    values: Mapping[str, Any]
    records: Sequence[TrialRecord | None]
    flags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A ranked setting.

    Attributes:
        scores: by seed: the metric, infinity for a diverged run, None for one that was not made.
        group: 1 for the best; settings of a group are not distinguishable from its first. 0: nothing was measured.
    """

    entry: Entry
    scores: list[float | None]
    group: int = 0

    @property
    def finite(self) -> list[float]:
        """The scores of the runs that did not diverge."""
        return [score for score in self.scores if score is not None and math.isfinite(score)]

    @property
    def diverged(self) -> int:
        """How many of its runs diverged."""
        return sum(score is not None and not math.isfinite(score) for score in self.scores)

    @property
    def is_whole(self) -> bool:
        """Whether every seed was trained to an end."""
        return None not in self.scores


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Ranked settings, best first, and the tests of all pairs."""

    metric: str
    is_minimized: bool
    rows: Sequence[Row]
    tests: Sequence[PairedTest]
    seeds: int
    notes: dict[str, str] = field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, Any]:
        """The part of the result that does not depend on the job's kind."""
        why = self._recommended()
        notes = self.flags()
        return {
            "metric": self.metric,
            "direction": "minimize" if self.is_minimized else "maximize",
            "leaderboard": [_row(row) for row in self.rows],
            "recommendation": None if why is None else {"setting": self.rows[0].entry.name, "why": why},
            "flags": list(notes),
            "flag_notes": notes,
            "tests": [_test(test) for test in self._listed()],
        }

    def _listed(self) -> list[PairedTest]:
        if len(self.rows) <= MOST_LISTED:
            return list(self.tests)
        best = self.rows[0].entry.name
        return [test for test in self.tests if best in (test.a, test.b)]

    @property
    def winners(self) -> list[str]:
        """Names of the settings that are not distinguishable from the best."""
        return [row.entry.name for row in self.rows if row.group == 1 and not row.diverged]

    def flags(self) -> dict[str, str]:
        """Flag -> the sentence that explains it."""
        found: dict[str, str] = {}
        if self.seeds < FEW_SEEDS:
            found["too_few_seeds"] = (
                f"{self.seeds} seeds are fewer than {FEW_SEEDS}: the intervals are wide and unsure."
            )
        if not all(row.is_whole for row in self.rows):
            found["incomplete"] = "Not every run was trained to its end; what is missing is not counted."
        if any(row.diverged for row in self.rows):
            names = ", ".join(row.entry.name for row in self.rows if row.diverged)
            found["diverged"] = f"Runs diverged (their loss was not finite) and rank last: {names}."
        if len(self.rows) > 1 and len(self.winners) > 1:
            found["not_distinguishable"] = (
                f"The best {len(self.winners)} settings are not distinguishable at {1 - LEVEL:.0%}: {', '.join(self.winners)}."
            )
        for name in self.rows[0].entry.flags if self.rows else ():
            found[name] = self.notes.get(name, name)
        return found

    def _recommended(self) -> str | None:
        """The sentence that justifies the best setting, or None where the evidence does not carry it."""
        if len(self.rows) < 2 or self.seeds < LEAST_SEEDS or not all(row.is_whole for row in self.rows):
            return None
        best, second = self.rows[0], self.rows[1]
        if best.diverged or self.winners != [best.entry.name]:
            return None
        tested = [test.p_holm for test in self.tests if best.entry.name in (test.a, test.b)]
        sound = [row for row in self.rows[1:] if not row.diverged]
        if not sound:
            return (
                f"{best.entry.name} is the only setting none of whose {self.seeds} runs diverged; mean {self.metric} "
                f"{np.mean(best.finite):.4g}."
            )
        worst_p = max(p for p, row in zip(tested, self._others(), strict=True) if not row.diverged)
        low, high = estimated(best.finite).interval or (math.nan, math.nan)
        return (
            f"Mean {self.metric} {np.mean(best.finite):.4g} [{low:.4g}, {high:.4g}] over {self.seeds} paired seeds, "
            f"against {np.mean(second.finite):.4g} of the next, {second.entry.name}; it differs from every other setting "
            f"(Holm-corrected p at most {worst_p:.2g})."
        )

    def _others(self) -> list[Row]:
        """The other settings in the order of the tests with the best one."""
        best, by_name = self.rows[0].entry.name, {row.entry.name: row for row in self.rows}
        return [by_name[test.b if test.a == best else test.a] for test in self.tests if best in (test.a, test.b)]


def ranked(
    entries: Sequence[Entry], metric: str, *, is_minimized: bool, notes: Mapping[str, str] | None = None
) -> Leaderboard:
    """Rank settings by the mean of a metric over their seeds; those with a diverged run come last.

    Args:
        entries: of the same seeds in the same order.
        metric: name of the metric in the records.
        is_minimized: whether smaller is better.
        notes: flag of an entry -> its sentence.
    """
    rows = [Row(entry, [score(record, metric) for record in entry.records]) for entry in entries]
    sign = 1 if is_minimized else -1
    rows.sort(key=lambda row: (not row.finite, row.diverged, sign * float(np.mean(row.finite)) if row.finite else 0.0))
    scores = {row.entry.name: [math.inf if s is None else s for s in row.scores] for row in rows}
    tests = paired_tests(scores)
    seeds = max((len(entry.records) for entry in entries), default=0)
    return Leaderboard(metric, is_minimized, _grouped(rows, tests), tests, seeds, dict(notes or {}))


def score(record: TrialRecord | None, metric: str) -> float | None:
    """The metric of a trial: infinity when it diverged, None when it was not made or cut short from outside."""
    if record is None or record.status in {TrialStatus.CANCELLED, TrialStatus.PRUNED, TrialStatus.FAILED}:
        return None
    value = record.metrics.get(metric, math.inf)
    has_exploded = not math.isfinite(value) or abs(value) > MOST_FINITE
    return math.inf if has_exploded or record.status is TrialStatus.DIVERGED else value


def _grouped(rows: Sequence[Row], tests: Sequence[PairedTest]) -> list[Row]:
    """The rows with their groups: sound ones by the tests, those with diverged runs in one more."""
    numbers = groups([row.entry.name for row in rows if row.finite and not row.diverged], tests)
    last = max(numbers.values(), default=0) + 1
    return [Row(row.entry, row.scores, numbers.get(row.entry.name, last if row.diverged else 0)) for row in rows]


def _row(row: Row) -> dict[str, Any]:
    records = [record for record in row.entry.records if record is not None]
    names = sorted({name for record in records for name in record.metrics})
    return {
        "setting": row.entry.name,
        "values": dict(row.entry.values),
        "metrics": {name: _metric(row.entry.records, name) for name in names},
        "group": row.group,
        "diverged": row.diverged,
        "trials": [record.number for record in records],
        "flags": list(row.entry.flags),
    }


def _metric(records: Sequence[TrialRecord | None], name: str) -> dict[str, Any]:
    values = [score(record, name) for record in records]
    stated = estimated([value for value in values if value is not None and math.isfinite(value)])
    return {
        "mean": stated.mean if math.isfinite(stated.mean) else None,
        "interval": None if stated.interval is None else list(stated.interval),
        "values": finite_or_none([math.nan if value is None else value for value in values]),
    }


def _test(test: PairedTest) -> dict[str, Any]:
    difference = test.difference if math.isfinite(test.difference) else None
    return {"a": test.a, "b": test.b, "difference": difference, "p_holm": test.p_holm}
