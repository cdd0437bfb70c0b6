"""Whether a data set is held in memory or streamed from disk: decided by its size and what a worker may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lrsearch import memory
from lrsearch.settings import Settings

MEMORY_SHARE: Final = 1 / 8
"""Share of the memory the process may use that a data set may take: it is held as it was read, on the device, and the
held-out samples once more, beside the model, its activations and TensorFlow itself."""
DEVICE_SHARE: Final = 1 / 4
"""The same of a GPU's memory, where the samples lie beside weights and activations."""
WINDOW_SHARE: Final = 1 / 4
"""Share of the budget that the samples of a chunk may take: one window on the device, one being filled, one to spare."""
MOST_WINDOW_BYTES: Final = 2**26
"""Greatest window: 25 MB were no faster than 4 MB when a convolutional network was trained on a CPU."""


@dataclass(frozen=True, slots=True)
class DataRoute:
    """How the samples come to the engine.

    Attributes:
        is_streamed: from disk, a window at a time; else the whole set is held in memory.
        why: the reason, in a sentence.
        window_bytes: samples of a chunk may take so much, where they are streamed.
    """

    is_streamed: bool
    why: str
    window_bytes: int

    def facts(self) -> dict[str, Any]:
        """What a result says of it, JSON-able."""
        return {"data": "streamed" if self.is_streamed else "in memory", "data_why": self.why}


def choose_route(data_bytes: int, budget_bytes: int) -> DataRoute:
    """Decide by size; both roads give the same results.

    Args:
        data_bytes: samples and labels of the whole set, training and test.
        budget_bytes: what they may take in memory.

    Example:
        >>> choose_route(188_000_000, 2_000_000_000).is_streamed
        False
        >>> choose_route(188_000_000, 100_000_000).why
        'its 188 MB are more than the budget of 100 MB'
    """
    is_streamed = data_bytes > budget_bytes
    what = "more than" if is_streamed else "within"
    why = f"its {_megabytes(data_bytes)} are {what} the budget of {_megabytes(budget_bytes)}"
    return DataRoute(is_streamed, why, max(1, min(MOST_WINDOW_BYTES, int(budget_bytes * WINDOW_SHARE))))


def budget_bytes(settings: Settings, device_bytes: int | None = None) -> int:
    """What a data set may take in memory: `LRSEARCH_DATA_BUDGET_BYTES`, else shares of what the process may use.

    Args:
        settings: of the process.
        device_bytes: memory of the GPU; None without one.
    """
    if settings.data_budget_bytes is not None:
        return settings.data_budget_bytes
    shares = [memory.allowed_bytes() * MEMORY_SHARE]
    if device_bytes is not None:
        shares.append(device_bytes * DEVICE_SHARE)
    return int(min(shares))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB" if size < 1e9 else f"{size / 1e9:.3g} GB"
