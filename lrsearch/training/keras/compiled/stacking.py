"""Whether plans may be stacked, by optimizer and model, and what a member of a stack costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lrsearch.training.catalog import OPTIMIZERS, OptimizerRow
from lrsearch.training.keras import weights
from lrsearch.training.keras.compiled.routing import reason_against_compiling
from lrsearch.training.keras.prepared import build_model
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
    """

    against_compiling: str | None
    has_convolutions: bool
    against_stacking: str | None
    bytes_per_member: int


class TraitsTable:
    """Traits by likeness; building a model to look at takes some 40 ms, so they are kept."""

    def __init__(self) -> None:
        self._known: dict[str, Traits] = {}

    def of(self, likeness: str, plan: Plan) -> Traits:
        """Traits of all plans alike to this one."""
        if likeness not in self._known:
            if len(self._known) >= MOST_TRAITS:
                self._known.clear()
            self._known[likeness] = traits_of(plan)
        return self._known[likeness]


MOST_TRAITS = 256
"""Likenesses remembered."""


def traits_of(plan: Plan) -> Traits:
    """Look at the plan's model and optimizer."""
    with weights.deterministic_build():
        model = build_model(plan)
    return Traits(
        against_compiling=reason_against_compiling(model),
        has_convolutions=has_convolutions(model),
        against_stacking=reason_against_stacking(model, OPTIMIZERS[plan.optimizer.kind]),
        bytes_per_member=bytes_per_member(model, plan.batch_size),
    )


def _size(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([size or 1 for size in shape[1:]]))


def _layers(model: keras.Model) -> list[Any]:
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
