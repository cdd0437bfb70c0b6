"""What plans share: the built and compiled model, and the arrays it is trained, validated and tested on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lrsearch.training import catalog
from lrsearch.training.data_order import training_size
from lrsearch.training.keras import datasets, weights
from lrsearch.training.keras.controls import Dials, controlled
from lrsearch.training.keras.datasets import Dataset
from lrsearch.training.keras.optimizers import build_optimizer, on_one_device
from lrsearch.training.keras.own_updates import with_own_updates
from lrsearch.training.plan import Plan
from lrsearch.training.scratch import cut

Split = tuple[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """The data of a plan as (samples, labels): views, not copies."""

    train: Split
    held_out: Split
    test: Split


def splits_of(plan: Plan, data: Dataset) -> Splits:
    """Training set, held-out share (or what stands for it) and test set of a plan."""
    kept = training_size(len(data.x_train), plan.validation.share if plan.validation is not None else None)
    test = (data.x_test, data.y_test)
    is_on_test = plan.validation is not None and plan.validation.share is None
    return Splits(
        train=(data.x_train[:kept], data.y_train[:kept]),
        held_out=test if is_on_test else (data.x_train[kept:], data.y_train[kept:]),
        test=test,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A compiled model; `reset` starts it over for another seed."""

    model: keras.Model
    data: Dataset
    rebuild: Callable[[], keras.Model] = field(repr=False)
    dials: Dials

    def reset(self, seed: int) -> None:
        """Weights, seed generators and optimizer as a new training of the seed has them."""
        weights.reset(self.model, seed, self.rebuild)


def likeness(plan: Plan) -> str:
    """Plans of one likeness train the same compiled model."""
    part_size = plan.batch_size if plan.accumulation_steps > 1 else None
    parts = (
        plan.model.model_dump(),
        plan.data.model_dump(),
        plan.optimizer.model_dump(),
        plan.metrics,
        plan.variant(),
        part_size,
    )
    return json.dumps(parts, sort_keys=True)


def build_model(plan: Plan) -> keras.Model:
    """The plan's model, uncompiled, from its row's builder."""
    model_row, data_row = catalog.models()[plan.model.name], catalog.datasets()[plan.data.name]
    params = model_row.params.model_validate(plan.model.params).model_dump()
    return catalog.resolve(model_row.build)(data_row.sample_shape, data_row.outputs, data_row.task, **params)


def class_weights(plan: Plan, labels: NDArray[Any]) -> NDArray[np.float32] | None:
    """Factor on the loss of each class, shape (classes,); None where the plan has none.

    `balanced`: samples / (classes x samples of the class), 1 for a class without samples.
    """
    if plan.class_weight is None:
        return None
    classes = catalog.datasets()[plan.data.name].outputs
    if plan.class_weight != "balanced":
        weights_of = dict(plan.class_weight)
        return np.array([weights_of.get(number, 1.0) for number in range(classes)], np.float32)
    counts = sum(np.bincount(class_numbers(part), minlength=classes) for part in cut(labels))
    return np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 1.0).astype(np.float32)


def class_numbers(labels: NDArray[Any]) -> NDArray[Any]:
    """Class of each sample, from numbers or one-hot rows."""
    return labels.argmax(axis=1) if labels.ndim == 2 else labels


@contextmanager
def precision_of(plan: Plan) -> Iterator[None]:
    """Models built in this block have the plan's dtype policy, where it has one."""
    before = keras.config.dtype_policy()
    if plan.precision != "float32":
        keras.config.set_dtype_policy(plan.precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def prepare(plan: Plan) -> Prepared:
    """Load the data, build and compile the model.

    Raises:
        DataUnavailable: the data is not here and cannot be had.
        InvalidDocument: the plan asks for what the model cannot be given.
    """
    data = datasets.load(plan.data.name)
    with weights.deterministic_build(), precision_of(plan):
        model = with_own_updates(plan, build_model(plan))
    without_xla: Any = False  # XLA is left to the compiled engine; Keras' stub knows the string "auto" only
    model.compile(
        optimizer=on_one_device(controlled(plan, build_optimizer(plan.optimizer), model)),
        loss=datasets.loss_of(data, catalog.datasets()[plan.data.name].task),
        metrics=list(plan.metrics),
        jit_compile=without_xla,
    )
    model.optimizer.build(model.trainable_variables)
    return Prepared(model, data, lambda: build_model(plan), Dials(plan, model))
