"""How much each searched field matters, from the settings' values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from lrsearch.experiments.search.ped_anova import divergences
from lrsearch.experiments.search.space import Dimension, Option, Space
from lrsearch.spec import escape

LEAST_SETTINGS: Final = 8
"""Fewer finite values say nothing about importance."""
Tried: TypeAlias = Sequence[tuple[Mapping[str, Any], float | None]]
"""Names and values of each setting, and its objective, smaller being better; None or not finite: it says nothing."""


def importance_of(space: Space, tried: Tried) -> dict[str, float] | None:
    """Share of each field in what tells good settings from all, by PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255).

    PED-ANOVA compares what all settings have: fields that count only under some option are those of `importance_within`.

    Args:
        space: what was searched.
        tried: every setting.

    Returns:
        Name -> share, greatest first; they sum to 1. None with fewer than 8 finite objectives, or when none differs.
    """
    return _shares(space.dimensions, tried)


def importance_within(space: Space, tried: Tried) -> dict[str, dict[str, float]]:
    """The same among the settings of each option that has fields of its own: those, and what all settings have.

    Returns:
        Option, as `/schedule/one_cycle` -> name -> share; without options whose settings are too few.
    """
    found: dict[str, dict[str, float]] = {}
    for dimension, option, around in _options(space.dimensions, ()):
        those = [one for one in tried if _has(one[0], dimension, option)]
        if shares := _shares((*(one for one in around if one is not dimension), *option.inner), those):
            found[f"{dimension.name}/{escape(str(option.label))}"] = shares
    return found


def _options(
    dimensions: Sequence[Dimension], around: tuple[Dimension, ...]
) -> Iterator[tuple[Dimension, Option, tuple[Dimension, ...]]]:
    """Every option with fields of its own, and what all its settings have besides."""
    here = (*around, *dimensions)
    for dimension in dimensions:
        for option in dimension.options:
            if option.inner:
                yield dimension, option, here
                yield from _options(option.inner, here)


def _has(values: Mapping[str, Any], dimension: Dimension, option: Option) -> bool:
    value = values.get(dimension.name)
    return dimension.name in values and value == option.label and type(value) is type(option.label)


def _shares(dimensions: Sequence[Dimension], tried: Tried) -> dict[str, float] | None:
    ended = [(values, value) for values, value in tried if value is not None and math.isfinite(value)]
    if len(ended) < LEAST_SETTINGS or not dimensions or len({value for _, value in ended}) < 2:
        return None
    found = divergences(dimensions, [values for values, _ in ended], np.array([value for _, value in ended]))
    total = sum(found)
    shares = [one / total for one in found] if total > 0 else [1.0 / len(found)] * len(found)
    by_name = zip((one.name for one in dimensions), shares, strict=True)
    return dict(sorted(by_name, key=lambda one: one[1], reverse=True))
