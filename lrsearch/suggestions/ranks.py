"""Several noisy repeats read as one curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from lrsearch.curves import Curve, Floats, noise_level, usable

SIGNIFICANT_RANKS: Final = (math.inf, 4.0, 3.5, 3.2)
"""The same for the mean ranks of several repeats, whose noise has no outliers (see `ranked`).

Repeats that are each lost in noise leave some: the narrowest kernel found falls in them, but misplaced them. On pure
noise some 1 % of tests of three repeats fall this much by chance, at most 3 % of eight.
"""


def ranked(curves: Sequence[Curve]) -> Curve | None:
    """Repeats of one ramp as one curve of mean ranks: what several noisy repeats say together, deaf to outliers.

    rank_i = place of loss i among the n losses of its repeat / n, ties share their mean place, rates a repeat did not
    reach share the last places; the mean over the repeats. None when the rates are not those of one ramp, or when a
    repeat is without noise and so has said already that its loss does not move.

    Source: Kruskal & Wallis 1952, Use of ranks in one-criterion variance analysis.
    """
    lrs = max(curves, key=len).lrs
    if not all(np.array_equal(lrs[: len(curve)], curve.lrs) and noise_level(usable(curve)[1]) > 0 for curve in curves):
        return None
    return Curve(lrs, np.mean([_ranks(curve.losses, len(lrs)) for curve in curves], axis=0))


def _ranks(losses: Floats, length: int) -> Floats:
    """Mean places of the losses, filled up to a length, as shares of it."""
    ended = np.logical_or.accumulate(~np.isfinite(losses))
    filled = np.concatenate([np.where(ended, np.inf, losses), np.full(length - len(losses), np.inf)])
    below, not_above = (
        np.searchsorted(np.sort(filled), filled, "left"),
        np.searchsorted(np.sort(filled), filled, "right"),
    )
    return 0.5 * (below + not_above + 1.0) / length
