"""The curve library: generated range tests whose right answers are known.

`cliff` curves fall along a logistic step in log10 lr, centred at -2, and leave their floor at -0.5 along a parabola.
`bowl` curves are SGD with gradient noise on a quadratic: what a real range test of a convex model looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve, ramp_rates

Floats = NDArray[np.float64]

CENTRE = -2.0
"""log10 lr of the steepest point, of the middle of the descent and of half the fall."""
STEEPNESS = 4.0
"""Logistic steepness a decade: 19/20 of the fall are reached ln(19)/4 = 0.74 decades after the centre."""
FLOOR_END = -0.5
"""log10 lr where the loss is least and starts to rise: 50 (log10 lr + 0.5)^2, a tenth of the fall 0.063 further."""
FALL = 2.0

TARGETS: Mapping[str, float] = {
    "consensus": -2.275 + 0.3 * (-0.3 + 2.275),
    "valley": CENTRE,
    "steepest": CENTRE,
    "minimum_over_10": FLOOR_END - 1.0,
    "window": CENTRE + 0.5 * 0.736,
    "smith": 0.5 * (CENTRE - 0.736 + FLOOR_END + 0.045),
    "divergence_over_k": FLOOR_END + 0.063 - 0.602,
    "slide": CENTRE - 0.6,
}
"""log10 of each rule's answer on the cliff without noise, worked out by hand. For `slide`, which has no closed form, the
point where an interval of 1.2 decades lies evenly around the centre. `consensus`: the first quarter of the fall is made
ln(3)/4 before the centre, and the wall is as high as the plateau sqrt(2/50) = 0.2 after the floor's end."""


@dataclass(frozen=True)
class Family:
    """One kind of curve: the cliff with noise and one thing that goes wrong."""

    name: str
    noise: float = 0.0
    spoil: Callable[[Floats, np.random.Generator], Floats] = lambda losses, rng: losses
    steps: int = 100

    def curve(self, seed: int) -> Curve:
        """Draw one curve."""
        rng = np.random.default_rng([seed, len(self.name)])
        lrs = ramp_rates(1e-7, 10.0, self.steps)
        losses = cliff(lrs) + self.noise * rng.standard_normal(self.steps)
        return Curve(lrs, self.spoil(losses, rng))


def cliff(lrs: Floats) -> Floats:
    """The loss without noise."""
    x = np.log10(lrs)
    return 0.3 + FALL / (1.0 + np.exp(STEEPNESS * (x - CENTRE))) + 50.0 * np.maximum(x - FLOOR_END, 0.0) ** 2


def _epoch_borders(losses: Floats, rng: np.random.Generator) -> Floats:
    """Every 25 steps the level changes, as when batches are easier at the start of an epoch."""
    epochs = np.arange(len(losses)) * 4 // len(losses)
    return losses + np.array([0.0, 0.05, -0.05, 0.05])[epochs]


def _spikes(losses: Floats, rng: np.random.Generator) -> Floats:
    """Three single batches with a thousandfold loss."""
    spoiled = losses.copy()
    spoiled[rng.choice(60, size=3, replace=False)] *= 1000.0
    return spoiled


def _explosion(losses: Floats, rng: np.random.Generator) -> Floats:
    """The rise is 1e6 times as high and falls back to a plateau, as dead networks do."""
    rising = 6.5 / 8.0 * len(losses) <= np.arange(len(losses))
    spoiled = np.where(rising, 0.3 + (losses - 0.3) * 1e6, losses)
    spoiled[int(0.95 * len(losses)) :] = 2.3
    return spoiled


def _late_nan(losses: Floats, rng: np.random.Generator) -> Floats:
    """NaN as soon as the loss rises by half of its fall."""
    spoiled = losses.copy()
    spoiled[int(np.ceil(6.65 / 8.0 * len(losses))) :] = np.nan
    return spoiled


def _negative(losses: Floats, rng: np.random.Generator) -> Floats:
    """A log-likelihood: all losses far below zero."""
    return losses - 1000.0


QUIET = Family("quiet")
FAMILIES = (
    QUIET,
    Family("noise 1 %", 0.02),
    Family("noise 5 %", 0.1),
    Family("noise 15 %", 0.3),
    Family("noise 30 %", 0.6),
    Family("epoch borders", 0.02, _epoch_borders),
    Family("spikes", 0.02, _spikes),
    Family("explosion", 0.02, _explosion),
    Family("late NaN", 0.02, _late_nan),
    Family("negative losses", 0.02, _negative),
    Family("1,000 steps, noise 30 %", 0.6, steps=1000),
    Family("25 steps, noise 1 %", 0.02, steps=25),
)


@dataclass(frozen=True)
class Bowl:
    """SGD on the quadratic sum_i 1/2 curvature_i w_i^2 with gradient noise, its rates on a ramp.

    Stable for lr < 2 / max(curvature); the batch loss carries noise of its own.
    """

    noise: float = 0.02
    gradient_noise: float = 0.1
    curvatures: tuple[float, ...] = tuple(np.geomspace(0.1, 10.0, 20))
    steps: int = 100
    start_lr: float = 1e-6
    end_lr: float = 10.0

    @property
    def largest_stable(self) -> float:
        """log10 of the largest stable rate."""
        return float(np.log10(2.0 / max(self.curvatures)))

    def curve(self, seed: int) -> Curve:
        """Train once under the ramp."""
        rng = np.random.default_rng(seed)
        lrs = ramp_rates(self.start_lr, self.end_lr, self.steps)
        return Curve(lrs, self._losses(lrs, rng))

    def _losses(self, lrs: Floats, rng: np.random.Generator) -> Floats:
        curvature = np.asarray(self.curvatures)
        w, losses = np.full(len(curvature), 0.3), np.empty(len(lrs))
        with np.errstate(over="ignore", invalid="ignore"):
            for step, lr in enumerate(lrs):
                losses[step] = 0.5 * np.sum(curvature * w**2) + self.noise * rng.standard_normal()
                w = w - lr * (curvature * w + self.gradient_noise * rng.standard_normal(len(w)))
        return losses

    def best_constant(self) -> float:
        """log10 of the constant rate with the least expected loss after `steps` updates, to 1/20 decade."""
        rates = np.arange(-5.0, self.largest_stable, 0.05)
        curvature = np.asarray(self.curvatures)
        expected = []
        for lr in 10.0**rates:
            square = np.full(len(curvature), 0.3**2)
            for _ in range(self.steps):
                square = (1.0 - lr * curvature) ** 2 * square + (lr * self.gradient_noise) ** 2
            expected.append(0.5 * np.sum(curvature * square))
        return float(rates[int(np.argmin(expected))])


BOWLS = {
    "bowl": Bowl(),
    "bowl, 1,000 steps": Bowl(steps=1000),
    "bowl, one curvature": Bowl(curvatures=(1.0,) * 20),
    "bowl, noisy": replace(Bowl(), noise=0.3, gradient_noise=0.5),
}
