"""The middle of the longest descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Valley(SuggestionRule):
    """The point at `share` of the descent of the smoothed loss, measured in log lr.

    log lr = a + share (b - a). The descent runs from a, the last rate before the minimum at which the loss is within
    an edge of the top, to b, the first rate after a at which it is within an edge of the minimum; the edge is
    min(1/4, max(`edge`, 3 noise / fall)) of the fall. What falls less than that is a plateau: on a smooth curve it has
    no end, in noise none that could be told. Bounds: the descent, at most `reach` decades to either side.

    The source's code takes a longest decreasing subsequence, which need not be contiguous; this descent is.
    """

    kind: ClassVar[str] = "valley"
    cites: ClassVar[tuple[str, ...]] = ("fastai pull request 3377, rule `valley`",)

    share: float = 0.5
    """Position on the descent, 0 its start, 1 its end; 1/2 in the source."""
    edge: float = 0.05
    """Least share of the fall that counts as a plateau at either end; ours."""
    reach: float = 1.0
    """Greatest distance of a bound from the suggestion, decades; ours."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the middle of the descent."""
        edge = reading.edge(self.edge)
        start, end = reading.leaves(1.0 - edge), reading.falls_to(edge)
        middle = start + self.share * (end - start)
        bounds = (max(start, middle - self.reach), min(end, middle + self.reach))
        return rate(middle, f"The loss falls from {10.0**start:.2g} to {10.0**end:.2g}; this is the middle.", bounds)
