"""What a range test's result says of rules, points and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import TrialRecord
from lrsearch.suggestions.base import Suggestion


def answer_of(rule: str, answer: Suggestion) -> dict[str, Any]:
    """A rule's answer, JSON-able."""
    return {
        "rule": rule,
        "lr": answer.lr,
        "min_lr": answer.min_lr,
        "max_lr": answer.max_lr,
        "interval": answer.interval and list(answer.interval),
        "level": answer.level,
        "why": answer.why,
    }


def means(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Mean of each `size` values, of what is left for the last; NaN where one of them is not finite."""
    if size == 1:
        return values
    starts = np.arange(0, len(values), size)
    with np.errstate(invalid="ignore"):
        means = np.add.reduceat(values, starts) / np.minimum(size, len(values) - starts) if len(values) else values
    return np.where(np.isfinite(means), means, np.nan)


def seconds_of(records: Sequence[TrialRecord]) -> dict[str, float]:
    """Seconds by phase, summed over the repeats."""
    total: dict[str, float] = {}
    for record in records:
        for phase, seconds in record.facts.get("seconds", {}).items():
            total[phase] = total.get(phase, 0.0) + seconds
    return total
