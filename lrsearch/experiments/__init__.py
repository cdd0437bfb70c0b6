"""The job kinds: one file each, listed here."""

from __future__ import annotations

from typing import Annotated, Final, get_args

from pydantic import Field

from lrsearch.experiments.base import Experiment
from lrsearch.experiments.comparison import Comparison
from lrsearch.experiments.hyperparameter_sweep import HyperparameterSweep
from lrsearch.experiments.optimizer_comparison import OptimizerComparison
from lrsearch.experiments.range_test import RangeTest
from lrsearch.experiments.schedule_sweep import ScheduleSweep
from lrsearch.experiments.search import Search
from lrsearch.experiments.successive_halving import SuccessiveHalving
from lrsearch.experiments.training import Training
from lrsearch.experiments.tune import Tune

AnyExperiment = Annotated[
    RangeTest
    | Training
    | ScheduleSweep
    | OptimizerComparison
    | HyperparameterSweep
    | Comparison
    | Search
    | SuccessiveHalving
    | Tune,
    Field(discriminator="kind"),
]
"""Every job document, told apart by `kind`."""

EXPERIMENTS: Final[tuple[type[Experiment], ...]] = get_args(get_args(AnyExperiment)[0])
"""The registry, in the order of the union."""

__all__ = [
    "EXPERIMENTS",
    "AnyExperiment",
    "Comparison",
    "Experiment",
    "HyperparameterSweep",
    "OptimizerComparison",
    "RangeTest",
    "ScheduleSweep",
    "Search",
    "SuccessiveHalving",
    "Training",
    "Tune",
]
