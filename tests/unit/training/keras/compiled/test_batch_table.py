from types import SimpleNamespace

import numpy as np
import pytest

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled.batch_table import BatchTable
from lrsearch.training.keras.compiled.loops import Batches

pytestmark = pytest.mark.tensorflow

CHUNK = 64


def program_of(batch_size, width, members):
    lead = (CHUNK,) if members == 1 else (CHUNK, members)

    def no_batches(room):
        return Batches(
            rates=np.zeros(lead, np.float32),
            indices=np.zeros((*lead, width), np.int32),
            sizes=np.zeros(CHUNK, np.int32),
            validates=np.zeros(CHUNK, np.bool_),
            count=np.int32(0),
        )

    kind = SimpleNamespace(members=None if members == 1 else members)
    return SimpleNamespace(kind=kind, width=width, batch_size=batch_size, no_batches=no_batches)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    ("samples", "batch_size", "padding"), [(5, 2, 0), (7, 7, 1), (60, 1, 0), (500, 6, 2), (9, 4, 3)]
)
def test_chunks_have_the_samples_of_the_data_order_however_they_are_cut(samples, batch_size, padding, members):
    draw = np.random.default_rng(samples)
    orders = [DataOrder(samples, batch_size, seed) for seed in range(members)]
    batches = BatchTable(program_of(batch_size, batch_size + padding, members), orders)
    step = 0
    for _ in range(12):
        count = int(draw.integers(1, CHUNK + 1))
        filled = batches.filled(step, np.ones((count, members)))
        indices = filled.indices.reshape(CHUNK, members, -1)
        for place, order in enumerate(orders):
            for at, expected in enumerate(order.batches(step, step + count)):
                row, size = indices[at, place], filled.sizes[at]
                assert (size, list(row[:size])) == (len(expected), list(expected))
                assert set(row[size:]) <= {expected[0]}, "filled up with a sample of the batch"
        step = max(0, step + int(draw.choice([count, 1, -5])))
