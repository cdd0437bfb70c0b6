"""The batches of a chunk as matrices of sample indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled.loops import Batches
from lrsearch.training.keras.compiled.program import Program


class BatchTable:
    """Fills the batches of chunks from the data orders of the members; keeps those of the last epoch.

    Args:
        program: what the batches are for.
        orders: data order of each member.
        controls: of each member, shape (steps, c): what follows the rate of each update; none: nothing does.
    """

    def __init__(
        self, program: Program, orders: Sequence[DataOrder], controls: Sequence[NDArray[np.float64]] = ()
    ) -> None:
        self._program, self._orders, self._controls = program, orders, controls
        self._epoch, self._rows = -1, np.empty((0, len(orders), program.width), np.int32)

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
            rows = self._rows_of(epoch)[first : first + count - done]
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

    def _rows_of(self, epoch: int) -> NDArray[np.int32]:
        """Samples of each batch of an epoch: shape (steps, members, width); shorter ones are filled up with their first."""
        if epoch != self._epoch:
            steps, members, size = self._orders[0].steps_per_epoch, len(self._orders), self._program.batch_size
            flat = np.empty((members, steps * size), np.int32)
            for row, order in zip(flat, self._orders, strict=True):
                row[: order.samples] = order.permutation(epoch)
                row[order.samples :] = row[(steps - 1) * size]
            rows = np.empty((steps, members, self._program.width), np.int32)
            rows[..., :size] = flat.reshape(members, steps, size).swapaxes(0, 1)
            rows[..., size:] = rows[..., :1]
            self._epoch, self._rows = epoch, rows
        return self._rows
