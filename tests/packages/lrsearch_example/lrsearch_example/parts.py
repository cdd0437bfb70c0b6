"""What the rows name: builder and loader. Loaded by the worker only."""

import keras
import numpy as np

from lrsearch.training.keras.datasets import Dataset


def linear(input_shape, outputs, task, use_bias=True):
    """One dense layer without activation."""
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs, use_bias=use_bias)])


def plane():
    """100 points of y = 2 a - b + 1."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(100, 2)).astype(np.float32)
    y = (x @ [2.0, -1.0] + 1.0 + draw.normal(0.0, 0.1, 100)).astype(np.float32)[:, None]
    return Dataset(x[:90], y[:90], x[90:], y[90:])
