"""Tables of optimizers, models and data sets: one row each, no Keras import. Builders are named, not imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lrsearch.spec import Spec

Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class OptimizerRow:
    """An optimizer of Keras.

    Attributes:
        name: what documents call it.
        keras_class: name of the class in `keras.optimizers`.
        default_lr: Keras' default rate; `paper_lr` the paper's, where it differs.
        hyperparameters: name -> (default, least, greatest) of each one a document may set.
        may_stack: proved equal to solo runs when stacked (engine.md 3).
        cites: its source.
    """

    name: str
    keras_class: str
    default_lr: float
    hyperparameters: dict[str, tuple[float | bool | None, float | None, float | None]]
    cites: str
    paper_lr: float | None = None
    fixed: dict[str, float | bool] | None = None
    may_stack: bool = False


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that can be trained by name.

    Attributes:
        build: "package.module:function"; called as build(input_shape, outputs, task, **params) -> keras.Model, uncompiled.
        input_rank: rank of one sample (1 tabular, 3 images).
        least_shape: least size of each axis of a sample.
        params: spec of the builder's parameters.
    """

    name: str
    build: str
    input_rank: int
    least_shape: tuple[int, ...]
    tasks: tuple[Task, ...]
    description: str
    cites: str
    params: type[Spec] = Spec


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A data set that can be trained on by name.

    Attributes:
        load: "package.module:function"; called as load() -> Dataset (training/keras/datasets).
        locate: "package.module:function" that says without Keras whether the data is on this machine, or None: always.
        sample_shape: shape of one sample.
        outputs: number of classes, or of targets.
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
