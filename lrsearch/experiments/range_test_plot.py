"""The figure of a range test, drawn from its stored result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lrsearch.curves import Curve, band
from lrsearch.experiments.base import Band, Line, Mark, PlotSpec, Span
from lrsearch.experiments.numbers import floats

if TYPE_CHECKING:
    from lrsearch.experiments.range_test import RangeTest

Y_LABELS: Mapping[str, str] = {
    "loss": "training loss of the batch",
    "accuracy": "1 - training accuracy of the batch",
    "val_loss": "loss on held-out data",
}


def loss_plot(document: RangeTest, result: Mapping[str, Any]) -> PlotSpec:
    """Loss over learning rate: raw repeats, their smoothed band, the bounds shaded, divergence marked."""
    return _figure(document, result, "loss_over_lr", f"Range test: {_subject(document)}")


def group_plot(document: RangeTest, result: Mapping[str, Any]) -> PlotSpec:
    """The same of each layer group that was ramped by itself, a panel a group."""
    rows: list[Mapping[str, Any]] = result["groups"]
    others = f"all other layers at {result['others_lr']:.2g}" if result["others_lr"] else "all other layers still"
    title = f"Range tests of layer groups, {others}: {_subject(document)}"
    if len(rows) == 1:
        return _figure(document, rows[0], "loss_over_lr_by_group", f"{title}; {rows[0]['name']}")
    panels = [_panel(document, row) for row in rows]
    whole = replace(panels[0], name="loss_over_lr_by_group", title=title, panels=panels)
    return replace(whole, lines=(), bands=(), spans=(), marks=())


def _panel(document: RangeTest, row: Mapping[str, Any]) -> PlotSpec:
    """A panel; its numbers stand in its title, since all panels have one legend."""
    plot, suggestion = _figure(document, row, "", ""), row["suggestion"]
    title = f"{row['name']}, {str(row['verdict']).replace('_', ' ')}"
    if suggestion["lr"] is not None:
        title += f" {suggestion['lr']:.2g}"
    title += "".join(f", bounds {span.low:.2g} to {span.high:.2g}" for span in plot.spans)
    spans = [replace(span, label="bounds") for span in plot.spans]
    marks = [replace(mark, label=mark.label.rpartition(" ")[0]) for mark in plot.marks]
    return replace(plot, name=title, title=title, spans=spans, marks=marks)


def _subject(document: RangeTest) -> str:
    return f"{document.model.name} on {document.data.name}, {document.optimizer.kind}, batch {document.batch_size}"


def _figure(document: RangeTest, result: Mapping[str, Any], name: str, title: str) -> PlotSpec:
    rows: list[Mapping[str, Any]] = result["curves"]
    curves = [_stored_curve(row) for row in rows]
    label = f"measured, {len(rows)} repeats" if len(rows) > 1 else "measured"
    lines = [
        Line(label, curve.lrs.tolist(), curve.losses.tolist(), "raw", is_in_legend=index == 0)
        for index, curve in enumerate(curves)
    ]
    bands: list[Band] = []
    if any(len(curve) for curve in curves):
        middle = band(curves)
        label = f"smoothed, median of {len(curves)}" if len(curves) > 1 else "smoothed"
        lines.append(Line(label, middle.lrs.tolist(), middle.median.tolist(), "main"))
        if len(curves) > 1:
            bands.append(Band("range of the repeats", middle.lrs.tolist(), middle.low.tolist(), middle.high.tolist()))
    return PlotSpec(
        name=name,
        title=title,
        x_label="learning rate" + (" (log scale)" if document.ramp == "exponential" else ""),
        y_label=Y_LABELS[document.metric],
        x_log=document.ramp == "exponential",
        lines=lines,
        bands=bands,
        spans=_bounds(result["suggestion"]),
        marks=_marks(rows, result["suggestion"]),
    )


def _stored_curve(row: Mapping[str, Any]) -> Curve:
    """What the rules read, from a stored result."""
    values = floats(row["values"])
    return Curve(row["lrs"][: len(values)], values)


def _bounds(suggestion: Mapping[str, Any]) -> list[Span]:
    low, high = suggestion["min_lr"], suggestion["max_lr"]
    return [] if low is None or high is None else [Span(f"bounds {low:.2g} to {high:.2g}", low, high)]


def _marks(rows: Sequence[Mapping[str, Any]], suggestion: Mapping[str, Any]) -> list[Mark]:
    marks: list[Mark] = []
    if suggestion["lr"] is not None:
        marks.append(Mark(f"suggestion {suggestion['lr']:.2g}", suggestion["lr"], "suggestion"))
    stops = [row["lrs"][row["stopped_at"]] for row in rows if row["stop_reason"] in {"diverged", "non_finite"}]
    if stops:
        marks.append(Mark(f"first divergence {min(stops):.2g}", min(stops), "warning"))
    return marks
