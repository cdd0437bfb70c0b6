"""One cycle: up to a large rate and far down again, with momentum mirrored."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from lrsearch.schedules.base import LAST_STEP, Floats, Length, Schedule, blend, check_order, cosine_weight, in_steps
from lrsearch.spec import Rate, Share, broken

Divisor = Annotated[float, Field(ge=1, strict=True)]
Momentum = Annotated[float, Field(ge=0, lt=1, strict=True)]


class OneCycle(Schedule):
    """The 1cycle policy: from start_lr = max_lr / div_factor up to `max_lr`, then down to the final rate, which is held.

    With N = total_steps and p = pct_start the corners are, as in PyTorch: step 0, p N - 1 (the peak, never before
    step 0) and N - 1, the last update; `phases=3` returns to start_lr at 2 p N - 2 first, as the paper does. Between two
    corners a and b, at the share s of the way: a + (b - a) (1 - cos(pi s)) / 2, or a + (b - a) s with `shape="linear"`.
    Final rate: start_lr / final_div_factor (PyTorch, optax), or max_lr / final_div_factor with `convention="fastai"`;
    the corners stay PyTorch's.

    Example:
        >>> OneCycle(max_lr=1.0, total_steps=101, pct_start=0.5, shape="linear", div_factor=10.0)([0, 100]).round(6).tolist()
        [0.1, 1e-05]
    """

    cites = (
        "Smith & Topin 2018, Super-convergence, section 4.",
        "Smith 2018, A disciplined approach to neural network hyper-parameters, part 1, section 4.",
        "PyTorch, OneCycleLR.",
    )

    kind: Literal["one_cycle"] = "one_cycle"
    max_lr: Rate
    """Greatest rate, > 0."""
    total_steps: Length | None = None
    """Length of the cycle; left out: the run's."""
    pct_start: Share = 0.3
    """Share of the cycle in which the rate rises, 0 to 1; at most 0.5 with three phases."""
    div_factor: Divisor = 25.0
    """max_lr / start_lr, >= 1."""
    final_div_factor: Divisor = 1e4
    """start_lr / final rate (max_lr / final rate with `convention="fastai"`), >= 1."""
    shape: Literal["cosine", "linear"] = "cosine"
    """How the rate goes from corner to corner."""
    phases: Literal[2, 3] = 2
    """2: up, down to the final rate. 3 (the paper): up, down to start_lr, down to the final rate."""
    max_momentum: Momentum = 0.95
    """Momentum where the rate is low, 0 <= momentum < 1; the optimizer's `momentum` (SGD) or `beta_1` (Adam)."""
    min_momentum: Momentum = 0.85
    """Momentum where the rate is `max_lr`, 0 <= min_momentum <= max_momentum."""
    convention: Literal["pytorch", "fastai"] = "pytorch"
    """Whose final rate."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_momentum", self.min_momentum, "max_momentum", self.max_momentum)
        if self.phases == 3 and self.pct_start > 0.5:
            raise broken(
                "pct_start",
                "no_room_for_phases",
                f"with 3 phases the way down takes as long as the way up, so pct_start must be <= 0.5, not {self.pct_start:g}.",
                "Lower pct_start, or use phases 2.",
            )
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        start = self.max_lr / self.div_factor
        final = (start if self.convention == "pytorch" else self.max_lr) / self.final_div_factor
        return self._through(steps, [start, self.max_lr, *([start] if self.phases == 3 else []), final])

    def momenta(self, steps: ArrayLike) -> Floats:
        """Momentum of a step or an array of steps, the mirror image of the rate: float64, same shape.

        From `max_momentum` down to `min_momentum` while the rate rises, back while it falls to the final rate (with
        three phases: to start_lr, then held).

        Raises:
            ValueError: `total_steps` is still in epochs or left out.
        """
        high, low = self.max_momentum, self.min_momentum
        clock = np.clip(np.asarray(steps, dtype=np.float64), 0, LAST_STEP)
        return np.asarray(self._through(clock, [high, low, high, *([high] if self.phases == 3 else [])]))

    def _through(self, steps: Floats, values: list[float]) -> Floats:
        """The values at the corners, connected in the given shape."""
        total = in_steps("total_steps", self.total_steps)
        middle = [self.pct_start * total - 1, 2 * self.pct_start * total - 2][: len(values) - 2]
        corners = np.maximum.accumulate([0.0, *np.minimum(middle, total - 1.0), total - 1.0])
        result = np.full_like(steps, values[0])
        for index, (begin, end) in enumerate(itertools.pairwise(corners)):
            share = np.clip((steps - begin) / max(end - begin, np.finfo(np.float64).tiny), 0, 1)
            weight = cosine_weight(share) if self.shape == "cosine" else share
            result = np.where(steps >= begin, blend(values[index], values[index + 1], weight), result)
        return result
