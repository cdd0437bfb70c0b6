"""Sizes of models and data, counted without Keras."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from benchmarks.regret import rows
from benchmarks.regret.tasks import Family
from lrsearch.training import catalog

CONVOLUTIONS: Final = {
    "digits_cnn": 53_194,
    "fashion_cnn": 433_418,
    "digits_small_cnn": 1_418,
    "fashion_small_cnn": 8_194,
}
"""Trainable numbers of the convolutional models, by family."""


def sizes(family: Family) -> tuple[int, int]:
    """Trainable numbers of the model, and training samples."""
    rows.register()
    row = catalog.datasets()[family.data]
    if family.is_slow:
        return CONVOLUTIONS[family.name], row.train_size
    units: Sequence[int] = {"blobs_mlp": [50], "digits_mlp": [64]}.get(family.model) or family.params["units"]
    widths = [row.sample_shape[0], *units, row.outputs]
    dense = sum((before + 1) * after for before, after in itertools.pairwise(widths))
    is_normed = family.params.get("batch_norm") or family.params.get("layer_norm")
    return dense + (2 * sum(units) if is_normed else 0), row.train_size
