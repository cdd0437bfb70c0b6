"""What a search may cost, and when it stops before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from lrsearch.spec import PositiveInt, Spec, broken


class Budget(Spec):
    """Give one of them or several; the first that is used up ends the search."""

    trials: Annotated[int, Field(ge=1, le=10_000, strict=True)] | None = None
    """Settings tried, each with all its seeds; pruned ones count."""
    updates: PositiveInt | None = None
    """Updates of all runs; a setting is not begun when its whole run might exceed them."""
    wall_seconds: Annotated[float, Field(gt=0)] | None = None
    """Seconds from the job's first claim after which nothing is begun; runs under way come to their end."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.trials is None and self.updates is None and self.wall_seconds is None:
            raise broken(
                "trials",
                "some_budget",
                "trials, updates and wall_seconds are all left out, so the search would not end.",
                "Give at least one of them.",
            )
        return self


class Stagnation(Spec):
    """Stop when the last `trials` settings brought no gain: then another improvement is unlikely.

    Were the settings drawn independently, the chance that one of the next m beats the best of n before is m / (n + m);
    after k settings without a new best among n it has been missed k times, and a sampler that learns misses less often.
    A gain counts when it exceeds `min_gain` of the best value and, with several seeds, the standard error of the best.
    """

    kind: Literal["stagnation"] = "stagnation"
    trials: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 30
    """Settings in a row without a gain; pruned and diverged ones count."""
    min_gain: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the best value that an improvement must exceed."""

    def is_over(self, values: Sequence[float | None], *, is_minimized: bool, noise: float = 0.0) -> bool:
        """Whether to stop after settings with these values, in order; None: pruned.

        Example:
            >>> Stagnation(trials=2).is_over([1.0, 0.5, 0.6, 0.7], is_minimized=True)
            True
        """
        sign = 1.0 if is_minimized else -1.0
        best, since = math.inf, 0
        for value in values:
            gained = value is not None and math.isfinite(value) and sign * value < best - self._least(best, noise)
            best, since = (sign * value, 0) if gained and value is not None else (best, since + 1)
        return since >= self.trials and math.isfinite(best)

    def _least(self, best: float, noise: float) -> float:
        return max(self.min_gain * abs(best), noise) if math.isfinite(best) else 0.0


AnyStop: TypeAlias = Stagnation
"""What may end a search before its budget is used up."""
