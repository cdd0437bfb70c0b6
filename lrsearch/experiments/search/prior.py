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
from lrsearch.experiments.tuning import RANGE_TESTS, range_test_plan, spread
from lrsearch.spec import escape
from lrsearch.suggestions import suggest
from lrsearch.training import catalog
from lrsearch.training.trainer import StopReason

STEPS: Final = 100
"""Updates of a range test."""
BELOW: Final = 0.9
ABOVE: Final = 1.5
"""Decades that the searched rates reach below a suggestion, and above it where the range tests did not diverge: between them lies
the best rate of nine in ten draws of the regret benchmark (`python -m benchmarks prior` prints the quantiles). A suggestion
errs to the low side, where it costs less."""
TRIED: Final = (0.3, 0.9, -0.3)
"""Decades above the suggestion at which settings are begun before any has ended: the median of the best rates and their
quartiles. Once one has ended, `lead` chooses."""
MOST_OPTIONS: Final = 4
"""At each of them so many options of the choices are tried, at most; the sampler comes to the others."""
BLIND_DECADES: Final = 2.0
"""How far they reach around Keras' default where the range tests suggest nothing and the document names no ends."""


@dataclass(frozen=True, slots=True)
class RatePrior:
    """What the range tests of one optimizer said.

    Attributes:
        optimizer: label of its option, None where the document fixes the optimizer.
        lr: the suggestion, None without one.
        points: rates that are tried first, around where the best one usually lies.
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
    low, high = _ends(suggestion.lr, catalog.optimizers()[kind].default_lr, ceiling, limits)
    points = [] if suggestion.lr is None else [float(f"{suggestion.lr * 10.0**one:.6g}") for one in TRIED]
    return RatePrior(
        optimizer=label,
        lr=suggestion.lr,
        points=tuple(point for point in points if low <= point <= high),
        low=low,
        high=high,
        hopeless=float(np.median([loss for _, loss in diverged])) if is_known else None,
        verdict=suggestion.verdict.value,
        why=suggestion.why,
    )


def _ends(lr: float | None, default: float, ceiling: float, limits: FloatRange) -> tuple[float, float]:
    if lr is None and limits.low is not None and limits.high is not None:
        return limits.low, limits.high
    if lr is None:
        low, high = spread(default, BLIND_DECADES, BLIND_DECADES)
    else:
        low, high = spread(lr, BELOW, ABOVE)
        high = max(ceiling, 2.0 * lr) if np.isfinite(ceiling) else high
    low = low if limits.low is None else max(low, limits.low)
    high = high if limits.high is None else min(high, limits.high)
    if low < high:
        return low, high
    # the document's ends lie beside what the range tests suggest: they count
    return limits.low or high * 10.0**-BLIND_DECADES, limits.high or low * 10.0**BLIND_DECADES


def _stop(record: TrialRecord, curve: Curve) -> tuple[float, float] | None:
    """Rate and smoothed loss where a range test was stopped, None when it was not."""
    if record.stop_reason not in {StopReason.DIVERGED, StopReason.NON_FINITE} or record.stopped_at is None:
        return None
    smoothed = smooth(curve)
    finite = smoothed[np.isfinite(smoothed)]
    return None if len(finite) == 0 else (float(curve.lrs[record.stopped_at]), float(finite.max()))


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


def first_points(space: Space, priors: Sequence[RatePrior]) -> list[list[Mapping[str, Any]]]:
    """For each of the rates to begin with: values of settings, every prior's rate with the options of the choices in turn."""
    choices = [one for one in space.dimensions if one.options and one.name != OPTIMIZER]
    turns = min(max((len(one.options) for one in choices), default=1), MOST_OPTIONS)
    longest = max((len(one.points) for one in priors), default=0)
    return [
        [
            _at(space, priors, prior, place) | {one.name: _option(one, turn) for one in choices}
            for prior in priors
            if place < len(prior.points)
            for turn in range(turns)
        ]
        for place in range(longest)
    ]


def _at(space: Space, priors: Sequence[RatePrior], prior: RatePrior, place: int) -> dict[str, Any]:
    values: dict[str, Any] = {} if prior.optimizer is None else {OPTIMIZER: prior.optimizer}
    rates = [one.name for one in space.everything() if is_rate(one) and prior in owners(one, priors)]
    return values | dict.fromkeys(rates, prior.points[place])


def _option(dimension: Dimension, turn: int) -> Any:
    """Options in turn, what leaves the field out last: a rate without a schedule is constant, which seldom wins."""
    ordered = sorted(dimension.options, key=lambda option: option.value is None)
    return ordered[turn % len(ordered)].label
