"""The input of one training: what to train, on what, at which rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.curves import DivergenceRule
from lrsearch.spec import Spec
from lrsearch.training.augmentation import AnyAugmentation
from lrsearch.training.layer_groups import LayerGroup
from lrsearch.training.optimizer_specs import AnyOptimizer, OptimizerSpec
from lrsearch.training.optimizer_table import OPTIMIZERS

__all__ = [
    "AnyOptimizer",
    "BuiltinData",
    "BuiltinModel",
    "Checkpoint",
    "DataSpec",
    "ModelSpec",
    "OptimizerSpec",
    "Plan",
    "Precision",
    "Validation",
]

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
"""Keras' name of a dtype policy."""


STAND_IN: Final = 0.9
"""What an optimizer without momentum is built with where its momentum is an input; any number but 0."""


class BuiltinModel(Spec):
    """A row of the model catalog (ours or an installed package's)."""

    kind: Literal["builtin"] = "builtin"
    name: str
    """Name of the row, see GET /v1/catalog."""
    params: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Parameters of the row's builder, for example `{"units": [64, 64]}` for tabular_mlp."""


class BuiltinData(Spec):
    """A row of the data set catalog (ours or an installed package's)."""

    kind: Literal["builtin"] = "builtin"
    name: str
    """Name of the row, see GET /v1/catalog."""


ModelSpec = BuiltinModel
DataSpec = BuiltinData


@dataclass(frozen=True, slots=True)
class Validation:
    """How a run is validated at every epoch's end: on a held-out share of the training data, or with None on the test set."""

    share: Annotated[float, Field(gt=0, lt=1)] | None
    every_steps: int | None = None
    """Updates from one validation to the next, in the place of epochs' ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything a training needs to go on as if it had never stopped.

    Attributes:
        step: number of updates done.
        arrays: weights, optimizer slots, random state, curve so far; names are the trainer's own.
        facts: JSON-able state beside the arrays: engine, XLA choice, intra-op threads, pack size, controller state.
    """

    step: int
    arrays: dict[str, NDArray[Any]]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One training, completely: the same plan on the same engine gives the same losses.

    Attributes:
        rates: shape (steps,), float64: the learning rate of each update; its length is the number of updates.
        seed: draws the initial weights, the data order and the dropout masks.
        divergence: the rule that stops the run, or None to stop only on a loss that is not finite.
        metrics: names of Keras metrics measured beside the loss, for example ("accuracy",).
        validation: held-out share, or None.
        test: whether to measure the test set at the end.
        engine: `auto` lets the rule choose, the others force an engine.
        resume_from: a checkpoint of the same plan, or None.
        xla: whether XLA compiles the run, None to leave it to the rule (compiled engine only).
        accumulation_steps: batches whose gradients make one update: their mean, each weighted by its samples.
        class_weight: factor on the loss of each class in training; `balanced`: samples / (classes x samples of the class).
        momenta: shape (steps,), float64: momentum of each update (the row's `momentum_name`), None: the optimizer's own.
        groups: layers with a rate of their own.
        multipliers: shape (steps, groups + 1), float64: factor on the rate of each group, and of all other layers.
        precision: dtype policy of the model.
        augmentation: random changes of the samples trained on.
        is_steered: whether the observer may change rates or end the run by what it measures: then it is told of each epoch,
            and the run is not trained far ahead of what it has seen; else an engine may tell it of several epochs at once.
            Changes no number.
    """

    model: ModelSpec
    data: DataSpec
    optimizer: OptimizerSpec
    batch_size: int
    rates: NDArray[np.float64]
    seed: int
    divergence: DivergenceRule | None = None
    metrics: tuple[str, ...] = ()
    validation: Validation | None = None
    test: bool = False
    engine: Literal["auto", "compiled", "fit"] = "auto"
    resume_from: Checkpoint | None = None
    xla: bool | None = None
    accumulation_steps: int = 1
    class_weight: Literal["balanced"] | tuple[tuple[int, float], ...] | None = None
    momenta: NDArray[np.float64] | None = None
    groups: tuple[LayerGroup, ...] = ()
    multipliers: NDArray[np.float64] | None = None
    precision: Precision = "float32"
    augmentation: tuple[AnyAugmentation, ...] = ()
    is_steered: bool = True

    @property
    def steps(self) -> int:
        """Number of updates."""
        return len(self.rates)

    @property
    def update_size(self) -> int:
        """Samples of an update: those of all its batches."""
        return self.batch_size * self.accumulation_steps

    @property
    def controls(self) -> NDArray[np.float64]:
        """What an update takes beside its rate: shape (steps, c); the momentum, then the multipliers, as far as there are."""
        columns = [] if self.momenta is None else [self.momenta[:, None]]
        columns += [] if self.multipliers is None else [self.multipliers]
        return np.concatenate(columns, axis=1) if columns else np.empty((self.steps, 0))

    @property
    def momentum_input(self) -> float | None:
        """The optimizer's momentum, where compiled updates take it as an input; None where it is a part of them.

        0 is: an optimizer without momentum keeps no average of gradients.
        """
        row = OPTIMIZERS[self.optimizer.kind]
        if row.momentum_name is None or not row.momentum_is_factor:
            return None
        return getattr(self.optimizer, row.momentum_name) or None

    def with_inputs(self, *, zero_too: bool = False) -> Plan:
        """The same training with its momentum as one of the numbers of each update.

        Args:
            zero_too: whether a momentum of 0 becomes an input too, at the cost of an average that weighs nothing: the
                bits of the weights are the same.
        """
        row, momentum = OPTIMIZERS[self.optimizer.kind], self.momentum_input
        if self.momenta is not None or not (momentum or (zero_too and row.momentum_is_factor)):
            return self
        stand_in = {} if momentum else {str(row.momentum_name): STAND_IN}
        optimizer = self.optimizer.model_copy(update=stand_in)
        return replace(self, optimizer=optimizer, momenta=np.full(self.steps, momentum or 0.0))

    def likeness(self) -> tuple[Any, ...]:
        """What plans must share to be stacked, JSON-able; seeds, rates, lengths and inputs may differ."""
        return (*self.computation(), self.batch_size)

    def computation(self) -> tuple[Any, ...]:
        """What plans of any batch size must share to be the same computation, JSON-able."""
        optimizer = self.optimizer.model_dump(exclude={"learning_rate"}, exclude_none=True)
        if self.momentum_input is not None:
            optimizer[str(OPTIMIZERS[self.optimizer.kind].momentum_name)] = "input"
        return (
            self.model.model_dump(),
            self.data.model_dump(),
            optimizer,
            self.metrics,
            None if self.validation is None else [self.validation.share],
            self.variant(),
        )

    def variant(self) -> dict[str, Any]:
        """What sets the computation apart from that of a plain plan, JSON-able; empty for a plain one."""
        found: dict[str, Any] = {
            "accumulation_steps": self.accumulation_steps if self.accumulation_steps > 1 else None,
            "class_weight": self.class_weight,
            "cycles_momentum": True if self.momenta is not None else None,
            "groups": [group.model_dump(exclude={"name", "multiplier"}) for group in self.groups] or None,
            "precision": self.precision if self.precision != "float32" else None,
            "augmentation": [change.model_dump() for change in self.augmentation] or None,
        }
        return {name: value for name, value in found.items() if value is not None}
