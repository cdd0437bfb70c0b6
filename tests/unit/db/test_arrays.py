"""Curves as blobs: what goes in comes out bit for bit, and damage is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrsearch.db.arrays import pack_arrays, unpack_arrays

FLOATS = arrays(np.float64, st.integers(0, 20))


@given(st.dictionaries(st.text(max_size=10), FLOATS, max_size=4))
def test_any_arrays_come_back_bit_for_bit(sent: dict[str, np.ndarray]) -> None:
    got = unpack_arrays(pack_arrays(sent))
    assert list(sent) == list(got)
    for name, values in sent.items():
        assert values.tobytes() == got[name].tobytes()
        assert np.float64 == got[name].dtype


def test_integers_and_slices_are_stored_as_float64() -> None:
    got = unpack_arrays(pack_arrays({"a": np.arange(6)[::2], "b": np.array([1.5], dtype=np.float32)}))
    assert [0.0, 2.0, 4.0] == got["a"].tolist()
    assert [1.5] == got["b"].tolist()


def test_the_arrays_that_come_back_can_be_written_to() -> None:
    got = unpack_arrays(pack_arrays({"losses": np.zeros(2)}))
    got["losses"][0] = 1.0
    assert [1.0, 0.0] == got["losses"].tolist()


def test_a_rate_ramp_takes_less_room_than_its_numbers() -> None:
    assert len(pack_arrays({"lrs": np.full(1000, 0.01)})) < 200


def test_arrays_of_more_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="'weights' must be one-dimensional"):
        pack_arrays({"weights": np.zeros((2, 2))})


GOOD = pack_arrays({"losses": np.linspace(0, 1, 50)})


@pytest.mark.parametrize("blob", [b"", b"\x80\x04pickle", GOOD[:6], GOOD[:20], GOOD[:-5], GOOD[:8] + b"[]" + GOOD[10:]])
def test_a_damaged_blob_is_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="blob"):
        unpack_arrays(blob)


def test_a_header_that_does_not_fit_its_values_is_refused() -> None:
    with pytest.raises(ValueError, match="50 values"):
        unpack_arrays(GOOD.replace(b"50]", b"49]"))
