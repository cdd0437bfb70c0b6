"""Colours of the figures, light and dark; readable for the colour-blind (Okabe and Ito 2008)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme, as #rrggbb."""

    paper: str
    ink: str
    grid: str
    main: str
    raw: str
    muted: str
    span: str
    suggestion: str
    warning: str


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1f2933",
        grid="#d9dee4",
        main="#0072b2",
        raw="#8fa3b5",
        muted="#9aa5b1",
        span="#009e73",
        suggestion="#00684c",
        warning="#c1440e",
    ),
    "dark": Palette(
        paper="#14181d",
        ink="#e6eaee",
        grid="#343c45",
        main="#56b4e9",
        raw="#5c6b7a",
        muted="#7b8794",
        span="#26c296",
        suggestion="#58d6b0",
        warning="#ff8a5c",
    ),
}

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")
"""Colours of several main lines in one figure, in this order."""


def raw_opacity(points: int) -> float:
    """Opacity of a raw line: 0.8 up to 100 points, falling with the square root of their number to 0.15."""
    return max(0.15, min(0.8, 8.0 / max(points, 1) ** 0.5))
