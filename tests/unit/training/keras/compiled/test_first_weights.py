import keras
import numpy as np
import pytest

from lrsearch.training.keras import weights
from lrsearch.training.keras.compiled import first_weights as module
from lrsearch.training.keras.compiled.first_weights import first_weights

pytestmark = pytest.mark.tensorflow


def rebuild():
    raise AssertionError("every layer keeps its initialisers")


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(2)])


def test_they_are_those_of_the_seed_whatever_was_asked_before_and_done_with_it(model):
    for seed in (3, 4, 3):
        drawn = first_weights(model, seed, rebuild)
        for one, other in zip(weights.initial_weights(model, seed), drawn, strict=True):
            np.testing.assert_array_equal(one, other)
            other[...] = np.nan


def test_the_seeds_asked_for_last_are_kept_within_the_bytes(model, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 2 * sum(array.nbytes for array in weights.initial_weights(model, 0)))
    for seed in (0, 1, 0, 2):
        first_weights(model, seed, rebuild)
    assert [0, 2] == list(module._kept[model])


def test_of_a_large_model_none_are_kept(model, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 8)
    first_weights(model, 0, rebuild)
    assert not module._kept[model]
