from __future__ import annotations

import numpy as np
import pytest

from lrsearch.training.plan import Checkpoint
from worker.checkpoints import decode, encode


def test_a_checkpoint_comes_back_bit_for_bit_with_types_and_shapes() -> None:
    arrays = {
        "weights/0": np.array([[1.5, np.nan], [-0.0, np.inf]], dtype=np.float32),
        "iterations": np.array(7, dtype=np.int64),
        "empty": np.zeros((0, 3)),
        "flags": np.array([True, False]),
    }
    facts = {"engine": "fit", "xla": False, "threads": 2, "nested": {"list": [1, None, "é"]}}
    restored = decode(encode(Checkpoint(step=41, arrays=arrays, facts=facts)))
    assert (41, facts, list(arrays)) == (restored.step, restored.facts, list(restored.arrays))
    for name, array in arrays.items():
        assert (array.dtype, array.shape, array.tobytes()) == (
            restored.arrays[name].dtype,
            restored.arrays[name].shape,
            restored.arrays[name].tobytes(),
        )


def test_two_checkpoints_of_the_same_state_are_the_same_file() -> None:
    checkpoint = Checkpoint(step=1, arrays={"w": np.ones(3)}, facts={})
    assert encode(checkpoint) == encode(checkpoint)


def test_objects_that_would_need_a_pickle_are_refused() -> None:
    with pytest.raises(ValueError, match="pickle"):
        encode(Checkpoint(step=1, arrays={"w": np.array([object()])}, facts={}))


@pytest.mark.parametrize("data", [b"", b"no zip", encode(Checkpoint(1, {}, {}))[:-20]])
def test_a_damaged_file_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)
