"""The batches of a chunk as matrices of sample indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled.loops import Batches
from lrsearch.training.keras.compiled.program import Program


class BatchTable:
    """Fills the batches of chunks from the data orders of the members; keeps those of the epochs it made last.

    Args:
        program: what the batches are for.
        orders: data order of each member.
        controls: of each member, shape (steps, c): what follows the rate of each update; none: nothing does.
    """

    def __init__(
        self, program: Program, orders: Sequence[DataOrder], controls: Sequence[NDArray[np.float64]] = ()
    ) -> None:
        self._program, self._orders, self._controls = program, orders, controls
        self._epochs, self._rows = range(0), np.empty((0, len(orders), program.width), np.int32)

    def filled(self, step: int, rates: NDArray[np.float64], validates: NDArray[np.bool_] | None = None) -> Batches:
        """The updates step .. step + len(rates) - 1, at rates of shape (count, members).

        Args:
            step: first update.
            rates: of each update.
            validates: shape (count,): whether to measure the held-out samples after the update; None: never.
        """
        count = len(rates)
        batches = self._program.no_batches(count)
        per_epoch = self._orders[0].steps_per_epoch
        is_stacked = self._program.kind.members is not None
        updates = self._updates(step, rates)
        batches.rates[:count] = updates if is_stacked else updates[:, 0]
        done = 0
        while done < count:
            epoch, first = divmod(step + done, per_epoch)
            left = first + count - done
            rows = self._rows_of(range(epoch, epoch + max(1, left // per_epoch)))[first:left]
            batches.indices[done : done + len(rows)] = rows if is_stacked else rows[:, 0]
            done += len(rows)
        is_last = (np.arange(step, step + count) + 1) % per_epoch == 0
        batches.sizes[:count] = np.where(is_last, self._orders[0].size(per_epoch - 1), self._program.batch_size)
        if validates is not None:
            batches.validates[:count] = validates
        return batches._replace(count=np.int32(count))

    def _updates(self, step: int, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rates, shape (count, members), each followed by its controls where there are any: (count, members, 1 + c)."""
        if not any(each.shape[1] for each in self._controls):
            return rates
        count, members = rates.shape
        updates = np.zeros((count, members, 1 + self._controls[0].shape[1]))
        updates[..., 0] = rates
        for place, controls in enumerate(self._controls):
            # a probe may look beyond the end of the run: its last controls hold
            at = np.minimum(np.arange(step, step + count), len(controls) - 1)
            updates[:, place, 1:] = controls[at]
        return updates

    def _rows_of(self, epochs: range) -> NDArray[np.int32]:
        """Samples of each batch of epochs: shape (steps, members, width); shorter ones are filled up with their first."""
        if epochs[0] not in self._epochs or epochs[-1] not in self._epochs:
            self._epochs, self._rows = epochs, self._made(epochs)
        per_epoch = self._orders[0].steps_per_epoch
        return self._rows[(epochs[0] - self._epochs[0]) * per_epoch :][: len(epochs) * per_epoch]

    def _made(self, epochs: range) -> NDArray[np.int32]:
        order, members, size = self._orders[0], len(self._orders), self._program.batch_size
        full = order.steps_per_epoch * size
        flat = np.empty((members, len(epochs), full), np.int32)
        for place, each in enumerate(self._orders):
            for at, epoch in enumerate(epochs):
                flat[place, at, : order.samples] = each.permutation(epoch)
        flat[..., order.samples :] = flat[..., full - size, None]
        rows = np.empty((len(epochs) * order.steps_per_epoch, members, self._program.width), np.int32)
        rows[..., :size] = flat.reshape(members, -1, size).swapaxes(0, 1)
        rows[..., size:] = rows[..., :1]
        return rows
