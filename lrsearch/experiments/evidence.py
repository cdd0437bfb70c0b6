"""What a result says beside its leaderboard: curves by setting, seconds, engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.numbers import finite_or_none, summed
from lrsearch.experiments.statistics import LEVEL, MOST_FINITE

MOST_POINTS: Final = 200
"""Points of a curve in a result; the whole curves are those of the trials."""


def curves_of(name: str, records: Sequence[TrialRecord]) -> dict[str, Any]:
    """Mean and t interval of each epoch metric over a setting's runs, and the rates of its longest run, thinned out.

    With its momenta, where they move.

    At an epoch that only some runs reached, the figures are theirs.
    """
    metrics = sorted({key.removeprefix("history/") for one in records for key in one.arrays if "history/" in key})
    epochs = max((len(one.arrays[key]) for one in records for key in one.arrays if "history/" in key), default=0)
    kept = thinned(epochs)
    longest = max((one.arrays for one in records), key=lambda arrays: len(arrays["lrs"]), default={"lrs": np.empty(0)})
    rates = longest["lrs"]
    steps = thinned(len(rates))
    momenta = {"momenta": longest["momenta"][steps].tolist()} if "momenta" in longest else {}
    return {
        "setting": name,
        "epochs": (kept + 1).tolist(),
        "metrics": {metric: _band(metric, records, epochs, kept) for metric in metrics},
        "steps": steps.tolist(),
        "lrs": [float(rates[step]) for step in steps],
        **momenta,
    }


def thinned(length: int) -> NDArray[np.int64]:
    """At most `MOST_POINTS` indices of a series, its ends among them."""
    return np.unique(np.linspace(0, length - 1, min(length, MOST_POINTS)).round().astype(np.int64))


def _band(metric: str, records: Sequence[TrialRecord], epochs: int, kept: NDArray[np.int64]) -> dict[str, Any]:
    from scipy.stats import t

    rows = np.full((len(records), epochs), np.nan)
    for row, record in zip(rows, records, strict=True):
        values = record.arrays.get(f"history/{metric}", np.empty(0))
        row[: len(values)] = values
    rows = np.where(np.abs(rows) <= MOST_FINITE, rows, np.nan)[:, kept]
    count = np.isfinite(rows).sum(axis=0)
    mean = np.nansum(rows, axis=0) / np.maximum(count, 1)
    squares = np.nansum((rows - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
    reach = t.ppf((1 + LEVEL) / 2, np.maximum(count - 1, 1)) * np.sqrt(squares / np.maximum(count, 1))
    mean[count == 0] = np.nan
    reach[count < 2] = np.nan
    return {
        "mean": finite_or_none(mean.tolist()),
        "low": finite_or_none((mean - reach).tolist()),
        "high": finite_or_none((mean + reach).tolist()),
    }


def seconds_of(records: Sequence[TrialRecord]) -> dict[str, float]:
    """Seconds by phase, summed over the trials."""
    return summed(record.facts.get("seconds", {}) for record in records)


def provenance(records: Sequence[TrialRecord]) -> dict[str, Any]:
    """Engine, environment, seconds by phase and updates of the trials."""
    engines = sorted({str(record.facts.get("engine")) for record in records})
    return {
        "engine": ", ".join(engines) or None,
        "environment": records[0].facts.get("environment", {}) if records else {},
        "seconds": seconds_of(records),
        "updates": sum(len(record.arrays["losses"]) for record in records),
    }
