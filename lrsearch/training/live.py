"""A training under way, as the recorder sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Live(Protocol):
    """A training under way, as its engine holds it."""

    def snapshot(self) -> Arrays:
        """A copy of everything that changes in training: weights, slots, statistics, random state."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a snapshot."""
        ...

    def update(self, step: int, rate: float) -> float:
        """One update on the batch of the step at the given rate; the batch's loss before it."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on the held-out data, `val_loss` among them; nothing when `Recorder.breathe` answered False meanwhile."""
        ...
