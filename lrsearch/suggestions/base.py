"""What every suggestion rule takes and answers, and the reading of a curve that all rules share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import ROUNDING, WIDTHS, Curve, Ended, Floats, Smoothed, smoothings, usable


class Verdict(StrEnum):
    """What a range test says. Only `suggestion` comes with a rate; the others say why there is none."""

    SUGGESTION = "suggestion"
    FLAT = "flat"
    MONOTONE = "monotone"
    DIVERGED_AT_ONCE = "diverged_at_once"
    NON_FINITE = "non_finite"
    TOO_FEW_POINTS = "too_few_points"
    UNCONFIRMED = "unconfirmed"
    """Of a race, or of a job's check: what was learned does not hold on samples that were not seen."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule's answer.

    Attributes:
        lr: suggested learning rate, or None unless `verdict` is `suggestion`.
        min_lr, max_lr: bounds for a cyclical schedule, or None where the rule has none.
        verdict: the typed outcome.
        why: one sentence: the reason, and for every other verdict what to try next.
        interval: (low, high) of the suggested rate over the repeats, or None with fewer than two suggestions; a rule may
            narrow it to where the regret benchmark found good rates.
        level: share of the benchmark's answers in whose interval every rate had a regret under 0.05, or None.
        depth: share of the plateau's loss that was gone at the minimum (`Reading.depth`), median over the repeats; None where
            a repeat has no suggestion of its own, and for rules that do not tell.
    """

    lr: float | None
    min_lr: float | None
    max_lr: float | None
    verdict: Verdict
    why: str
    interval: tuple[float, float] | None = None
    level: float | None = None
    depth: float | None = None


MIN_POINTS: Final = 8
"""Fewest different rates with a finite loss that can be read; a range test has at least 10 steps."""
SIGNIFICANT: Final = (20.0, 6.0, 6.0, 6.0)
"""By kernel width of `WIDTHS`: a fall counts when it exceeds this many standard deviations of the smoothed difference.

6 is calibrated on pure noise (benchmarks/bias.py). Only a clear fall is read with the narrowest kernel, which moves its
edges least.
"""
OVER_SCATTER: Final = 2.0
"""A fall counts when it exceeds this many times what losses scatter at its foot: where the noise grows with the rate, as
on labels that are noise, the dips of a curve are no falls. No task of the regret benchmark has a fall this small."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The part of a smoothed curve before it diverges, and the fall of the loss in it.

    Attributes:
        x, y, slope: shape (m,): log10 lr, smoothed loss, d loss / d log10 lr, up to the point of divergence.
        top, bottom: indices of the greatest loss before the least one, and of the least one.
        noise: standard deviation of the difference of the smoothed losses at top and bottom.
        scatter: shape (m,), root mean square of the batch losses around the smoothed curve, near each rate.
        ended: why there is nothing after the last point: the `ramp` ended, the loss `diverged`, or was `non_finite`.
    """

    x: Floats
    y: Floats
    slope: Floats
    top: int
    bottom: int
    noise: float
    scatter: Floats
    ended: Ended | Literal["ramp"]

    @property
    def drop(self) -> float:
        """Greatest smoothed loss before the minimum, less the minimum; >= 0."""
        return float(self.y[self.top] - self.y[self.bottom])

    def edge(self, least: float = 0.05) -> float:
        """Share of the fall that cannot be told from a plateau: min(1/4, max(least, 3 noise / drop))."""
        return min(0.25, max(least, 3.0 * self.noise / self.drop))

    def falls_to(self, share: float) -> float:
        """log10 lr where the loss, from the top on, first falls to minimum + share * drop; 0 <= share <= 1."""
        part = slice(self.top, self.bottom + 1)
        return crossing(self.x[part], self.y[part], float(self.y[self.bottom] + share * self.drop))

    def leaves(self, share: float) -> float:
        """log10 lr where the loss, before the minimum, is last at minimum + share * drop; 0 <= share <= 1."""
        part = slice(self.bottom, None if self.top == 0 else self.top - 1, -1)
        return crossing(self.x[part], -self.y[part], -float(self.y[self.bottom] + share * self.drop))

    @property
    def plateau(self) -> float:
        """The level the loss falls from: its median over the lower half, in log lr, of the rates before half the fall.

        The greatest loss is where noise was greatest; the median is not moved by it.
        """
        middle = 0.5 * (float(self.x[0]) + self.falls_to(0.5))
        return float(np.median(self.y[: max(1, int(np.searchsorted(self.x, middle, "right")))]))

    @property
    def depth(self) -> float:
        """(plateau - minimum) / plateau: how much the ramp itself has learned of what there was, if 0 is the least loss.

        0 for losses that go below 0, where it means nothing; a minimum that only the smoothing took there is let pass.
        """
        least, plateau = float(self.y[self.bottom]), self.plateau
        return (plateau - least) / plateau if plateau > 0.0 and least > -0.1 * plateau else 0.0

    def starts(self, share: float) -> float:
        """log10 lr where the loss, before the minimum, last has `share` of the fall from the plateau behind it."""
        level = self.plateau - share * (self.plateau - float(self.y[self.bottom]))
        return crossing(self.x[self.bottom :: -1], -self.y[self.bottom :: -1], -level)

    def returns(self) -> float:
        """log10 lr where the loss, after the minimum, is back at the plateau; the last rate if it never is."""
        return crossing(self.x[self.bottom :], -self.y[self.bottom :], -self.plateau)


def crossing(x: Floats, y: Floats, level: float) -> float:
    """Where a curve that starts at or above a level first reaches it, by linear interpolation; its end if never."""
    below = np.flatnonzero(y <= level)
    if below.size == 0:
        return float(x[-1])
    i = int(below[0])
    if i == 0:
        return float(x[0])
    share = (y[i - 1] - level) / (y[i - 1] - y[i])
    return float(x[i - 1] + share * (x[i] - x[i - 1]))


class SuggestionRule(ABC):
    """Reads the curve of a range test and answers with a learning rate, or with a reason why it has none."""

    kind: ClassVar[str]
    cites: ClassVar[tuple[str, ...]] = ()
    reads_ranks: ClassVar[bool] = False
    """Whether repeats that are flat one by one are read once more together, as ranks: see `ranked`."""
    certain: ClassVar[float] = math.inf
    """Greatest distance of an end of the interval from the suggestion, decades."""
    level: ClassVar[float | None] = None
    """Share of the regret benchmark's answers in whose interval every rate was good; None when it is not known."""

    def level_of(self, answer: Suggestion) -> float | None:
        """The level of the interval of several repeats' answer, given before it is cut to `certain`."""
        return self.level

    def read(self, curve: Curve) -> Suggestion:
        """Answer for one curve. Never raises on a curve."""
        reading = read(curve)
        return reading if isinstance(reading, Suggestion) else self.choose(reading)

    @abstractmethod
    def choose(self, reading: Reading) -> Suggestion:
        """Answer for a curve whose loss falls clearly and then stops falling."""


def nothing(verdict: Verdict, why: str) -> Suggestion:
    """The answer without a rate."""
    return Suggestion(None, None, None, verdict, why)


def rate(log_lr: float, why: str, bounds: tuple[float, float] | None = None) -> Suggestion:
    """The answer with a rate, from log10 values."""
    low, high = (None, None) if bounds is None else (10.0 ** bounds[0], 10.0 ** bounds[1])
    return Suggestion(10.0**log_lr, low, high, Verdict.SUGGESTION, why)


def read(curve: Curve, significant: Sequence[float] = SIGNIFICANT) -> Reading | Suggestion:
    """Smooth a curve and find the fall of its loss, or say why there is none to read; `significant` by kernel width."""
    seen: list[Smoothed] = []
    for smoothed, deviations in zip(smoothings(*usable(curve), WIDTHS), significant, strict=True):
        if len(smoothed.x) < MIN_POINTS:
            return _too_short(curve, len(smoothed.x))
        reading = _before_divergence(curve, smoothed)
        if _is_significant(reading, deviations) and reading.drop > OVER_SCATTER * _foot(reading, smoothed.width):
            return _still_falling(reading) if _is_open(reading) else reading
        seen.append(smoothed)
    return _no_fall(curve, seen[1])


def _too_short(curve: Curve, points: int) -> Suggestion:
    bad = np.flatnonzero(~np.isfinite(curve.losses))
    if bad.size:
        return nothing(
            Verdict.NON_FINITE,
            f"The loss is not finite at step {bad[0]}, after {points} readable points: lower start_lr, or check the "
            "data and the loss for NaN.",
        )
    return nothing(
        Verdict.TOO_FEW_POINTS,
        f"There are {points} different rates with a loss, and at least {MIN_POINTS} are needed: use more steps.",
    )


def _before_divergence(curve: Curve, smoothed: Smoothed) -> Reading:
    """The reading up to the first point within a quarter of the cap: what follows a divergence says nothing."""
    over = _diverged(smoothed)
    end = int(over[0]) + 1 if over.size else len(smoothed.x)
    y = smoothed.y[:end]
    bottom = int(np.argmin(y))
    top = int(np.argmax(y[: bottom + 1]))
    noise = float(np.hypot(smoothed.deviation[top], smoothed.deviation[bottom]))
    ended = "diverged" if over.size else "ramp" if bool(np.isfinite(curve.losses).all()) else "non_finite"
    return Reading(smoothed.x[:end], y, smoothed.slope[:end], top, bottom, noise, smoothed.scatter[:end], ended)


def _diverged(smoothed: Smoothed) -> NDArray[np.intp]:
    """Indices where the smoothed loss is within a quarter of the cap."""
    best = float(np.min(smoothed.y))
    limit = best + max(0.75 * (smoothed.cap - best), _rounding(smoothed.y))
    return np.flatnonzero(smoothed.y > limit)


def _is_significant(reading: Reading, deviations: float) -> bool:
    return reading.drop > max(deviations * reading.noise, _rounding(reading.y))


def _foot(reading: Reading, width: float) -> float:
    """Least scatter within two kernel widths before the minimum; behind it the rise would count as scatter."""
    x = reading.x[: reading.bottom + 1]
    return float(np.min(reading.scatter[: reading.bottom + 1][x >= x[-1] - 2.0 * width]))


def _is_open(reading: Reading) -> bool:
    """Whether the ramp ended while the loss fell: the last quarter of the fall is no slower than the two before it.

    A straight line takes 1/3 of the way from 3/4 of the fall to the end for its last quarter; a fall that levels off
    takes more. Quarters are far enough from top and minimum to be told in noise.
    """
    if reading.ended != "ramp" or reading.bottom < len(reading.x) - 2:
        return False
    end = float(reading.x[-1])
    return end - reading.falls_to(0.25) < 0.4 * (end - reading.leaves(0.75))


def _still_falling(reading: Reading) -> Suggestion:
    return nothing(
        Verdict.MONOTONE,
        f"The loss still falls at {10.0 ** reading.x[-1]:.2g}, the highest rate tested: raise end_lr.",
    )


def _no_fall(curve: Curve, smoothed: Smoothed) -> Suggestion:
    """Rising from the start on, or flat until the end or until it diverges."""
    over = _diverged(smoothed)
    x, y = (part[: over[0] + 1 if over.size else None] for part in (smoothed.x, smoothed.y))
    noise = SIGNIFICANT[1] * float(np.max(smoothed.deviation)) * 2.0**0.5
    rise = float(np.max(y) - np.min(y))
    if over.size == 0 and rise <= max(noise, _rounding(y)):
        is_cut = not bool(np.isfinite(curve.losses).all())
        return _flat(f" before it is not finite at {10.0 ** x[-1]:.2g}" if is_cut else " at any rate")
    last_low = float(x[np.flatnonzero(y <= np.min(y) + min(max(0.1 * rise, noise), 0.5 * rise))[-1]])
    if last_low > smoothed.x[0] + 0.25 * (smoothed.x[-1] - smoothed.x[0]):
        return _flat(f" before it rises near {10.0**last_low:.2g}")
    return nothing(
        Verdict.DIVERGED_AT_ONCE,
        f"The loss rises from the first rate on, {10.0 ** smoothed.x[0]:.2g}: lower start_lr by two decades.",
    )


def _flat(where: str) -> Suggestion:
    return nothing(
        Verdict.FLAT,
        f"The loss does not fall by more than its noise{where}: use more steps, more repeats or a larger batch; if it "
        "never moves, raise end_lr or check that the model can learn from the data.",
    )


def _rounding(losses: Floats) -> float:
    """Difference below which two losses of this size are the same."""
    return 100.0 * ROUNDING * float(np.max(np.abs(losses)))
