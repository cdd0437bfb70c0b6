"""Controllers: they watch a metric at epoch ends and decide about the learning rate, the weights to keep and the end.

They only decide; the engine and the Keras callbacks carry out. A new controller is one file here and one line in
`AnyController`.
"""

from __future__ import annotations

from typing import Annotated, Final, get_args

from pydantic import Field

from lrsearch.controllers.base import (
    Controller,
    ControllerState,
    Decision,
    KeepRate,
    ProbeRange,
    SaveBest,
    SetRate,
    StopTraining,
)
from lrsearch.controllers.best_checkpoint import BestCheckpoint
from lrsearch.controllers.early_stopping import EarlyStopping
from lrsearch.controllers.find_on_plateau import FindOnPlateau
from lrsearch.controllers.reduce_on_plateau import ReduceOnPlateau

AnyController = Annotated[ReduceOnPlateau | FindOnPlateau | EarlyStopping | BestCheckpoint, Field(discriminator="kind")]
"""Every controller, told apart by `kind`."""

CONTROLLERS: Final[tuple[type[Controller], ...]] = get_args(get_args(AnyController)[0])
"""The registry, in the order of the union."""

__all__ = [
    "CONTROLLERS",
    "AnyController",
    "BestCheckpoint",
    "Controller",
    "ControllerState",
    "Decision",
    "EarlyStopping",
    "FindOnPlateau",
    "KeepRate",
    "ProbeRange",
    "ReduceOnPlateau",
    "SaveBest",
    "SetRate",
    "StopTraining",
]
