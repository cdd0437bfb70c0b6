"""The callback suite for anybody's `model.fit`; importing it loads TensorFlow.

Plotting lives here and not with the callbacks: they are part of training, which knows no figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lrsearch.curves import smooth
from lrsearch.experiments.base import Line, Mark, PlotSpec, Span
from lrsearch.reports import render
from lrsearch.reports.themes import Theme
from lrsearch.training.keras import callbacks as suite
from lrsearch.training.keras.callbacks import (
    FindOnPlateau,
    LearningRateMonitor,
    OneCycle,
    ReduceOnPlateau,
    ScheduleCallback,
    StopOnDivergence,
    WarmRestarts,
)
from lrsearch.training.keras.schedule_export import to_keras
from lrsearch.training.layer_groups import LayerGroup

__all__ = [
    "FindOnPlateau",
    "LayerGroup",
    "LearningRateMonitor",
    "OneCycle",
    "Picture",
    "RangeTest",
    "ReduceOnPlateau",
    "ScheduleCallback",
    "StopOnDivergence",
    "WarmRestarts",
    "to_keras",
]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure; a notebook shows it as the last value of a cell.

    Attributes:
        spec: the numbers behind it.
        png: the file.
    """

    spec: PlotSpec
    png: bytes = field(repr=False)

    def save(self, path: str | Path) -> None:
        """Write the PNG file."""
        Path(path).write_bytes(self.png)

    def _repr_png_(self) -> bytes:
        return self.png


class RangeTest(suite.RangeTest):
    """The range test with `.plot()`; everything else is said and done in the class it extends."""

    def plot(self, theme: Theme = "light") -> Picture:
        """Loss over learning rate: batch losses, the smoothed curve, the suggestion and its bounds.

        Args:
            theme: `light` or `dark`.

        Raises:
            RuntimeError: no test was made yet.
        """
        spec = self._plot_spec()
        return Picture(spec, render(spec, "png", theme))

    def _plot_spec(self) -> PlotSpec:
        curve, answer = self.curve, self.suggestion
        lrs, smoothed = curve.lrs, smooth(curve)
        shown = np.isfinite(smoothed)
        has_bounds = answer.min_lr is not None and answer.max_lr is not None
        return PlotSpec(
            name="range_test",
            title=f"Range test: {answer.why}",
            x_label="learning rate" + (" (log scale)" if self.ramp == "exponential" else ""),
            y_label="training loss of the batch",
            x_log=self.ramp == "exponential",
            lines=[
                Line("batch loss", lrs.tolist(), curve.losses.tolist(), "raw"),
                Line("smoothed", lrs[shown].tolist(), smoothed[shown].tolist(), "main"),
            ],
            spans=[Span("bounds", answer.min_lr or 0.0, answer.max_lr or 0.0)] if has_bounds else [],
            marks=[] if answer.lr is None else [Mark(f"suggested {answer.lr:.2g}", answer.lr)],
        )


RangeTest.__doc__ = suite.RangeTest.__doc__  # what a notebook's help shows
