"""Which samples are in which batch: a pure function of the seed, the same for every engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

MOST_KEPT_SAMPLES = 1_024
"""Samples up to which orders are kept once drawn; drawing more of them costs little beside training on them."""
MOST_KEPT = 2_048
"""Orders kept: at most 16 MB. Runs of paired seeds ask for the same ones, setting after setting."""


@dataclass(frozen=True, slots=True)
class DataOrder:
    """Order in which `samples` training samples are seen: epoch e in the order default_rng([seed, e]).permutation(samples).

    The last batch of an epoch holds what is left and may be smaller; a batch size above `samples` means one batch an
    epoch. Step s is batch s mod `steps_per_epoch` of epoch s div `steps_per_epoch`.

    Attributes:
        samples: size of the training set, >= 1.
        batch_size: samples in a batch, >= 1.
        seed: 0 <= seed < 2^31.

    Example:
        >>> order = DataOrder(samples=5, batch_size=2, seed=0)
        >>> [len(batch) for batch in order.batches(0, 4)]
        [2, 2, 1, 2]
    """

    samples: int
    batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the data."""
        return -(-self.samples // self.batch_size)

    def permutation(self, epoch: int) -> Indices:
        """Order of the samples in an epoch counted from 0: shape (samples,), int64."""
        draw = _kept if self.samples <= MOST_KEPT_SAMPLES else _drawn
        return draw(self.samples, self.seed, epoch)

    def size(self, step: int) -> int:
        """Number of samples in the batch of a step."""
        first = (step % self.steps_per_epoch) * self.batch_size
        return min(self.batch_size, self.samples - first)

    def batches(self, first_step: int, last_step: int) -> Iterator[Indices]:
        """Sample indices of the batches of the steps first_step .. last_step - 1, in order."""
        epoch, order = -1, np.empty(0, np.int64)
        for step in range(first_step, last_step):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = self.permutation(epoch)
            start = (step % self.steps_per_epoch) * self.batch_size
            yield order[start : start + self.batch_size]


def _drawn(samples: int, seed: int, epoch: int) -> Indices:
    """The order; read-only, since others may get the same array."""
    order = np.random.default_rng([seed, epoch]).permutation(samples)
    order.flags.writeable = False
    return order


_kept = lru_cache(maxsize=MOST_KEPT)(_drawn)


def kept_samples(samples: int, share: float) -> int:
    """floor(samples (1 - share)): samples that are left when a share, 0 <= share < 1, is held out; 0 where none is."""
    return int(np.floor(samples * (1.0 - share)))


def training_size(samples: int, validation_share: float | None) -> int:
    """How many of the first samples are trained on when a share is held out: floor(samples (1 - share)).

    The held-out samples are the last ones, whatever the seed, as in Keras' `validation_split`: runs that differ in
    seed are validated on the same data.

    Args:
        samples: size of the whole training set.
        validation_share: 0 < share < 1, or None: nothing is held out.

    Raises:
        ValueError: the share leaves nothing to train or to validate on.

    Example:
        >>> training_size(500, 0.2)
        400
    """
    if validation_share is None:
        return samples
    kept = kept_samples(samples, validation_share)
    if not 0 < kept < samples:
        raise ValueError(
            f"A validation share of {validation_share:g} of {samples} samples leaves {kept} to train on and "
            f"{samples - kept} to validate on; both must be at least 1."
        )
    return kept
