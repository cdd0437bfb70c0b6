"""What range tests tell a search before it begins: bounds of the learning rate, first points, a loss that is hopeless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from lrsearch.curves import Curve, smooth
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.search.ranges import FloatRange
from lrsearch.experiments.search.settings import OPTIMIZER, RATE, is_rate
from lrsearch.experiments.search.space import Dimension, Option, Space
from lrsearch.experiments.tasks import Task
from lrsearch.experiments.training import Training
from lrsearch.experiments.tuning import RANGE_TESTS, range_test_plan
from lrsearch.spec import escape
from lrsearch.suggestions import suggest
from lrsearch.training import catalog
from lrsearch.training.trainer import StopReason

STEPS: Final = 100
"""Updates of a range test."""
DECADES: Final = 1.0
"""How far the searched rates reach to both sides of a suggestion."""
BLIND_DECADES: Final = 2.0
"""How far they reach around Keras' default where the range tests suggest nothing and the document names no ends."""


@dataclass(frozen=True, slots=True)
class RatePrior:
    """What the range tests of one optimizer said.

    Attributes:
        optimizer: label of its option, None where the document fixes the optimizer.
        lr: the suggestion, None without one.
        points: rates that are tried first: the suggestion and its bounds.
        low, high: where the rate is searched; within the ends that the document names.
        hopeless: the batch loss at which the range tests were stopped as diverged (median), None if most were not: a run
            whose epoch has a greater mean loss is pruned.
        verdict, why: of the suggestion.
    """

    optimizer: str | None
    lr: float | None
    points: tuple[float, ...]
    low: float
    high: float
    hopeless: float | None
    verdict: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """For the result."""
        return {
            "optimizer": self.optimizer,
            "lr": self.lr,
            "first_points": list(self.points),
            "low": self.low,
            "high": self.high,
            "hopeless_loss": self.hopeless,
            "verdict": self.verdict,
            "why": self.why,
        }


def by_optimizer(space: Space) -> Space:
    """The space with the rate as a parameter of each optimizer: what is bounded for one says nothing of another."""
    rate = next((one for one in space.dimensions if one.place == RATE), None)
    optimizer = next((one for one in space.dimensions if one.place == OPTIMIZER and one.options), None)
    if rate is None or optimizer is None:
        return space
    options = tuple(_with_rate(one, rate, optimizer.name) for one in optimizer.options)
    kept = [one for one in space.dimensions if one not in (rate, optimizer)]
    return Space((replace(optimizer, options=options), *kept))


def _with_rate(option: Option, rate: Dimension, name: str) -> Option:
    return replace(
        option, inner=(*option.inner, replace(rate, name=f"{name}/{escape(str(option.label))}/learning_rate"))
    )


def labels_of(space: Space) -> list[str | None]:
    """Labels of the optimizers that range tests are made of; None stands for the one that the document fixes."""
    optimizer = next((one for one in space.dimensions if one.place == OPTIMIZER and one.options), None)
    return [None] if optimizer is None else [str(option.label) for option in optimizer.options]


def range_tests(label: str | None, training: Training, first: int, seed: int) -> list[Task]:
    """The range tests of one optimizer: trials first, first+1, ..., with seeds that the settings do not use."""
    return [
        Task(
            first + repeat,
            range_test_plan(training.plan_at(np.empty(0), seed + repeat), STEPS),
            (),
            {"prior": "range_test", "optimizer": label or training.optimizer.kind},
        )
        for repeat in range(RANGE_TESTS)
    ]


def read_prior(label: str | None, training: Training, records: Sequence[TrialRecord], limits: FloatRange) -> RatePrior:
    """Bounds and first points from the range tests of one optimizer, within the ends that the document names."""
    kind = training.optimizer.kind
    curves = [Curve(record.arrays["lrs"], record.arrays["losses"]) for record in records]
    suggestion = suggest(curves, rule="consensus", optimizer=kind)
    stops = [_stop(record, curve) for record, curve in zip(records, curves, strict=True)]
    diverged = [stop for stop in stops if stop is not None]
    is_known = 2 * len(diverged) > len(records)
    ceiling = float(np.median([rate for rate, _ in diverged])) if is_known else np.inf
    low, high = _around(suggestion.lr, catalog.optimizers()[kind].default_lr, ceiling, limits)
    points = [suggestion.lr, suggestion.min_lr, suggestion.max_lr] if suggestion.lr is not None else []
    return RatePrior(
        optimizer=label,
        lr=suggestion.lr,
        points=tuple(point for point in points if point is not None and low <= point <= high),
        low=low,
        high=high,
        hopeless=float(np.median([loss for _, loss in diverged])) if is_known else None,
        verdict=suggestion.verdict.value,
        why=suggestion.why,
    )


def _around(lr: float | None, default: float, ceiling: float, limits: FloatRange) -> tuple[float, float]:
    if lr is None and limits.low is not None and limits.high is not None:
        return limits.low, limits.high
    centre, decades = (default, BLIND_DECADES) if lr is None else (lr, DECADES)
    low, high = centre * 10.0**-decades, min(centre * 10.0**decades, max(ceiling, 2.0 * centre))
    low = low if limits.low is None else max(low, limits.low)
    high = high if limits.high is None else min(high, limits.high)
    if low < high:
        return float(f"{low:.6g}"), float(f"{high:.6g}")
    # the document's ends lie beside what the range tests suggest: they count
    return limits.low or high * 10.0**-BLIND_DECADES, limits.high or low * 10.0**BLIND_DECADES


def _stop(record: TrialRecord, curve: Curve) -> tuple[float, float] | None:
    """Rate and smoothed loss where a range test was stopped, None when it was not."""
    if record.stop_reason not in {StopReason.DIVERGED, StopReason.NON_FINITE} or record.stopped_at is None:
        return None
    smoothed = smooth(curve)
    finite = smoothed[np.isfinite(smoothed)]
    return None if len(finite) == 0 else (float(curve.lrs[record.stopped_at]), float(finite[-1]))


def narrowed(space: Space, priors: Sequence[RatePrior]) -> Space:
    """The space with every learning rate bounded; one that no optimizer owns by the widest of their bounds."""
    return Space(tuple(_narrowed(one, priors) for one in space.dimensions))


def _narrowed(dimension: Dimension, priors: Sequence[RatePrior]) -> Dimension:
    if dimension.options:
        options = tuple(
            replace(option, inner=tuple(_narrowed(one, priors) for one in option.inner)) for option in dimension.options
        )
        return replace(dimension, options=options)
    if not is_rate(dimension):
        return dimension
    own = owners(dimension, priors)
    bounds = FloatRange(type="float", low=min(one.low for one in own), high=max(one.high for one in own), log=True)
    return replace(dimension, range=bounds)


def owners(dimension: Dimension, priors: Sequence[RatePrior]) -> Sequence[RatePrior]:
    """The priors that bound a rate: that of its optimizer, or all."""
    of_it = [
        one
        for one in priors
        if one.optimizer is not None and dimension.name.startswith(f"{OPTIMIZER}/{escape(one.optimizer)}/")
    ]
    return of_it or priors


def first_points(space: Space, priors: Sequence[RatePrior]) -> list[Mapping[str, Any]]:
    """Values of the first settings: every prior's points, the suggestions of all before the bounds of any."""
    longest = max((len(one.points) for one in priors), default=0)
    found: list[Mapping[str, Any]] = []
    for place in range(longest):
        for prior in priors:
            if place < len(prior.points):
                values: dict[str, Any] = {} if prior.optimizer is None else {OPTIMIZER: prior.optimizer}
                rates = [one.name for one in space.everything() if is_rate(one) and prior in owners(one, priors)]
                found.append(values | dict.fromkeys(rates, prior.points[place]))
    return found
