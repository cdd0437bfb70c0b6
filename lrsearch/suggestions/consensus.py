"""The product's own default rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule
from lrsearch.suggestions.valley import Valley


@dataclass(frozen=True, slots=True)
class Consensus(SuggestionRule):
    """The median over the repeats, in log lr, of `valley`.

    One curve is read by `valley`; `suggest` takes the median over the repeats, as for every rule. The optimizer is
    accepted and changes nothing so far: what it should change is decided by the regret benchmark.
    """

    kind: ClassVar[str] = "consensus"
    cites: ClassVar[tuple[str, ...]] = ("lrsearch: defined here; the regret benchmark is its evidence",)

    optimizer: str | None = None
    """Kind of the optimizer, for example `adam`."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer as `valley` does."""
        return Valley().choose(reading)
