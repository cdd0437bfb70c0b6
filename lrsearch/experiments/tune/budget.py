"""How much each stage of a tuning may cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from lrsearch.spec import PositiveInt, Spec

LADDER: Final = ((5, 2, 8), (5, 2, 5), (5, 1, 5), (4, 1, 3), (3, 1, 2), (3, 1, 1))
"""Rates, race seeds and search trials, from the default down to the least, for a budget of updates."""


class TuneBudget(Spec):
    """What is left out has its default; with `updates` it is made smaller until the whole fits."""

    updates: PositiveInt | None = None
    """Most updates of all stages together; left out: no bound."""
    rates: Annotated[int, Field(ge=2, le=50, strict=True)] | None = None
    """Rates raced for each optimizer and schedule, half a decade apart around the suggestion; default 5."""
    race_seeds: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None
    """Runs of each candidate in each rung of the race; default 2."""
    survivors: Annotated[int, Field(ge=1, le=10, strict=True)] = 2
    """Pairs of optimizer and schedule that are searched around and confirmed."""
    search_trials: Annotated[int, Field(ge=1, le=1_000, strict=True)] | None = None
    """Settings tried around each survivor; default 8."""

    def sizes(self) -> Iterator[tuple[int, int, int]]:
        """Rates, race seeds and search trials to try, the greatest first; what the document names stays."""
        for rates, race_seeds, search_trials in LADDER[: None if self.updates is not None else 1]:
            yield self.rates or rates, self.race_seeds or race_seeds, self.search_trials or search_trials
