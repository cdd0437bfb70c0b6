"""Means over epochs have the bits of the mean of one epoch alone, however the batches were handed over."""

import numpy as np
import pytest

from lrsearch.training.data_order import DataOrder
from lrsearch.training.epoch_means import EpochMeans


@pytest.mark.parametrize(("samples", "batch"), [(10, 4), (1000, 3), (64, 64), (257, 1)])
def test_means_of_several_epochs_have_the_bits_of_each_alone(samples, batch):
    order, rng = DataOrder(samples, batch, 0), np.random.default_rng(0)
    steps = order.steps_per_epoch
    chunk = rng.lognormal(size=(3 * steps, 5))
    means = EpochMeans(order)
    means.add({"loss": chunk[:, 2]})
    sizes = np.array([order.size(step) for step in range(steps)])
    each = [float(np.add.reduce(chunk[e * steps : (e + 1) * steps, 2] * sizes) / samples) for e in range(3)]
    assert {"loss": each} == means.taken(3)
    assert {} == means.begun


def test_what_an_epoch_has_begun_with_waits_for_its_end_and_can_be_kept():
    means = EpochMeans(DataOrder(10, 4, 0))
    means.add({"loss": np.array([1.0, 2.0])})
    means.add({"loss": np.array([3.0, 4.0])})
    assert {"loss": [(4 + 8 + 6) / 10]} == means.taken(1)
    other = EpochMeans(DataOrder(10, 4, 0))
    other.restore(means.begun)
    other.add({"loss": np.array([5.0, 6.0])})
    assert {"loss": [(16 + 20 + 12) / 10]} == other.taken(1)
