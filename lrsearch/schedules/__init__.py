"""Learning-rate schedules: validated specs that are pure functions of the step.

A new schedule is one file here and one line in `AnySchedule`.
"""

from __future__ import annotations

from typing import Annotated, Final, get_args

from pydantic import Field

from lrsearch.schedules.base import Epochs, Length, Schedule, whole_steps
from lrsearch.schedules.constant import Constant
from lrsearch.schedules.cosine import Cosine
from lrsearch.schedules.exp_range import ExpRange
from lrsearch.schedules.exponential import Exponential
from lrsearch.schedules.flat_cosine import FlatCosine
from lrsearch.schedules.inverse_sqrt import InverseSqrt
from lrsearch.schedules.inverse_time import InverseTime
from lrsearch.schedules.linear import Linear
from lrsearch.schedules.one_cycle import OneCycle
from lrsearch.schedules.piecewise import Piecewise
from lrsearch.schedules.polynomial import Polynomial
from lrsearch.schedules.rex import Rex
from lrsearch.schedules.sequential import Sequential
from lrsearch.schedules.slanted_triangular import SlantedTriangular
from lrsearch.schedules.step_decay import StepDecay
from lrsearch.schedules.time_based import TimeBased
from lrsearch.schedules.triangular import Triangular
from lrsearch.schedules.triangular2 import Triangular2
from lrsearch.schedules.warm_restarts import WarmRestarts
from lrsearch.schedules.warmup import Warmup
from lrsearch.schedules.warmup_stable_decay import WarmupStableDecay

AnySchedule = Annotated[
    Constant
    | Linear
    | Polynomial
    | Exponential
    | StepDecay
    | Piecewise
    | InverseTime
    | TimeBased
    | InverseSqrt
    | Cosine
    | WarmRestarts
    | Triangular
    | Triangular2
    | ExpRange
    | OneCycle
    | SlantedTriangular
    | FlatCosine
    | WarmupStableDecay
    | Rex
    | Warmup
    | Sequential,
    Field(discriminator="kind"),
]
"""Every schedule, told apart by `kind`."""

Warmup.model_rebuild(_types_namespace={"AnySchedule": AnySchedule})
Sequential.model_rebuild(_types_namespace={"AnySchedule": AnySchedule})

SCHEDULES: Final[tuple[type[Schedule], ...]] = get_args(get_args(AnySchedule)[0])
"""The registry, in the order of the union."""

__all__ = [
    "SCHEDULES",
    "AnySchedule",
    "Constant",
    "Cosine",
    "Epochs",
    "ExpRange",
    "Exponential",
    "FlatCosine",
    "InverseSqrt",
    "InverseTime",
    "Length",
    "Linear",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "Rex",
    "Schedule",
    "Sequential",
    "SlantedTriangular",
    "StepDecay",
    "TimeBased",
    "Triangular",
    "Triangular2",
    "WarmRestarts",
    "Warmup",
    "WarmupStableDecay",
    "whole_steps",
]
