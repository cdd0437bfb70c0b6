"""Whether plans may be stacked, by optimizer and model, and what a member of a stack costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lrsearch.training.catalog import OPTIMIZERS, OptimizerRow
from lrsearch.training.keras.compiled.model_shelf import ModelShelf
from lrsearch.training.keras.compiled.routing import reason_against_compiling
from lrsearch.training.plan import Plan

VECTORISED = frozenset(
    {
        "Activation",
        "BatchNormalization",
        "Dense",
        "Dropout",
        "ELU",
        "Flatten",
        "InputLayer",
        "LayerNormalization",
        "LeakyReLU",
        "ReLU",
        "Reshape",
        "Rescaling",
        "Softmax",
    }
)
"""Layers proved to compute the same in a stack, faster than one by one; convolutions gain nothing on a CPU."""


ALONE = VECTORISED - {"BatchNormalization"} | {"ExactDropout"}
"""Layers that treat each sample as if there were no others."""
MEANS = frozenset({"accuracy", "mean_absolute_error"})
"""Metrics that are means over samples, each of which may be left out."""


def takes_padding(model: keras.Model, plan: Plan) -> bool:
    """Whether a batch may be filled up with samples that do not count: none acts on another, in layers or metrics."""
    layers = _layers(model)
    is_apart = {type(layer).__name__ for layer in layers} <= ALONE
    has_penalties = any(getattr(layer, "activity_regularizer", None) is not None for layer in layers)
    return is_apart and not has_penalties and plan.accumulation_steps == 1 and MEANS.issuperset(plan.metrics)


def has_convolutions(model: keras.Model) -> bool:
    """Whether a layer of the model is a convolution of any kind."""
    return any("Conv" in base.__name__ for layer in _layers(model) for base in type(layer).__mro__)


def reason_against_stacking(model: keras.Model, optimizer: OptimizerRow) -> str | None:
    """Why plans of this model and optimizer are trained one by one, or None when they may be stacked."""
    if not optimizer.may_stack:
        return f"{optimizer.keras_class} is not proved equal in a stack"
    odd = sorted({type(layer).__name__ for layer in _layers(model)} - VECTORISED)
    return f"{', '.join(odd)} gain nothing in a stack, or are not proved equal in one" if odd else None


def bytes_per_member(model: keras.Model, batch_size: int) -> int:
    """State of one member, with up to three slots a weight, and the outputs of its layers on one batch."""
    weights = sum(int(np.prod(variable.shape)) for variable in model.variables)
    outputs = sum(_size(layer.output.shape) for layer in _layers(model) if hasattr(layer, "output"))
    return 4 * (4 * weights + batch_size * outputs)


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides how plans of one kind are trained.

    Attributes:
        against_compiling: why they are left to `model.fit`, None when they are not.
        has_convolutions: whether the model has convolutions.
        against_stacking: why they are trained one by one, None when they may be stacked.
        bytes_per_member: what a member of a stack costs, roughly.
        weights: numbers that are trained or kept, of one member.
        takes_padding: whether batches may be filled up with samples that do not count.
    """

    against_compiling: str | None
    has_convolutions: bool
    against_stacking: str | None
    bytes_per_member: int
    weights: int
    takes_padding: bool


class TraitsTable:
    """Traits by likeness; looking at a model takes some milliseconds, so they are kept.

    Args:
        shelf: has the models.
    """

    def __init__(self, shelf: ModelShelf) -> None:
        self._shelf = shelf
        self._known: dict[str, Traits] = {}

    def of(self, likeness: str, plan: Plan) -> Traits:
        """Traits of all plans alike to this one."""
        if likeness not in self._known:
            if len(self._known) >= MOST_TRAITS:
                self._known.clear()
            self._known[likeness] = traits_of(self._shelf.get(plan, is_functional=False), plan)
        return self._known[likeness]


MOST_TRAITS = 256
"""Likenesses remembered."""


def traits_of(model: keras.Model, plan: Plan) -> Traits:
    """Look at the plan's model and optimizer."""
    return Traits(
        against_compiling=reason_against_compiling(model),
        has_convolutions=has_convolutions(model),
        against_stacking=reason_against_stacking(model, OPTIMIZERS[plan.optimizer.kind]),
        bytes_per_member=bytes_per_member(model, plan.batch_size),
        weights=model.count_params(),
        takes_padding=takes_padding(model, plan),
    )


def _size(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([size or 1 for size in shape[1:]]))


def _layers(model: keras.Model) -> list[Any]:
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
