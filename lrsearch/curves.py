"""The loss curve of a training: steps, learning rates, batch losses; ramps, smoothing, noise, divergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from lrsearch.smoothing import Floats, Smoothed, ema, noise_level, robust_deviation, smoothings

__all__ = [
    "ROUNDING",
    "WIDTHS",
    "Curve",
    "CurveBand",
    "DivergenceRule",
    "DivergenceWatch",
    "Ended",
    "Floats",
    "Ramp",
    "Smoothed",
    "band",
    "ema",
    "noise_level",
    "ramp_rates",
    "robust_deviation",
    "smooth",
    "smoothing",
    "smoothings",
    "usable",
]

Ramp = Literal["exponential", "linear"]
Ended = Literal["diverged", "non_finite"]

ROUNDING = 1e-12
"""Share of a number's size below which a difference is float rounding: a constant loss must stay constant."""
WIDTHS: Final = (0.1, 0.2, 0.4, 0.8)
"""Kernel widths in decades, narrow to wide, for reading and drawing curves."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Learning rates and the batch losses measured under them, index i = update i.

    Attributes:
        lrs: shape (n,), float64, above 0; the rate update i uses.
        losses: shape (n,), float64; the loss of batch i **before** update i. NaN and infinity are allowed: they are
            what a diverged training reports.

    Raises:
        ValueError: the two do not have the same length, or are not one-dimensional.
    """

    lrs: Floats
    losses: Floats

    def __init__(self, lrs: ArrayLike, losses: ArrayLike) -> None:
        rates, values = np.asarray(lrs, dtype=np.float64), np.asarray(losses, dtype=np.float64)
        if rates.ndim != 1 or rates.shape != values.shape:
            raise ValueError(
                f"lrs and losses must be one-dimensional and of one length, not {rates.shape} and {values.shape}."
            )
        object.__setattr__(self, "lrs", rates)
        object.__setattr__(self, "losses", values)

    def __len__(self) -> int:
        return len(self.losses)


def ramp_rates(start_lr: float, end_lr: float, steps: int, ramp: Ramp = "exponential") -> Floats:
    """Learning rates of a range test, both ends reached.

    `exponential`: start (end/start)^(i/(n-1)); `linear`: start + (end-start) i/(n-1); i = 0..n-1.

    Args:
        start_lr: rate of the first update, > 0.
        end_lr: rate of the last update, > start_lr.
        steps: n, number of updates, >= 2.
        ramp: shape of the rise between the two ends.

    Returns:
        Shape (steps,), float64.

    Example:
        >>> ramp_rates(0.01, 1.0, 3).tolist()
        [0.01, 0.1, 1.0]
    """
    space = np.geomspace if ramp == "exponential" else np.linspace
    return space(start_lr, end_lr, steps, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class DivergenceRule:
    """When a range test stops: the causally smoothed loss rose too far above the best.

    Stop at step i >= `first_step` when ema_i > best + `factor` max(initial - best, `noise_factor` noise), or at any
    step whose loss is not finite; ema is the bias-corrected exponential moving average with weight `beta`, best its
    minimum so far, initial its first value, noise the robust deviation of the first `first_step` losses.

    Source: learning-rate design notes, section 1; the noise term keeps pure noise from stopping the test.
    """

    factor: float = 4.0
    noise_factor: float = 3.0
    first_step: int = 10
    beta: float = 0.9


class DivergenceWatch:
    """Feeds losses to a `DivergenceRule`, chunk by chunk; a new watch has a new step counter."""

    def __init__(self, rule: DivergenceRule) -> None:
        self.rule = rule
        self.step = 0
        self._head: list[float] = []
        self._mean = 0.0
        self._best = math.inf
        self._rise = 0.0
        self._stop: tuple[int, Ended] | None = None

    def feed(self, losses: Sequence[float] | Floats) -> tuple[int, Ended] | None:
        """Look at the next losses; answer (step counted from 0, reason) where the run must stop, else None.

        The answer does not depend on how the losses are cut into chunks; after a stop it stays the same.
        """
        for loss in np.asarray(losses, dtype=np.float64).tolist():
            if self._stop is not None:
                break
            reason = self._look(loss)
            if reason is not None:
                self._stop = (self.step, reason)
            self.step += 1
        return self._stop

    def _look(self, loss: float) -> Ended | None:
        """Take in the loss of step `self.step`."""
        if not math.isfinite(loss):
            return "non_finite"
        if self.step < max(1, self.rule.first_step):
            self._head.append(loss)
        beta = self.rule.beta
        self._mean = beta * self._mean + (1.0 - beta) * loss
        smoothed = self._mean / (1.0 - beta ** (self.step + 1))
        self._best = min(self._best, smoothed)
        if self.step < self.rule.first_step:
            return None
        if self.step == self.rule.first_step:
            self._rise = self.rule.noise_factor * robust_deviation(self._head)
        # The bias-corrected average of one value is that value: the initial level is the first loss.
        scale = max(self._head[0] - self._best, self._rise)
        rounding = ROUNDING * max(abs(smoothed), abs(self._best))
        return "diverged" if smoothed - self._best > self.rule.factor * scale + rounding else None

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs to go on exactly here; JSON-able."""
        return {
            "step": self.step,
            "head": list(self._head),
            "mean": self._mean,
            "best": self._best if self._head else None,
            "rise": self._rise,
            "stop": None if self._stop is None else list(self._stop),
        }

    @classmethod
    def from_state(cls, rule: DivergenceRule, state: Mapping[str, Any]) -> Self:
        """The watch whose `state()` was saved, under the same rule."""
        watch = cls(rule)
        watch.step, watch._mean, watch._rise = state["step"], state["mean"], state["rise"]
        watch._head = list(state["head"])
        watch._best = math.inf if state["best"] is None else state["best"]
        watch._stop = None if state["stop"] is None else (state["stop"][0], state["stop"][1])
        return watch


def usable(curve: Curve) -> tuple[Floats, Floats]:
    """What of a curve can be read: log10 lr and losses, by rising rate, up to the first loss that is not finite.

    Points with a rate that is not a finite number above 0 are left out. Losses are clipped to +-1e150, so that their
    squares stay finite.

    Returns:
        Two arrays of shape (m,), float64, m <= len(curve).
    """
    bad = np.flatnonzero(~np.isfinite(curve.losses))
    head = slice(None) if bad.size == 0 else slice(0, int(bad[0]))
    lrs, losses = curve.lrs[head], np.clip(curve.losses[head], -1e150, 1e150)
    keep = np.isfinite(lrs) & (lrs > 0)
    order = np.argsort(lrs[keep], kind="stable")
    return np.log10(lrs[keep][order]), losses[keep][order]


def smoothing(curve: Curve, width: float = WIDTHS[1]) -> Smoothed:
    """The zero-phase smoothed curve at its own rates, with slope and noise: see `lrsearch.smoothing.smoothings`."""
    return next(smoothings(*usable(curve), (width,)))


def smooth(curve: Curve, width: float = WIDTHS[1]) -> Floats:
    """The zero-phase smoothed loss at every step of a curve, for plots; see `smoothing`.

    Returns:
        Shape (n,), float64; NaN from the first loss that is not finite on. A divergence is capped.

    Example:
        >>> smooth(Curve([0.1, 0.2, 0.4], [3.0, 3.0, 3.0])).tolist()
        [3.0, 3.0, 3.0]
    """
    smoothed = smoothing(curve, width)
    answer = np.full(len(curve), np.nan)
    readable = np.isfinite(curve.lrs) & (curve.lrs > 0) & np.logical_and.accumulate(np.isfinite(curve.losses))
    if len(smoothed.x):
        answer[readable] = np.interp(np.log10(curve.lrs[readable]), smoothed.x, smoothed.y)
    return answer


@dataclass(frozen=True, slots=True, eq=False)
class CurveBand:
    """Repeats of one range test seen together: smoothed losses at each rate.

    Attributes:
        lrs: shape (m,), the rates of the longest repeat where at least one repeat has a loss.
        median, low, high: shape (m,), over the repeats that reached the rate.
    """

    lrs: Floats
    median: Floats
    low: Floats
    high: Floats


def band(curves: Sequence[Curve]) -> CurveBand:
    """Median and range of the smoothed repeats; they may differ in length, because some diverged earlier."""
    if not curves:
        raise ValueError("curves is empty; a band needs at least one curve.")
    lrs = max(curves, key=len).lrs
    rows = np.stack([_at(lrs, curve) for curve in curves])
    seen = np.isfinite(rows).any(axis=0)
    rows = rows[:, seen]
    if rows.size == 0:
        return CurveBand(lrs[seen], lrs[seen], lrs[seen], lrs[seen])
    return CurveBand(lrs[seen], np.nanmedian(rows, axis=0), np.nanmin(rows, axis=0), np.nanmax(rows, axis=0))


def _at(lrs: Floats, curve: Curve) -> Floats:
    """The smoothed curve at other rates, NaN where it does not reach; repeats of one ramp need no interpolation."""
    smoothed = smooth(curve)
    if np.array_equal(lrs[: len(curve)], curve.lrs):
        return np.concatenate([smoothed, np.full(len(lrs) - len(curve), np.nan)])
    order = np.argsort(curve.lrs, kind="stable")
    order = order[np.isfinite(smoothed[order])]
    if len(order) == 0:
        return np.full(len(lrs), np.nan)
    return np.interp(lrs, curve.lrs[order], smoothed[order], left=np.nan, right=np.nan)
