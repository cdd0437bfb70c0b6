"""The tables of our own models and data sets; builders and loaders are named, not imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from lrsearch.spec import Spec
from lrsearch.training import data_files

Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that can be trained by name.

    Attributes:
        build: "package.module:function"; called as build(input_shape, outputs, task, **params) -> keras.Model, uncompiled.
        input_rank: rank of one sample (1 tabular, 3 images).
        least_shape: least size of each axis of a sample.
        params: spec of the builder's parameters.
        layers: answers with the names of the layers with weights, from the input to the output, for given parameters, so
            that layer groups are checked when a document is posted; loads no Keras. None: of such a model, groups that
            clash whatever its layers are refused at once, and the rest when a worker has built it.
    """

    name: str
    build: str
    input_rank: int
    least_shape: tuple[int, ...]
    tasks: tuple[Task, ...]
    description: str
    cites: str
    params: type[Spec] = Spec
    layers: Callable[[Any], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A data set that can be trained on by name.

    Attributes:
        load: "package.module:function"; called as load() -> Dataset (training/keras/datasets).
        locate: "package.module:function" that says without Keras whether the data is on this machine, or None: always.
            Called as locate(settings) -> what was found, or None.
        sample_shape: shape of one sample.
        outputs: number of classes, or of targets.
        obtain: command that gets the data where it is missing.
    """

    name: str
    load: str
    sample_shape: tuple[int, ...]
    outputs: int
    task: Task
    train_size: int
    test_size: int
    description: str
    cites: str
    locate: str | None = None
    obtain: str = ""


Width = Annotated[int, Field(ge=1, le=65536, strict=True)]


class TabularMlpParams(Spec):
    """Parameters of `tabular_mlp`."""

    units: Annotated[list[Width], Field(min_length=1, max_length=64)] = Field(default=[32])
    """Width of each hidden layer."""
    batch_norm: bool = False
    """Batch normalisation after each hidden layer."""
    dropout: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.0
    """Share of the hidden units dropped in training."""


def _numbered(name: str, count: int) -> tuple[str, ...]:
    """Names that Keras gives several layers of a class."""
    return tuple(f"{name}_{number}" if number else name for number in range(count))


def _fixed(*names: str) -> Callable[[Any], tuple[str, ...]]:
    return lambda params: names


def _tabular_layers(params: TabularMlpParams) -> tuple[str, ...]:
    dense = _numbered("dense", len(params.units) + 1)
    norms = _numbered("batch_normalization", len(params.units)) if params.batch_norm else ()
    pairs = zip(dense, norms, strict=False) if norms else ((name,) for name in dense[:-1])
    return (*(name for pair in pairs for name in pair), dense[-1])


_CONV_DENSE = _fixed(*_numbered("conv2d", 2), *_numbered("dense", 2))
_BUILDERS = "lrsearch.training.keras.models"
_LOADERS = "lrsearch.training.keras.datasets"
_FILES = "lrsearch.training.data_files"
_CLASSES: tuple[Task, ...] = ("classification",)
_LECTURE = "Lecture notebook on batch size, epochs, optimizers and decay: study E of the reproductions"
_SKLEARN = "Pedregosa et al. 2011, Scikit-learn, JMLR 12: sklearn.datasets"

MODELS: dict[str, ModelRow] = {
    row.name: row
    for row in (
        ModelRow(
            "blobs_mlp",
            f"{_BUILDERS}:blobs_mlp",
            1,
            (1,),
            _CLASSES,
            "Dense 50 relu he_uniform, softmax.",
            _LECTURE,
            layers=_fixed(*_numbered("dense", 2)),
        ),
        ModelRow(
            "digits_mlp",
            f"{_BUILDERS}:digits_mlp",
            1,
            (1,),
            _CLASSES,
            "Dense 64 relu he_uniform, softmax.",
            "our own",
            layers=_fixed(*_numbered("dense", 2)),
        ),
        ModelRow(
            "tabular_mlp",
            f"{_BUILDERS}:tabular_mlp",
            1,
            (1,),
            ("classification", "regression"),
            "Dense relu he_uniform layers, head by task: softmax or linear.",
            "our own",
            TabularMlpParams,
            layers=_tabular_layers,
        ),
        ModelRow(
            "mnist_cnn",
            f"{_BUILDERS}:mnist_cnn",
            3,
            (10, 10, 1),
            _CLASSES,
            "Conv 32, 64 (3x3 relu), each with max pooling and dropout .25; Dense 256 relu, softmax.",
            "MachineCurve 2019-2021, fixed and decaying learning rates: study B of the reproductions",
            layers=_CONV_DENSE,
        ),
        ModelRow(
            "keras_mnist_cnn",
            f"{_BUILDERS}:keras_mnist_cnn",
            3,
            (6, 6, 1),
            _CLASSES,
            "Conv 32, 64 (3x3 relu), max pooling, dropout .25; Dense 128 relu, dropout .5, softmax.",
            "Capel 2019, automatic range test and decaying warm restarts: study C of the reproductions",
            layers=_CONV_DENSE,
        ),
        ModelRow(
            "cifar_cnn",
            f"{_BUILDERS}:cifar_cnn",
            3,
            (22, 22, 1),
            _CLASSES,
            "Conv 32, 64, 128 (3x3 relu), each with max pooling; Dense 256, 128 relu, softmax.",
            "MachineCurve 2020, learning-rate finder on plateau: study A of the reproductions",
            layers=_fixed(*_numbered("conv2d", 3), *_numbered("dense", 3)),
        ),
    )
}
"""Our own models."""


def _tabular(name: str, features: int, outputs: int, sizes: tuple[int, int], description: str) -> DatasetRow:
    task: Task = "regression" if name == "diabetes" else "classification"
    return DatasetRow(name, f"{_LOADERS}:{name}", (features,), outputs, task, *sizes, description, _SKLEARN)


def _images(name: str, shape: tuple[int, int, int], sizes: tuple[int, int], description: str, cites: str) -> DatasetRow:
    return DatasetRow(
        name,
        f"{_LOADERS}:{name}",
        shape,
        10,
        "classification",
        *sizes,
        description,
        cites,
        locate=f"{_FILES}:{name}",
        obtain=data_files.OBTAIN[name],
    )


DATASETS: dict[str, DatasetRow] = {
    row.name: row
    for row in (
        DatasetRow(
            "blobs",
            f"{_LOADERS}:blobs",
            (2,),
            3,
            "classification",
            500,
            500,
            "Three Gaussian blobs in the plane, one-hot labels.",
            _LECTURE,
        ),
        _tabular("digits", 64, 10, (1437, 360), "8x8 handwritten digits / 16."),
        _tabular("wine", 13, 3, (142, 36), "Chemical analysis of wines from three growers, standardised."),
        _tabular("breast_cancer", 30, 2, (455, 114), "Cell nuclei of breast masses, standardised."),
        _tabular("diabetes", 10, 1, (353, 89), "Disease progression after a year; features and target standardised."),
        _tabular("iris", 4, 3, (120, 30), "Iris flowers of three species, standardised."),
        _images(
            "mnist",
            (28, 28, 1),
            (60_000, 10_000),
            "Handwritten digits / 255.",
            "LeCun et al. 1998, Gradient-based learning applied to document recognition",
        ),
        _images(
            "fashion_mnist",
            (28, 28, 1),
            (60_000, 10_000),
            "Photographs of clothes / 255.",
            "Xiao et al. 2017, Fashion-MNIST, arXiv:1708.07747",
        ),
        _images(
            "cifar10",
            (32, 32, 3),
            (50_000, 10_000),
            "Small colour photographs of ten classes / 255.",
            "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
        ),
    )
}
"""Our own data sets."""
