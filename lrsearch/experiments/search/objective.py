"""What a search optimizes: a metric at a run's end, at its best epoch, or averaged over the run; over seeds, the mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from lrsearch.controllers.base import FALLING, RISING
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.leaderboard import score
from lrsearch.experiments.statistics import MOST_FINITE
from lrsearch.experiments.training_document import Direction
from lrsearch.spec import Spec
from lrsearch.status import TrialStatus

At = Literal["end", "best", "auc"]
PREFIX: Final = {"end": "", "best": "best_", "auc": "auc_"}
"""What stands before the metric's name, by `at`."""


class Objective(Spec):
    """A metric and where on the run it is read.

    `end`: the last value; `best`: the best value of any epoch; `auc`: the mean over the epochs, which is the area under
    the curve divided by its length, so that learning fast counts.
    """

    metric: Annotated[str, Field(min_length=1)]
    """`val_loss`, `loss`, `test_loss`, or the same of accuracy or mean_absolute_error."""
    at: At = "end"
    """Where it is read."""
    direction: Direction | None = None
    """Whether smaller or greater is better; left out: as the metric's name says."""

    @property
    def name(self) -> str:
        """The metric with where it is read: `val_loss`, `best_val_loss`, `auc_val_loss`."""
        return PREFIX[self.at] + self.metric

    @property
    def is_minimized(self) -> bool:
        """Whether smaller is better."""
        if self.direction is not None:
            return self.direction == "minimize"
        name = self.metric.lower()
        return any(part in name for part in FALLING) or not any(part in name for part in RISING)

    @property
    def worst(self) -> float:
        """The value of a run that diverged."""
        return math.inf if self.is_minimized else -math.inf

    def value(self, record: TrialRecord) -> float | None:
        """The value of one run; `worst` when it diverged, None when it was pruned or cut short from outside."""
        ended = score(record, self.metric)
        if ended is None or math.isinf(ended):
            return None if ended is None else self.worst
        if self.at == "end":
            return ended
        return self._over(record.arrays.get(f"history/{self.metric}", np.empty(0)).tolist())

    def _over(self, history: Sequence[float]) -> float:
        if not history or not all(math.isfinite(value) and abs(value) <= MOST_FINITE for value in history):
            return self.worst
        if self.at == "auc":
            return float(np.mean(history))
        return min(history) if self.is_minimized else max(history)

    def mean(self, records: Sequence[TrialRecord | None]) -> float | None:
        """The value of a setting: the mean over its seeds, None unless every seed came to its end."""
        values = [None if record is None else self.value(record) for record in records]
        known = [value for value in values if value is not None]
        if not known or len(known) < len(values):
            return None
        return self.worst if any(math.isinf(value) for value in known) else float(np.mean(known))

    def intermediate(self, history: Sequence[float]) -> float:
        """The value after the epochs so far: what pruners compare."""
        if self.at == "end":
            return history[-1] if math.isfinite(history[-1]) else self.worst
        return self._over(history)


def was_pruned(records: Sequence[TrialRecord | None]) -> bool:
    """Whether the pruner ended a setting."""
    return any(record is not None and record.status is TrialStatus.PRUNED for record in records)
