"""Sample-weighted means of what batches measured, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lrsearch.training.data_order import DataOrder

Floats = NDArray[np.float64]


class EpochMeans:
    """Gathers batch values and takes the mean over the samples of each epoch: sum of (value x batch size) / samples.

    Args:
        order: of the samples; its last batch of an epoch may be smaller.
    """

    def __init__(self, order: DataOrder) -> None:
        self._steps = order.steps_per_epoch
        self._sizes = np.full(self._steps, order.batch_size)
        self._sizes[-1] = order.size(self._steps - 1)
        self._samples = self._sizes.sum()
        self._parts: dict[str, list[Floats]] = {}

    def add(self, values: Mapping[str, Floats]) -> None:
        """Take the values of the next batches: name -> shape (k,)."""
        for name, part in values.items():
            self._parts.setdefault(name, []).append(part)

    def taken(self, epochs: int) -> dict[str, list[float]]:
        """Name -> means of the first so many epochs of what was added, which is forgotten."""
        found: dict[str, list[float]] = {}
        for name, parts in self._parts.items():
            values, count = joined(parts), epochs * self._steps
            # rows of their own are summed in the order in which one epoch alone would be
            weighted = values[:count].reshape(epochs, self._steps) * self._sizes
            found[name] = (np.add.reduce(weighted, axis=1) / self._samples).tolist()
            self._parts[name] = [values[count:]] if count < len(values) else []
        return found

    @property
    def begun(self) -> dict[str, Floats]:
        """Name -> values of the batches added since the last epoch that was taken; only of names that have any."""
        return {name: joined(parts) for name, parts in self._parts.items() if parts}

    def restore(self, begun: Mapping[str, Floats]) -> None:
        """Go on from what `begun` was."""
        self._parts = {name: [values] for name, values in begun.items()}


def joined(parts: list[Floats]) -> Floats:
    """Parts end to end, as one array of their own: a part may be a view of a whole chunk."""
    return np.concatenate(parts) if parts else np.empty(0)
