"""What a benchmark found: rows with a target, which say themselves whether it is met."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MET, MISSED = "met", "**missed**"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a figure.

    Attributes:
        limit: the bound itself still meets it.
        unit: of figure and bound, "" for a ratio.
        is_least: whether the figure must be at least the bound; else at most.
    """

    limit: float
    unit: str = ""
    is_least: bool = False

    def verdict(self, figure: float) -> str:
        """`MET` or `MISSED`; a figure that is not a number misses."""
        return MET if (figure >= self.limit if self.is_least else figure <= self.limit) else MISSED

    def __str__(self) -> str:
        return f"{'>=' if self.is_least else '<='} {self.limit:g} {self.unit}".rstrip()


def at_least(limit: float, unit: str = "") -> Target:
    """The figure must not be below the limit."""
    return Target(limit, unit, is_least=True)


def at_most(limit: float, unit: str = "") -> Target:
    """The figure must not be above the limit."""
    return Target(limit, unit)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: what was measured, in words.
        figure: the number that the target judges.
        unit: of the figure, "" for a ratio.
        detail: how it spreads, or what it is made of.
        target: None when nothing was promised.
    """

    what: str
    figure: float
    unit: str = ""
    detail: str = ""
    target: Target | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What, measured, target, verdict."""
        measured = f"{shown(self.figure, self.unit)}{f' ({self.detail})' if self.detail else ''}"
        return self.what, measured, str(self.target or ""), self.target.verdict(self.figure) if self.target else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides of the same work, measured in turn.

    Attributes:
        work: what both sides do.
        reference, ours: medians of both sides.
        unit: of both sides.
        ratios: shape (repeats,): one a repeat, reference / ours or ours / reference.
        target: of the median ratio.
    """

    work: str
    reference: float
    ours: float
    unit: str
    ratios: NDArray[np.float64]
    target: Target | None = None

    @property
    def ratio(self) -> float:
        """The median."""
        return float(np.median(self.ratios))

    @property
    def cells(self) -> tuple[str, ...]:
        """Work, reference, ours, ratio with its spread, target, verdict."""
        low, high = np.quantile(self.ratios, [0.25, 0.75])
        spread = f" ({low:.3g} to {high:.3g})" if len(self.ratios) > 1 else ""
        verdict = self.target.verdict(self.ratio) if self.target else ""
        sides = (shown(side, self.unit) for side in (self.reference, self.ours))
        return self.work, *sides, f"{self.ratio:.3g}{spread}", str(self.target or ""), verdict


def speed_up(
    work: str, reference: NDArray[np.float64], ours: NDArray[np.float64], target: Target | None = None
) -> Comparison:
    """How many times faster ours is: seconds of both sides, shape (repeats,)."""
    return Comparison(work, float(np.median(reference)), float(np.median(ours)), "s", reference / ours, target)


def cost(
    work: str, reference: NDArray[np.float64], ours: NDArray[np.float64], target: Target | None = None
) -> Comparison:
    """How much more ours takes: seconds of both sides, shape (repeats,)."""
    return Comparison(work, float(np.median(reference)), float(np.median(ours)), "s", ours / reference, target)


def shown(value: float, unit: str) -> str:
    """A number with its unit; seconds below 1 in milliseconds.

    Example:
        >>> shown(0.01234, "s"), shown(634.2, "MiB"), shown(1.0849, "")
        ('12.3 ms', '634 MiB', '1.08')
    """
    if unit == "s" and abs(value) < 1:
        value, unit = 1000 * value, "ms"
    figure = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{figure} {unit}".rstrip()


def table(rows: Sequence[Row]) -> str:
    """Rows as Markdown."""
    return markdown(("what", "measured", "target", ""), [row.cells for row in rows])


def comparisons(rows: Sequence[Comparison]) -> str:
    """Comparisons as Markdown."""
    return markdown(("work", "reference", "ours", "ratio (quartiles)", "target", ""), [row.cells for row in rows])


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(re.sub(r"\|\s+(?=\|)", "| ", f"| {' | '.join(cells)} |") for cells in rows)
