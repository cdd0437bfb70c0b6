"""How much each searched field matters, from the settings' values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lrsearch.experiments.search.ranges import Choices, FloatRange
from lrsearch.experiments.search.space import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST_SETTINGS: Final = 8
"""Fewer finite values say nothing about importance."""


def importance_of(space: Space, tried: Sequence[tuple[Mapping[str, Any], float | None]]) -> dict[str, float] | None:
    """Share of each field in what tells good settings from all, by PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255).

    Fields that count only under some option are left out: PED-ANOVA compares what all settings have.

    Args:
        space: what was searched.
        tried: names and values of each setting, and its objective, smaller being better; None or not finite ones are left out.

    Returns:
        Name -> share, greatest first; they sum to 1. None with fewer than 8 finite objectives, or when none differs.
    """
    import optuna

    ended = [(values, value) for values, value in tried if value is not None and math.isfinite(value)]
    names = [one.name for one in space.dimensions]
    if len(ended) < LEAST_SETTINGS or not names or len({value for _, value in ended}) < 2:
        return None
    distributions = {
        one.name: _distribution(one.range, [option.label for option in one.options], ended, one.name)
        for one in space.dimensions
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study()
        study.add_trials(
            [
                optuna.trial.create_trial(
                    value=value, params={name: values[name] for name in names}, distributions=distributions
                )
                for values, value in ended
            ]
        )
        try:
            found = optuna.importance.get_param_importances(study)
        except (ValueError, RuntimeError):
            return None
    total = sum(found.values())
    return {name: share / total for name, share in found.items()} if total > 0 else None


def _distribution(
    given: Any, labels: list[Any], ended: Sequence[tuple[Mapping[str, Any], float]], name: str
) -> BaseDistribution:
    """Optuna's distribution of a range; ends that were left out are those of the values."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(given, Choices):
        return CategoricalDistribution(labels)
    if isinstance(given, FloatRange):
        seen = [float(values[name]) for values, _ in ended]
        return FloatDistribution(min(seen), max(seen), log=given.log)
    return IntDistribution(given.low, given.high, log=given.log, step=given.step)
