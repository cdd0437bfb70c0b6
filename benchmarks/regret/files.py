"""Small files of losses: half floats with few bits, compressed."""

from __future__ import annotations

import io
import lzma
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST: Final = 6e4
"""Losses above are stored as this: half floats end at 65,504."""
KEPT_BITS: Final = 6
"""Bits of a batch loss's mantissa that are kept, of ten: to 0.8 %, far below the noise of a batch."""
XZ: Final = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 1, "pb": 1}]
"""Compression that knows of numbers of two bytes; a third smaller than that of an npz."""


def write(path: Path, found: dict[str, Any]) -> None:
    """Write arrays, of which `names` are the tasks."""
    path.parent.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, **found)
    path.write_bytes(lzma.compress(buffer.getvalue(), filters=XZ))
    print(f"{path.name}: {len(found['names'])} tasks, {path.stat().st_size / 1000:.0f} kB")


def unit(curves: Floats) -> float:
    """What batch and race losses are divided by: 1, or, where they begin in the thousands, the power of two that keeps them below.

    Half floats end at 65,504, and no rule asks for a loss's unit.
    """
    first = float(np.median(curves[:, 0]))
    return 2.0 ** max(0, int(np.ceil(np.log2(first / 1e3)))) if 0.0 < first < np.inf else 1.0


def rounded(values: Floats, bits: int = KEPT_BITS) -> NDArray[np.float16]:
    """Half floats with so many bits of mantissa, at most 10; infinite stays so, NaN becomes infinite."""
    small = np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.inf).astype(np.float16)
    drop = 10 - bits
    stored = small.view(np.uint16).astype(np.uint32) + (1 << drop >> 1)
    cut = (stored >> drop << drop).astype(np.uint16).view(np.float16)
    return np.where(np.isinf(small), np.float16(np.inf), cut).astype(np.float16)


@cache
def read(path: Path) -> dict[str, Any]:
    """The arrays of a file."""
    with np.load(io.BytesIO(lzma.decompress(path.read_bytes()))) as file:
        return dict(file)
