"""Loaders of the data in `benchmarks.regret.fresh`; loads Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets as shipped

from benchmarks.regret.material import fashion_flat_part
from lrsearch.training.keras import datasets
from lrsearch.training.keras.datasets import Dataset

Make = Callable[..., Any]
TEST_SHARE = 5
"""One sample in this many is for the test; the makers shuffle."""


def _made(make: Make, *, is_regression: bool = False, scale: bool = True, **arguments: Any) -> Dataset:
    x, y = make(random_state=11, **arguments)
    kept = len(x) - len(x) // TEST_SHARE
    mean, deviation = (x[:kept].mean(axis=0), x[:kept].std(axis=0))
    x = ((x - mean) / deviation).astype(np.float32)
    if is_regression:
        targets = y[:, None] if not scale else ((y - y[:kept].mean()) / y[:kept].std())[:, None]
        labels: Any = targets.astype(np.float32)
    else:
        labels = y.astype(np.int32)
    return Dataset(x[:kept], labels[:kept], x[kept:], labels[kept:])


def classes5() -> Dataset:
    """Five classes of two clusters each."""
    return _made(shipped.make_classification, n_samples=2000, n_informative=8, n_classes=5, flip_y=0.05)


def friedman() -> Dataset:
    """Friedman's first function."""
    return _made(shipped.make_friedman1, is_regression=True, n_samples=600, noise=1.0)


def moons() -> Dataset:
    """Two half circles."""
    return _made(shipped.make_moons, n_samples=600, noise=0.25)


def fashion_standardised() -> Dataset:
    """Images 10,000 to 13,000, and test images 2,000 to 3,000."""
    whole = fashion_flat_part(slice(10_000, 13_000), slice(2_000, 3_000))
    mean, deviation = whole.x_train.mean(axis=0), whole.x_train.std(axis=0) + 1e-3
    return Dataset((whole.x_train - mean) / deviation, whole.y_train, (whole.x_test - mean) / deviation, whole.y_test)


def friedman_raw() -> Dataset:
    """Friedman's second function, its target a tenth of what it is."""

    def make(**arguments: Any) -> Any:
        x, y = shipped.make_friedman2(**arguments)
        return x, y / 10.0

    return _made(make, is_regression=True, scale=False, n_samples=600, noise=20.0)


def circles() -> Dataset:
    """One circle in another."""
    return _made(shipped.make_circles, n_samples=1000, noise=0.15, factor=0.5)


def digits_raw() -> Dataset:
    """The pixels as they come."""
    scaled, whole = datasets.digits(), np.float32(16)
    return Dataset(scaled.x_train * whole, scaled.y_train, scaled.x_test * whole, scaled.y_test)


def gaussian_shells() -> Dataset:
    """Classes by the distance from the middle."""
    return _made(shipped.make_gaussian_quantiles, n_samples=900, n_features=10, n_classes=3)


def linear() -> Dataset:
    """A linear target."""
    return _made(
        shipped.make_regression, is_regression=True, n_samples=400, n_features=30, n_informative=10, noise=20.0
    )


def imbalanced() -> Dataset:
    """Nine samples of one class for each of the other."""
    arguments = {"n_samples": 1200, "n_features": 12, "n_informative": 5, "weights": [0.9], "flip_y": 0.02}
    return _made(shipped.make_classification, **arguments)


def digits_few() -> Dataset:
    """The first two hundred digits of the training set; a thousand of the others to test."""
    whole = datasets.digits()
    return Dataset(whole.x_train[:200], whole.y_train[:200], whole.x_train[400:1400], whole.y_train[400:1400])


def swiss_roll() -> Dataset:
    """Where on the roll a point is."""
    return _made(shipped.make_swiss_roll, is_regression=True, n_samples=1500, noise=0.3)
