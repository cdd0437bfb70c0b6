"""What both renderers must agree on: colours of lines and bands, widths of figures, the layout of panels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lrsearch.experiments.base import Band, Line, PlotSpec
from lrsearch.reports.themes import SERIES, Palette

MOST_COLUMNS = 4
"""Panels side by side."""


def line_color(line: Line, lines: Sequence[Line], palette: Palette) -> str:
    """By role; several main lines have a colour each, in the order of the figure."""
    if line.role in {"raw", "muted", "faint"}:
        return palette.muted if line.role == "muted" else palette.raw
    mains = [other.label for other in lines if other.role == "main"]
    if line.role != "main" or len(mains) <= 1:
        return palette.main
    return SERIES[mains.index(line.label) % len(SERIES)]


def is_lone(line: Line) -> bool:
    """Whether the line has a single point to show, which needs a marker to be seen."""
    return sum(math.isfinite(value) for value in line.y) == 1


def band_color(band: Band, lines: Sequence[Line], palette: Palette) -> str:
    """That of its line, where it names one."""
    return next((line_color(line, lines, palette) for line in lines if line.label == band.of), palette.main)


def group_color(group: int, palette: Palette) -> str:
    """Of a group of a ranking, counted from 1; 0 is what was not measured."""
    return SERIES[(group - 1) % len(SERIES)] if group else palette.muted


def group_name(group: int, plot: PlotSpec) -> str:
    """Of a group of a ranking, as the legend has it."""
    return plot.group_names[group - 1] if group <= len(plot.group_names) else f"group {group}"


def grid_of(panels: int) -> tuple[int, int]:
    """Rows and columns of small multiples.

    Example:
        >>> grid_of(8), grid_of(3), grid_of(5)
        ((2, 4), (1, 3), (2, 3))
    """
    columns = min(panels, MOST_COLUMNS if panels > 6 or panels == 4 else 3)
    return math.ceil(panels / columns), columns


def height_of(plot: PlotSpec) -> float:
    """Height as a multiple of that of a plain figure: rankings and rows of panels need more."""
    if plot.ranks:
        return max(1.0, min(4.0, (len(plot.ranks) + 4) / 14))
    return max(1.0, 0.55 * grid_of(len(plot.panels))[0]) if plot.panels else 1.0
