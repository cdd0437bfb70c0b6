"""The product's own default rule, chosen by the regret benchmark (docs/advice.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate


@dataclass(frozen=True, slots=True)
class Consensus(SuggestionRule):
    """Three tenths of the way through the useful rates, by log lr.

    log10 lr = a + `share` (b - a). a is the rate at which the loss has left its plateau by `start` of its fall, b the
    rate at which, after its minimum, it is back at the plateau; when it never is, the last rate before the run ended,
    or, where the ramp ended first, at most `reach` decades above the end of the fall. Bounds: `around` decades to
    either side. Repeats that are each lost in their noise are read together, as ranks.

    At a nothing is learned yet in the few updates a range test gives a rate, at b the training breaks down. Both are
    told by many losses, where a steepest point or a minimum are told by few. On the benchmark the place between them
    is the same for all optimizers: knowing the optimizer improved nothing on tasks that were held out.
    """

    kind: ClassVar[str] = "consensus"
    cites: ClassVar[tuple[str, ...]] = ("lrsearch: defined here; docs/advice.md is its evidence",)
    reads_ranks: ClassVar[bool] = True
    certain: ClassVar[float] = 0.05
    level: ClassVar[float | None] = 0.76
    sure_level: ClassVar[float] = 0.9
    """Level where the evidence is strong: each repeat has a suggestion, they agree, and the loss fell deep (docs/advice.md)."""
    deep: ClassVar[float] = 0.86
    """Least depth of strong evidence."""
    agreeing: ClassVar[float] = 0.3
    """Greatest distance between the repeats' suggestions of strong evidence, decades."""

    optimizer: str | None = None
    """Kind of the optimizer, for example `adam`; accepted, and changes nothing."""
    share: float = 0.3
    """Place between the two ends of the useful rates, 0 the lower, 1 the upper one; `python -m benchmarks.regret --fit`."""
    start: float = 0.25
    """Share of the fall the loss has made where the useful rates begin; `python -m benchmarks.regret --fit`."""
    reach: float = 2.0
    """Greatest distance of b from the end of the fall when the ramp ended before the loss was back, decades."""
    around: float = 0.25
    """Distance of the bounds from the suggestion, decades; of those tried the best for `triangular` and `one_cycle`."""

    def choose(self, reading: Reading) -> Suggestion:
        """Answer with the point between the two ends."""
        low, high = reading.starts(self.start), reading.returns()
        if reading.ended == "ramp" and high >= float(reading.x[-1]):
            high = min(high, reading.falls_to(reading.edge()) + self.reach)
        chosen = low + self.share * (high - low)
        why = (
            f"The loss starts to fall at {10.0**low:.2g} and is back where it was at {10.0**high:.2g}; this is "
            f"{self.share:.0%} of the way between, by log lr."
        )
        return replace(rate(chosen, why, (chosen - self.around, chosen + self.around)), depth=reading.depth)

    def level_of(self, answer: Suggestion) -> float | None:
        """`sure_level` where the evidence is strong, `level` elsewhere."""
        if answer.depth is None or answer.depth < self.deep or answer.interval is None:
            return self.level
        return self.sure_level if math.log10(answer.interval[1] / answer.interval[0]) < self.agreeing else self.level
