"""First weights kept once drawn: runs of paired seeds start from the same ones, setting after setting."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import keras
from numpy.typing import NDArray

from lrsearch.training.keras import weights

MOST_BYTES = 2**22
"""Of the weights kept of one model, whatever the number of seeds."""
Arrays = list[NDArray[Any]]

_kept: WeakKeyDictionary[keras.Model, OrderedDict[int, Arrays]] = WeakKeyDictionary()


def first_weights(model: keras.Model, seed: int, rebuild: Callable[[], keras.Model]) -> Arrays:
    """As `weights.initial_weights`, in arrays of the caller's own; small models' are drawn once for each seed, by Keras in 2 ms."""
    seeds = _kept.setdefault(model, OrderedDict())
    drawn = seeds.pop(seed, None) or weights.initial_weights(model, seed, rebuild)
    most = MOST_BYTES // max(1, sum(array.nbytes for array in drawn))
    if most:
        seeds[seed] = drawn
    while len(seeds) > most:
        seeds.popitem(last=False)
    return [array.copy() for array in drawn]
