"""Callbacks for anybody's `model.fit`; `from lrsearch.callbacks import ...` is their public door."""

from __future__ import annotations

from lrsearch.training.keras.callbacks.find_on_plateau import FindOnPlateau
from lrsearch.training.keras.callbacks.learning_rate_monitor import LearningRateMonitor
from lrsearch.training.keras.callbacks.one_cycle import OneCycle
from lrsearch.training.keras.callbacks.range_test import RangeTest
from lrsearch.training.keras.callbacks.reduce_on_plateau import ReduceOnPlateau
from lrsearch.training.keras.callbacks.schedule_callback import ScheduleCallback
from lrsearch.training.keras.callbacks.stop_on_divergence import StopOnDivergence
from lrsearch.training.keras.callbacks.warm_restarts import WarmRestarts

CALLBACKS = (
    RangeTest,
    ScheduleCallback,
    OneCycle,
    WarmRestarts,
    ReduceOnPlateau,
    FindOnPlateau,
    LearningRateMonitor,
    StopOnDivergence,
)
"""Every callback of the suite."""

__all__ = [
    "CALLBACKS",
    "FindOnPlateau",
    "LearningRateMonitor",
    "OneCycle",
    "RangeTest",
    "ReduceOnPlateau",
    "ScheduleCallback",
    "StopOnDivergence",
    "WarmRestarts",
]
