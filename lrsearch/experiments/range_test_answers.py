"""What a range test's result says of rules and points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
