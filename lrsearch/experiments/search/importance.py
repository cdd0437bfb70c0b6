"""How much each searched field matters, from the settings' values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from lrsearch.experiments.search.ranges import Choices, FloatRange
from lrsearch.experiments.search.space import Dimension, Option, Space
from lrsearch.spec import escape

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST_SETTINGS: Final = 8
"""Fewer finite values say nothing about importance."""
Tried: TypeAlias = Sequence[tuple[Mapping[str, Any], float | None]]
"""Names and values of each setting, and its objective, smaller being better; None or not finite: it says nothing."""


def load_ahead() -> None:
    """Import what importances and intervals need, scikit-learn and scipy.stats: some 2 s, which no job should wait for."""
    import optuna.importance  # noqa: F401 # pyright: ignore[reportUnusedImport]


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
    import optuna

    ended = [(values, value) for values, value in tried if value is not None and math.isfinite(value)]
    if len(ended) < LEAST_SETTINGS or not dimensions or len({value for _, value in ended}) < 2:
        return None
    distributions = {one.name: _distribution(one, ended) for one in dimensions}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study()
        for values, value in ended:
            drawn = {one.name: values[one.name] for one in dimensions}
            study.add_trial(optuna.trial.create_trial(value=value, params=drawn, distributions=distributions))
        try:
            found = optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError):
            return None
    total = sum(found.values())
    return {name: share / total for name, share in found.items()} if total > 0 else None


def _distribution(dimension: Dimension, ended: Tried) -> BaseDistribution:
    """Optuna's distribution of a range; ends that were left out are those of the values."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match dimension.range:
        case Choices():
            return CategoricalDistribution([option.label for option in dimension.options])
        case FloatRange() as one:
            seen = [float(values[dimension.name]) for values, _ in ended]
            return FloatDistribution(min(seen), max(seen), log=one.log)
        case one:
            return IntDistribution(one.low, one.high, log=one.log, step=one.step)
