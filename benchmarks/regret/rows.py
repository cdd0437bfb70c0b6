"""Rows the benchmark adds to the catalog: small images, and the cases without a right rate."""

from __future__ import annotations

from typing import Final

from lrsearch.training import catalog
from lrsearch.training.rows import DatasetRow, ModelRow

_CODE = "benchmarks.regret.material"


def _data(name: str, shape: tuple[int, ...], outputs: int, sizes: tuple[int, int], text: str) -> DatasetRow:
    return DatasetRow(name, f"{_CODE}:{name}", shape, outputs, "classification", *sizes, text, "benchmarks.regret")


def _model(name: str, text: str, *, regression: bool = False) -> ModelRow:
    return ModelRow(
        name,
        f"{_CODE}:{name}",
        1,
        (1,),
        ("regression",) if regression else ("classification",),
        text,
        "benchmarks.regret",
    )


DATASETS: Final = (
    _data("fashion_small", (28, 28, 1), 10, (4000, 1000), "The first images of Fashion-MNIST."),
    _data("fashion_small_flat", (196,), 10, (4000, 1000), "The same, 2x2 means as 196 numbers."),
    _data("digits_images", (8, 8, 1), 10, (1437, 360), "The digits as images."),
    _data("wine_noise", (13,), 3, (142, 36), "Wines with shuffled labels: nothing can be learned."),
    _data("digits_noise", (64,), 10, (1437, 360), "Digits with shuffled labels."),
    _data("iris_tiny", (4,), 3, (12, 120), "Twelve flowers to train on."),
)
MODELS: Final = (
    _model("dead_mlp", "The last relu is never active: all gradients are zero."),
    _model("exploding_mlp", "Kernels of deviation 1e12: the first loss overflows.", regression=True),
    _model("uniform_mlp", "A head of zeros: the first answer is the uniform one."),
)


def register() -> None:
    """Add the rows to the catalog of this process."""
    catalog.DATASETS.update({row.name: row for row in DATASETS})
    catalog.MODELS.update({row.name: row for row in MODELS})
