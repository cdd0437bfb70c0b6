"""What a range test's result says of rules, curves and points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve, smooth
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.held_out_check import validated
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.suggestions.base import Suggestion

if TYPE_CHECKING:
    from lrsearch.experiments.range_test import RangeTest


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


def read(document: RangeTest, record: TrialRecord) -> Curve:
    """The curve the rules read: one point a rate; a metric that is better when greater as 1 - metric."""
    size = document.batches_per_lr
    if document.metric == "val_loss":
        values = validated(record)
        return Curve(record.arrays["lrs"][::size][: len(values)], values)
    values = record.arrays["losses"]
    if document.metric == "accuracy":
        # a batch whose loss is not finite has no accuracy worth reading
        values = np.where(np.isfinite(values), 1.0 - record.arrays["batch/accuracy"], np.nan)
    return Curve(record.arrays["lrs"][::size], means(values, size))


def curve_of(document: RangeTest, record: TrialRecord) -> dict[str, Any]:
    """A repeat's curve with its smoothing, JSON-able."""
    curve, size = read(document, record), document.batches_per_lr
    return {
        "trial": record.number,
        "seed": record.seed,
        "lrs": record.arrays["lrs"][::size].tolist(),
        "losses": finite_or_none(means(record.arrays["losses"], size)),
        "values": finite_or_none(curve.losses),
        "smoothed": finite_or_none(smooth(curve)),
        "stopped_at": None if record.stopped_at is None else record.stopped_at // size,
        "stop_reason": record.stop_reason.value,
    }


def means(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Mean of each `size` values, of what is left for the last; NaN where one of them is not finite."""
    if size == 1:
        return values
    starts = np.arange(0, len(values), size)
    with np.errstate(invalid="ignore"):
        means = np.add.reduceat(values, starts) / np.minimum(size, len(values) - starts) if len(values) else values
    return np.where(np.isfinite(means), means, np.nan)
