"""PNG and SVG by matplotlib, without its global state (pyplot), so that threads can draw at once."""

from __future__ import annotations

import io
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrsearch.experiments.base import Line, PlotSpec
from lrsearch.reports.axes import y_range
from lrsearch.reports.themes import PALETTES, SERIES, Palette, Theme, raw_opacity

INCHES = (8.0, 5.0)
DOTS_PER_INCH = 150


def picture(plot: PlotSpec, format: Literal["png", "svg"], theme: Theme) -> bytes:  # noqa: A002 - the word of the URL
    """Draw the figure; see `lrsearch.reports.render`."""
    palette = PALETTES[theme]
    drawing = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=palette.paper, layout="constrained")
    axes = drawing.add_subplot()
    _fill(axes, plot, palette)
    _style(axes, plot, palette)
    file = io.BytesIO()
    # a date or a random id in the SVG would make two renderings of the same numbers differ
    with matplotlib.rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "none"}):
        drawing.savefig(file, format=format, metadata={"Date": None} if format == "svg" else None)
    return file.getvalue()


def _fill(axes: Axes, plot: PlotSpec, palette: Palette) -> None:
    for span in plot.spans:
        axes.axvspan(span.low, span.high, color=palette.span, alpha=0.15, label=span.label, linewidth=0)
    for band in plot.bands:
        axes.fill_between(band.x, band.low, band.high, color=palette.main, alpha=0.2, label=band.label, linewidth=0)
    mains = [line for line in plot.lines if line.role == "main"]
    for line in plot.lines:
        color = _color(line, mains, palette)
        _draw(axes, line, color)
    for mark in plot.marks:
        color = palette.suggestion if mark.role == "suggestion" else palette.warning
        axes.axvline(mark.x, color=color, linestyle="--" if mark.role == "suggestion" else ":", label=mark.label)


def _color(line: Line, mains: list[Line], palette: Palette) -> str:
    if line.role in {"raw", "muted"}:
        return palette.raw if line.role == "raw" else palette.muted
    if len(mains) <= 1 or line not in mains:
        return palette.main
    return SERIES[mains.index(line) % len(SERIES)]


def _draw(axes: Axes, line: Line, color: str) -> None:
    label = line.label if line.is_in_legend else None
    match line.role:
        case "points":
            axes.plot(line.x, line.y, "o", color=color, label=label, markersize=4)
        case "raw":
            axes.plot(line.x, line.y, color=color, label=label, linewidth=0.7, alpha=raw_opacity(len(line.x)))
        case _:
            axes.plot(line.x, line.y, color=color, label=label, linewidth=2)


def _style(axes: Axes, plot: PlotSpec, palette: Palette) -> None:
    axes.set_title(plot.title, color=palette.ink, fontsize=11, loc="left", wrap=True)
    axes.set_xlabel(plot.x_label, color=palette.ink)
    axes.set_ylabel(plot.y_label, color=palette.ink)
    if plot.x_log:
        axes.set_xscale("log")
    if plot.y_log:
        axes.set_yscale("log")
    limits = y_range(plot)
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set_facecolor(palette.paper)
    axes.grid(visible=True, color=palette.grid, linewidth=0.6)
    axes.tick_params(colors=palette.ink, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(palette.ink)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, facecolor=palette.paper, edgecolor=palette.grid, labelcolor=palette.ink)
