"""The input of one training: what to train, on what, at which rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.curves import DivergenceRule
from lrsearch.spec import Spec
from lrsearch.training.optimizer_specs import AnyOptimizer, OptimizerSpec

__all__ = [
    "AnyOptimizer",
    "BuiltinData",
    "BuiltinModel",
    "Checkpoint",
    "DataSpec",
    "ModelSpec",
    "OptimizerSpec",
    "Plan",
    "Validation",
]


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

    @property
    def steps(self) -> int:
        """Number of updates."""
        return len(self.rates)
