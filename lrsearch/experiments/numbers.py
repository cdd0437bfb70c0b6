"""Numbers on their way into JSON, which has no NaN and no infinity."""

from __future__ import annotations

import math
from collections.abc import Iterable


def finite_or_none(values: Iterable[float]) -> list[float | None]:
    """Every number, and None (JSON null) in the place of NaN and the infinities.

    Example:
        >>> finite_or_none([0.5, float("nan")])
        [0.5, None]
    """
    return [float(value) if math.isfinite(value) else None for value in values]
