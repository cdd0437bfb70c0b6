"""PED-ANOVA: what tells the best settings from all, field by field.

Written out here, since the package in which Optuna has it loads scikit-learn's forests: two CPU seconds at the end of a
worker's first search. A test holds the figures to Optuna's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.search.ranges import Choices, FloatRange, IntRange
from lrsearch.experiments.search.space import Dimension

Floats: TypeAlias = NDArray[np.float64]
Cells: TypeAlias = NDArray[np.int64]

BEST: Final = 0.1
"""Share of the settings that counts as the best."""
MOST_CELLS: Final = 50
"""Cells a range is cut into, at most."""
LEAST_WIDTH: Final = 0.5 / 1.64
"""Least standard deviation of a kernel, in cells: 90 % of it lies within one."""


def divergences(dimensions: Sequence[Dimension], values: Sequence[Mapping[str, Any]], costs: Floats) -> list[float]:
    """Pearson divergence of the best settings' density from that of all: sum_c p(c) (b(c) / p(c) - 1)^2 over the cells c.

    Both densities are sums of kernels a setting, and a wide one, on the cells of a field's range.

    Args:
        dimensions: fields that all settings have.
        values: of each setting, by name.
        costs: shape (settings,): finite, smaller being better.

    Returns:
        One a dimension; 0 for a field that cannot differ.

    Source: Watanabe et al. 2023, PED-ANOVA, arXiv:2304.10255; bandwidth: Scott 1992.
    """
    cutoff = np.partition(costs, last := math.ceil(BEST * len(costs)) - 1)[last]
    return [_divergence(one, [each[one.name] for each in values], costs <= cutoff) for one in dimensions]


def _divergence(dimension: Dimension, values: Sequence[Any], is_best: NDArray[np.bool_]) -> float:
    cells, count = _cells(dimension, values)
    if count < 2:
        return 0.0
    density = _of_choices if isinstance(dimension.range, Choices) else _of_numbers
    best, everything = (density(np.bincount(cells[chosen], minlength=count)) for chosen in (is_best, ...))
    return float(everything @ (best / everything - 1.0) ** 2)


def _cells(dimension: Dimension, values: Sequence[Any]) -> tuple[Cells, int]:
    """The cell of each value, and the number of cells; 1 where nothing can differ."""
    match dimension.range:
        case Choices():
            return np.array([dimension.options.index(dimension.option(value)) for value in values]), len(
                dimension.options
            )
        case FloatRange() as one:
            low, high, most = float(min(values)), float(max(values)), MOST_CELLS
        case IntRange() as one:
            high = one.low + (one.high - one.low) // one.step * one.step
            low, high, most = float(one.low), float(high), _whole_cells(one, high)
    if high <= low:
        return np.zeros(len(values), np.int64), 1
    numbers = np.asarray(values, dtype=np.float64)
    if one.log:
        numbers, low, high = np.log(numbers), math.log(low), math.log(high)
    places = np.ceil((numbers - low) / ((high - low) / (most - 1)) - 0.5).astype(np.int64)
    return np.clip(places, 0, most - 1), most


def _whole_cells(one: IntRange, high: int) -> int:
    if one.log:
        return min(math.ceil(math.log2(high - one.low + 1)) + 1, MOST_CELLS)
    return min((high - one.low) // one.step + 1, MOST_CELLS)


def _of_choices(counts: Cells) -> Floats:
    """Density over options: a kernel a chosen option with a little of all others, and an even one."""
    chosen = np.flatnonzero(counts)
    kernels = np.full((len(chosen) + 1, len(counts)), 1.0 / (len(chosen) + 1))
    kernels[np.arange(len(chosen)), chosen] += 1.0
    return _mixed(kernels / kernels.sum(axis=1, keepdims=True), counts[chosen])


def _of_numbers(counts: Cells) -> Floats:
    """Density over cells in a row: a normal kernel a cell that is taken, and one as wide as the range."""
    from scipy.special import ndtr

    taken = np.flatnonzero(counts)
    middles = np.append(taken, (len(counts) - 1) / 2.0)
    widths = np.append(np.full(len(taken), _width(taken, counts[taken])), float(len(counts)))
    edges = ndtr((np.arange(len(counts) + 1) - 0.5 - middles[:, np.newaxis]) / widths[:, np.newaxis])
    return _mixed(np.diff(edges) / (edges[:, -1:] - edges[:, :1]), counts[taken])


def _width(cells: Cells, weights: Cells) -> float:
    """Scott's bandwidth of weighted cells: 1.059 min(s, IQR / 1.34) n^(-1/5)."""
    total, upto = int(weights.sum()), np.cumsum(weights)
    mean = (cells @ weights) / total
    deviation = math.sqrt(((cells - mean) ** 2 @ weights) / max(1, total - 1))
    first = np.searchsorted(upto, total // 4, side="left")
    third = min(len(cells) - 1, int(np.searchsorted(upto, total * 3 // 4, side="right")))
    spread = min(float(cells[third] - cells[first]) / 1.34, deviation)
    return max(1.059 * spread * total**-0.2, LEAST_WIDTH)


def _mixed(kernels: Floats, counts: Cells) -> Floats:
    """The kernels weighed by how many settings each stands for, the last one counting as one setting."""
    weights = np.append(counts, 1.0)
    return weights @ kernels / weights.sum() + 1e-12
