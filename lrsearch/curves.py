"""The loss curve of a training: steps, learning rates, batch losses; ramps, smoothing, noise, divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ramp = Literal["exponential", "linear"]


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

    def feed(self, losses: Sequence[float] | Floats) -> tuple[int, Literal["diverged", "non_finite"]] | None:
        """Look at the next losses; answer (step counted from 0, reason) where the run must stop, else None."""
        raise NotImplementedError
