"""The middle of the longest descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Valley(SuggestionRule):
    """The point at `share` of the descent of the smoothed loss, measured in log lr.

    log lr = a + share (b - a). The descent runs from a, the last point before the minimum that lies within `edge` of
    the fall under the top, to b, the first point within `edge` of the fall above the minimum. Falls smaller than
    `edge` at either end are plateaus: on a smooth curve they have no end.

    The source's code takes a longest decreasing subsequence, which need not be contiguous; this descent is.
    """

    kind: ClassVar[str] = "valley"
    cites: ClassVar[tuple[str, ...]] = ("fastai pull request 3377 (Kaczmarek), rule `valley`",)

    share: float = 0.5
    """Position on the descent, 0 its start, 1 its end; 1/2 in the source."""
    edge: float = 0.05
    """Share of the fall that counts as a plateau at either end; ours."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the middle of the descent; the bounds are its ends."""
        start, end = reading.leaves(1.0 - self.edge), reading.falls_to(self.edge)
        middle = start + self.share * (end - start)
        return rate(
            middle, f"The loss falls from {10.0**start:.2g} to {10.0**end:.2g}; this is the middle.", (start, end)
        )
