"""The loss of the best answer that looks at no sample: what a model must get below to have learned something."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lrsearch.training import catalog
from lrsearch.training.keras.datasets import Dataset, load


@lru_cache(maxsize=8)
def constant_loss_of(name: str) -> float:
    """That loss on the training labels of a data set: see `constant_loss`."""
    return constant_loss(load(name), catalog.datasets()[name].task)


def constant_loss(data: Dataset, task: catalog.Task) -> float:
    """Loss of the same best answer to every sample.

    Classes: -sum_k p_k log p_k with the shares p_k of the classes; targets: mean over the targets of their variance.

    Returns:
        >= 0; 0 where all samples have the same label.

    Example:
        >>> y = np.array([0, 0, 1, 1], np.int32)
        >>> round(constant_loss(Dataset(np.zeros((4, 1)), y, np.zeros((0, 1)), y[:0]), "classification"), 4)
        0.6931
    """
    if task == "regression":
        return float(np.mean(np.var(data.y_train.astype(np.float64), axis=0)))
    labels = data.y_train
    counts = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels.astype(np.int64).ravel())
    shares = counts[counts > 0] / counts.sum()
    return float(max(0.0, -np.sum(shares * np.log(shares))))
