"""PNG and SVG by matplotlib, without its global state (pyplot), so that threads can draw at once."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from lrsearch.experiments.base import Heat, Line, PlotSpec, Rank, Whiskers
from lrsearch.reports.axes import color_range, is_counted, rank_range, x_span, y_range
from lrsearch.reports.parts import band_color, grid_of, group_color, group_name, height_of, is_lone, line_color
from lrsearch.reports.themes import PALETTES, Palette, Theme, raw_opacity

INCHES = (8.0, 5.0)
DOTS_PER_INCH = 150


def picture(plot: PlotSpec, format: Literal["png", "svg"], theme: Theme) -> bytes:  # noqa: A002 - the word of the URL
    """Draw the figure; see `lrsearch.reports.render`."""
    palette = PALETTES[theme]
    inches = (INCHES[0], INCHES[1] * height_of(plot))
    drawing = Figure(figsize=inches, dpi=DOTS_PER_INCH, facecolor=palette.paper, layout="constrained")
    if plot.panels:
        _panels(drawing, plot, palette)
    else:
        _single(drawing.add_subplot(), drawing, plot, palette)
    file = io.BytesIO()
    # a date or a random id in the SVG would make two renderings of the same numbers differ
    with matplotlib.rc_context({"svg.hashsalt": plot.name, "svg.fonttype": "none"}):
        drawing.savefig(file, format=format, metadata={"Date": None} if format == "svg" else None)
    return file.getvalue()


def _single(axes: Axes, drawing: Figure, plot: PlotSpec, palette: Palette) -> None:
    if plot.heat is not None:
        _heat(axes, drawing, plot.heat, palette)
    elif plot.ranks:
        _ranks(axes, plot, palette)
    else:
        _fill(axes, plot, palette)
    _style(axes, plot, palette)
    if plot.ranks and not plot.x_log and (limits := plot.x_limits or rank_range(plot.ranks)) is not None:
        axes.set_xlim(*limits)
        _continued(axes, plot.ranks, limits, palette)
    axes.set_title(plot.title, color=palette.ink, fontsize=11, loc="left", wrap=True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, facecolor=palette.paper, edgecolor=palette.grid, labelcolor=palette.ink)


def _panels(drawing: Figure, plot: PlotSpec, palette: Palette) -> None:
    """Small multiples on common axes, one legend for all."""
    rows, columns = grid_of(len(plot.panels))
    grid = drawing.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(plot.panels) :]:
        axes.set_visible(False)
    for panel, axes in zip(plot.panels, grid.flat, strict=False):
        _fill(axes, panel, palette)
        _style(axes, panel, palette)
        axes.set_title(panel.title.replace(", ", "\n"), color=palette.ink, fontsize=9, loc="left")
        if not any(math.isfinite(value) for line in panel.lines for value in line.y):
            axes.text(
                0.5, 0.5, "nothing measured", color=palette.warning, ha="center", transform=axes.transAxes, fontsize=9
            )
            axes.set_xticks([])
    # the axes are shared: the last limits set would be those of the last panel alone
    if (limits := y_range(plot)) is not None:
        grid.flat[0].set_ylim(*limits)
    drawing.suptitle(plot.title, color=palette.ink, fontsize=11, x=0.01, ha="left", wrap=True)
    drawing.supxlabel(plot.x_label, color=palette.ink, fontsize=10)
    drawing.supylabel(plot.y_label, color=palette.ink, fontsize=10)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    legend = drawing.legend(handles, labels, loc="outside lower right", ncols=len(labels), fontsize=8)
    legend.get_frame().set(facecolor=palette.paper, edgecolor=palette.grid)
    for text in legend.get_texts():
        text.set_color(palette.ink)


def _fill(axes: Axes, plot: PlotSpec, palette: Palette) -> None:
    for span in plot.spans:
        axes.axvspan(span.low, span.high, color=palette.span, alpha=0.15, label=span.label, linewidth=0)
    for band in plot.bands:
        color, label = band_color(band, plot.lines, palette), band.label if band.of is None else None
        axes.fill_between(band.x, band.low, band.high, color=color, alpha=0.2, label=label, linewidth=0)
    for line in plot.lines:
        _draw(axes, line, line_color(line, plot.lines, palette))
    for whiskers in plot.whiskers:
        _whiskers(axes, whiskers, palette)
    for mark in plot.marks:
        color = palette.suggestion if mark.role == "suggestion" else palette.warning
        axes.axvline(mark.x, color=color, linestyle="--" if mark.role == "suggestion" else ":", label=mark.label)


def _whiskers(axes: Axes, whiskers: Whiskers, palette: Palette) -> None:
    middle = np.asarray(whiskers.y, dtype=np.float64)
    ends = np.nan_to_num(np.abs(np.array([middle - whiskers.low, np.asarray(whiskers.high) - middle])), nan=0.0)
    style = {"color": palette.main, "markersize": 7, "capsize": 4, "linewidth": 2}
    axes.errorbar(whiskers.x, middle, yerr=ends, fmt="o", label=whiskers.label, **style)


def _ranks(axes: Axes, plot: PlotSpec, palette: Palette) -> None:
    """A row a setting, the best on top, a colour a group; what diverged has a cross at the margin."""
    ranks: Sequence[Rank] = plot.ranks
    seen: set[int] = set()
    for row, rank in enumerate(ranks):
        color = group_color(rank.group, palette)
        label = group_name(rank.group, plot) if rank.group and rank.group not in seen else None
        seen.add(rank.group)
        if math.isfinite(rank.low):
            axes.plot([rank.low, rank.high], [row, row], color=color, linewidth=3, alpha=0.5, solid_capstyle="butt")
        if math.isfinite(rank.value):
            axes.plot(rank.value, row, "o", color=color, markersize=8, label=label)
        if rank.note:
            place = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center", "fontsize": 8}
            axes.annotate(rank.note, (0.99, row), color=palette.warning, **place)
    axes.set_yticks(range(len(ranks)), [rank.label for rank in ranks], fontsize=9)
    axes.set_ylim(len(ranks) - 0.5, -0.5)


def _heat(axes: Axes, drawing: Figure, heat: Heat, palette: Palette) -> None:
    values = np.asarray(heat.values, dtype=np.float64)
    low, high = color_range(values)
    drawn = axes.imshow(values, cmap="viridis", aspect="auto", origin="lower", vmin=low, vmax=high)
    axes.set_xticks(range(len(heat.x)), heat.x, rotation=45 if len(heat.x) > 8 else 0)
    axes.set_yticks(range(len(heat.y)), heat.y)
    bar = drawing.colorbar(drawn, ax=axes, label=heat.label)
    bar.ax.tick_params(colors=palette.ink)
    bar.ax.yaxis.label.set_color(palette.ink)
    if values.size <= MOST_WRITTEN:
        for row, column in np.argwhere(np.isfinite(values)):
            shade = float(np.asarray(drawn.norm(values[row, column])))
            color = "black" if shade > 0.6 else "white"
            axes.text(column, row, f"{values[row, column]:.3g}", ha="center", va="center", fontsize=8, color=color)
    if heat.best is not None:
        row, column = heat.best
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=palette.warning, linewidth=3))


MOST_WRITTEN = 120
"""Cells of a heat map up to which the numbers are written in them."""


def _draw(axes: Axes, line: Line, color: str) -> None:
    label = line.label if line.is_in_legend else None
    match line.role:
        case "points":
            axes.plot(line.x, line.y, "o", color=color, label=label, markersize=4)
        case "faint":
            axes.plot(line.x, line.y, "x", color=color, label=label, markersize=4, alpha=0.8)
        case "raw":
            axes.plot(line.x, line.y, color=color, label=label, linewidth=0.7, alpha=raw_opacity(len(line.x)))
        case _:
            axes.plot(line.x, line.y, "o-" if is_lone(line) else "-", color=color, label=label, linewidth=2)


def _style(axes: Axes, plot: PlotSpec, palette: Palette) -> None:
    is_panel = plot.name == plot.title
    axes.set_xlabel("" if is_panel else plot.x_label, color=palette.ink)
    axes.set_ylabel("" if is_panel else plot.y_label, color=palette.ink)
    if plot.x_names:
        axes.set_xticks(range(len(plot.x_names)), plot.x_names, fontsize=8)
    if plot.x_log:
        axes.set_xscale("log")
        _narrow_log_ticks(axes.xaxis)
    elif is_counted(plot):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.05 if x_span(plot) else 1.0)
    if plot.y_log:
        axes.set_yscale("log")
        _narrow_log_ticks(axes.yaxis)
    limits = None if plot.ranks or plot.heat else y_range(plot)
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set_facecolor(palette.paper)
    if plot.heat is None:
        axes.grid(visible=True, color=palette.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=palette.ink, which="both")
    for name, spine in axes.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(palette.ink)


def _narrow_log_ticks(axis: Axis) -> None:
    """Within two decades the ticks are 10, 20, 50 and not powers of 10, whose labels run into each other there."""
    low, high = axis.get_data_interval()
    if 0 < low < high < 100 * low:
        subs = (1.0, 2.0, 5.0) if high > 5 * low else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
        axis.set_major_locator(LogLocator(10.0, subs=subs))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _continued(axes: Axes, ranks: Sequence[Rank], limits: tuple[float, float], palette: Palette) -> None:
    """An arrowhead where an interval goes on beyond the axis."""
    for row, rank in enumerate(ranks):
        color = group_color(rank.group, palette)
        for end, edge, marker, goes_on in (
            (rank.low, limits[0], "<", rank.low < limits[0]),
            (rank.high, limits[1], ">", rank.high > limits[1]),
        ):
            if math.isfinite(end) and goes_on:
                axes.plot(edge, row, marker, color=color, markersize=9, clip_on=False)
