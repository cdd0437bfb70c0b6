"""Figures rendered from stored numbers: PNG, SVG and Plotly JSON. The only plotting door."""

from __future__ import annotations

import json
from typing import Literal

from lrsearch.experiments.base import PlotSpec
from lrsearch.reports.themes import Theme

Format = Literal["png", "svg", "json"]

MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "svg": "image/svg+xml", "json": "application/json"}


def render(plot: PlotSpec, format: Format, theme: Theme = "light") -> bytes:  # noqa: A002 - the word of the URL
    """The figure as a file: `png` and `svg` by matplotlib (1200 x 750 points of pixels), `json` a Plotly figure.

    Args:
        plot: what to show.
        format: `png`, `svg` or `json`.
        theme: `light` or `dark`.

    Returns:
        The bytes of the file.
    """
    if format == "json":
        from lrsearch.reports.plotly_figure import figure

        return json.dumps(figure(plot, theme), allow_nan=False).encode()
    # matplotlib weighs 50 MB and half a second: loaded on the first picture, not at the API's start
    from lrsearch.reports.picture import picture

    return picture(plot, format, theme)
