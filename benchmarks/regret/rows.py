"""Rows the benchmark adds to the catalog: small images, and the cases without a right rate."""

from __future__ import annotations

from typing import Final, Literal

from lrsearch.spec import Spec
from lrsearch.training import catalog
from lrsearch.training.rows import DatasetRow, ModelRow, Task

_CODE = "benchmarks.regret.material"


_FRESH = "benchmarks.regret.fresh_material"
_MORE = "benchmarks.regret.more_material"


def _data(
    name: str, shape: tuple[int, ...], outputs: int, sizes: tuple[int, int], text: str, *, task: Task = "classification"
) -> DatasetRow:
    return DatasetRow(name, f"{_CODE}:{name}", shape, outputs, task, *sizes, text, "benchmarks.regret")


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
    _data("cancer_noise", (30,), 2, (455, 114), "Cell nuclei with shuffled labels."),
    _data("diabetes_noise", (10,), 1, (353, 89), "Disease progression of somebody else.", task="regression"),
    _data("wine_tiny", (13,), 3, (30, 112), "Thirty wines to train on."),
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


def _more(
    name: str, shape: tuple[int, ...], outputs: int, sizes: tuple[int, int], text: str, *, task: Task = "classification"
) -> DatasetRow:
    return DatasetRow(name, f"{_MORE}:{name}", shape, outputs, task, *sizes, text, "benchmarks.regret")


WIDER: Final = (
    _more("spirals", (2,), 2, (800, 200), "Two spirals of one and a half turns."),
    _more("signs", (12,), 2, (1200, 300), "Whether two of twelve normal numbers have the same sign."),
    _more("friedman3", (4,), 1, (560, 140), "make_friedman3, features and target standardised.", task="regression"),
    _more("fashion_bytes", (196,), 10, (3000, 1000), "Images of Fashion-MNIST as numbers from 0 to 255."),
    _more("digits_components", (20,), 10, (1437, 360), "The digits' first principal components, each of deviation 1."),
    _more("sparse", (10,), 1, (400, 100), "make_sparse_uncorrelated, standardised.", task="regression"),
    _more("hastie", (10,), 2, (2000, 500), "make_hastie_10_2."),
    _more("two_clothes", (196,), 2, (600, 400), "Pullovers and shirts of Fashion-MNIST."),
    _more("sine", (1,), 1, (640, 160), "Two waves of one number, standardised.", task="regression"),
    _more(
        "low_rank",
        (60,),
        1,
        (400, 100),
        "make_regression of rank 8: a target near 1000, as it comes.",
        task="regression",
    ),
    _more("classes20", (24,), 20, (2400, 600), "make_classification: twenty classes."),
    _more("digits_pictures", (8, 8, 1), 10, (1437, 360), "The digits as images."),
)
"""Data of `benchmarks.regret.wider`."""
UNSEEN: Final = (
    _more("checkerboard", (2,), 2, (1120, 280), "The fields of a board of four by four."),
    _more("waveform", (21,), 3, (960, 240), "Breiman's waves."),
    _more("heavy_tails", (6,), 1, (720, 180), "Steps under noise with heavy tails, standardised.", task="regression"),
    _more(
        "robot_arm", (5,), 1, (1600, 400), "How far an arm with five joints reaches, standardised.", task="regression"
    ),
    _more("fashion_profiles", (28,), 10, (3000, 1000), "Means of rows and columns of images of Fashion-MNIST."),
    _more("digits_parity", (64,), 2, (1437, 360), "Even and odd digits."),
    _more("prices", (9,), 1, (640, 160), "Log-normal targets of mean two hundred, as they come.", task="regression"),
    _more("documents", (200,), 4, (800, 200), "Counts of words in texts on four subjects."),
    _more("wrong_labels", (16,), 3, (1600, 400), "make_classification: three labels in ten are drawn anew."),
    _more("fashion_pictures", (14, 14, 1), 10, (2500, 1000), "Images of Fashion-MNIST, fourteen by fourteen."),
)
"""Data of `benchmarks.regret.unseen`."""


class VariedMlpParams(Spec):
    """Parameters of `varied_mlp`."""

    units: tuple[int, ...] = (32,)
    activation: Literal["relu", "tanh", "gelu", "elu", "silu"] = "tanh"
    layer_norm: bool = False
    batch_norm: bool = False
    residual: bool = False
    dropout: float = 0.0


class SmallCnnParams(Spec):
    """Parameters of `small_cnn`."""

    filters: tuple[int, ...] = (8, 16)


MODELS: Final = (
    ModelRow(
        "varied_mlp",
        f"{_MORE}:varied_mlp",
        1,
        (1,),
        ("classification", "regression"),
        "Dense layers of any activation and normalisation.",
        "benchmarks.regret",
        VariedMlpParams,
    ),
    ModelRow(
        "small_cnn",
        f"{_MORE}:small_cnn",
        3,
        (4, 4, 1),
        ("classification",),
        "Convolutions of stride 2.",
        "benchmarks.regret",
        SmallCnnParams,
    ),
    _model("dead_mlp", "The last relu is never active: all gradients are zero."),
    _model("exploding_mlp", "Kernels of deviation 1e12: the first loss overflows.", regression=True),
    _model("uniform_mlp", "A head of zeros: the first answer is the uniform one."),
)


def register() -> None:
    """Add the rows to the catalog of this process."""
    catalog.DATASETS.update({row.name: row for row in (*DATASETS, *FRESH, *WIDER, *UNSEEN)})
    catalog.MODELS.update({row.name: row for row in MODELS})
