"""Rows the benchmark adds to the catalog: small images, and the cases without a right rate."""

from __future__ import annotations

from typing import Final

from lrsearch.training import catalog
from lrsearch.training.rows import DatasetRow, ModelRow, Task

_CODE = "benchmarks.regret.material"


_FRESH = "benchmarks.regret.fresh_material"


def _data(name: str, shape: tuple[int, ...], outputs: int, sizes: tuple[int, int], text: str) -> DatasetRow:
    return DatasetRow(name, f"{_CODE}:{name}", shape, outputs, "classification", *sizes, text, "benchmarks.regret")


def _fresh(
    name: str, features: int, outputs: int, sizes: tuple[int, int], text: str, *, task: Task = "classification"
) -> DatasetRow:
    return DatasetRow(name, f"{_FRESH}:{name}", (features,), outputs, task, *sizes, text, "benchmarks.regret")


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
FRESH: Final = (
    _fresh(
        "classes5", 20, 5, (1600, 400), "make_classification: five classes, 8 of 20 features tell, 5 % wrong labels."
    ),
    _fresh("friedman", 10, 1, (480, 120), "make_friedman1, features and target standardised.", task="regression"),
    _fresh("moons", 2, 2, (480, 120), "make_moons with noise of 0.25."),
    _fresh("fashion_standardised", 196, 10, (3000, 1000), "Other images of Fashion-MNIST, each pixel standardised."),
    _fresh(
        "friedman_raw",
        4,
        1,
        (480, 120),
        "make_friedman2 / 10: a target of mean 47 that nobody scaled.",
        task="regression",
    ),
    _fresh("circles", 2, 2, (800, 200), "make_circles with noise of 0.15."),
    _fresh("digits_raw", 64, 10, (1437, 360), "Digits as numbers from 0 to 16 that nobody scaled."),
    _fresh("gaussian_shells", 10, 3, (720, 180), "make_gaussian_quantiles: three shells in ten dimensions."),
    _fresh("linear", 30, 1, (320, 80), "make_regression, 10 of 30 features tell, standardised.", task="regression"),
    _fresh("imbalanced", 12, 2, (960, 240), "make_classification: nine to one, 2 % wrong labels."),
    _fresh("digits_few", 64, 10, (200, 1000), "Two hundred digits to train on."),
    _fresh("swiss_roll", 3, 1, (1200, 300), "make_swiss_roll: the place on the roll, standardised.", task="regression"),
)
"""Data of `benchmarks.regret.fresh`."""
MODELS: Final = (
    _model("dead_mlp", "The last relu is never active: all gradients are zero."),
    _model("exploding_mlp", "Kernels of deviation 1e12: the first loss overflows.", regression=True),
    _model("uniform_mlp", "A head of zeros: the first answer is the uniform one."),
)


def register() -> None:
    """Add the rows to the catalog of this process."""
    catalog.DATASETS.update({row.name: row for row in (*DATASETS, *FRESH)})
    catalog.MODELS.update({row.name: row for row in MODELS})
