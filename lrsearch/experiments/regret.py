"""The regret of a rate, from outcomes of trainings that can be compared, and how well a rule held by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.outcomes import Outcome

Floats = NDArray[np.float64]

HELD: Final = 0.05
"""A rate held when its regret is at most this."""
NEIGHBOURS: Final = 0.53
"""Greatest distance of neighbouring trained rates, decades, between which a loss is interpolated: half a decade, as people
write it: 1, 3, 10, 30."""
TOGETHER: Final = 0.1
"""Rates within so many decades are taken together: a search tries many, each with a seed or two."""
NEAR: Final = 0.05
"""A rate at the edge of what was trained counts as trained so many decades beside it."""
VANISHING: Final = 1e-5
"""A rate this many times smaller than the best one has learned nothing: its loss is that of a vanishing rate."""
LEAST_TASKS: Final = 5
"""Fewest tasks from which an interval of the share held is stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What comparable outcomes say of every rate near those that were trained.

    Attributes:
        log_rates: shape (n,), log10 of the trained rates, rising; of rates within `TOGETHER` the mean.
        losses: shape (n,), mean held-out loss over the runs of each, each run's at most `nothing`: a run that diverged,
            or got worse, has lost everything there was to gain, and not more.
        nothing: loss at a vanishing rate: that of runs at such a rate (a race has them), else the mean loss of the
            runs' first batches, which untrained weights were asked.
    """

    log_rates: Floats
    losses: Floats
    nothing: float

    @property
    def best(self) -> int:
        """Index of the best trained rate."""
        return int(np.argmin(self.losses))

    @property
    def is_bracketed(self) -> bool:
        """Whether the best rate is known: rates within half a decade to both sides of it were trained, and it learned."""
        i = self.best
        if i in {0, len(self.losses) - 1} or not self.losses[i] < self.nothing:
            return False
        return bool(np.diff(self.log_rates[i - 1 : i + 2]).max() <= NEIGHBOURS)

    def regret(self, lr: float) -> float | None:
        """Share of the achievable improvement that is lost: (loss - best) / (loss at a vanishing rate - best), 0 to 1.

        The loss is that of a trained rate, or interpolated in log lr between two at most half a decade apart.

        Returns:
            None where nothing near was trained, or the best rate is not known: it is never guessed.
        """
        loss = self._loss(math.log10(lr)) if self.is_bracketed else None
        if loss is None:
            return None
        best = float(self.losses[self.best])
        return (loss - best) / (self.nothing - best)

    def _loss(self, x: float) -> float | None:
        above = int(np.searchsorted(self.log_rates, x))
        if 0 < above < len(self.log_rates):
            gap = float(self.log_rates[above] - self.log_rates[above - 1])
            if gap <= NEIGHBOURS:
                return float(np.interp(x, self.log_rates, self.losses))
        nearest = int(np.argmin(np.abs(self.log_rates - x)))
        return float(self.losses[nearest]) if abs(float(self.log_rates[nearest]) - x) <= NEAR else None


def evidence(outcomes: Sequence[Outcome]) -> Evidence | None:
    """What comparable outcomes say; None when no rate was trained, or nothing tells what a vanishing rate's loss is.

    Args:
        outcomes: of one task, yardstick, shape and number of updates.
    """
    finite = [one for one in outcomes if math.isfinite(one.loss)]
    if not finite:
        return None
    floor = VANISHING * min(finite, key=lambda one: one.loss).lr
    trained = [one for one in outcomes if one.lr > floor]
    nothing = _nothing([one for one in finite if one.lr <= floor], outcomes)
    if nothing is None:
        return None
    x = np.log10([one.lr for one in trained])
    losses = np.minimum([one.loss for one in trained], nothing)
    parts = _together(x)
    return Evidence(
        log_rates=np.array([x[part].mean() for part in parts]),
        losses=np.array([losses[part].mean() for part in parts]),
        nothing=nothing,
    )


def _together(x: Floats) -> list[NDArray[np.int64]]:
    """Indices of rates within a tenth of a decade, from the lowest on."""
    order = np.argsort(x, kind="stable")
    parts: list[list[int]] = []
    for i in order.tolist():
        if parts and x[i] - x[parts[-1][0]] <= TOGETHER:
            parts[-1].append(i)
        else:
            parts.append([i])
    return [np.array(part, np.int64) for part in parts]


def _nothing(vanishing: Sequence[Outcome], outcomes: Sequence[Outcome]) -> float | None:
    if vanishing:
        return float(np.mean([one.loss for one in vanishing]))
    first = [one.first_loss for one in outcomes if one.first_loss is not None]
    return float(np.mean(first)) if first else None


@dataclass(frozen=True, slots=True)
class Held:
    """How well a rule held.

    Attributes:
        tasks: tasks with evidence; each has one vote, the mean regret of the rule's answers on it.
        share: share of them with a regret of at most `HELD`; None without a task.
        interval: of the share, at 95 % (Wilson 1927); None with fewer than `LEAST_TASKS` tasks.
        median, p90, worst: of the regrets; None without a task.
    """

    tasks: int
    share: float | None
    interval: tuple[float, float] | None
    median: float | None
    p90: float | None
    worst: float | None


def held(regrets: Sequence[float]) -> Held:
    """Sum up the regrets of a rule, one a task.

    Example:
        >>> held([0.0, 0.02, 0.3]).worst
        0.3
    """
    if not regrets:
        return Held(0, None, None, None, None, None)
    values = np.asarray(regrets, dtype=np.float64)
    good = int((values <= HELD).sum())
    return Held(
        tasks=len(values),
        share=good / len(values),
        interval=wilson(good, len(values)) if len(values) >= LEAST_TASKS else None,
        median=float(np.median(values)),
        p90=float(np.quantile(values, 0.9)),
        worst=float(values.max()),
    )


_Z: Final = 1.959963984540054


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Interval at 95 % of a share, from `successes` of `trials` >= 1; within 0 and 1, also where all or none succeeded.

    Source: Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.

    Example:
        >>> [round(end, 3) for end in wilson(9, 10)]
        [0.596, 0.982]
    """
    share, spread = successes / trials, _Z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)
