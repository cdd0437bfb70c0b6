"""The job kinds: one file each, listed here."""

from __future__ import annotations

from lrsearch.experiments.base import Experiment
from lrsearch.experiments.range_test import RangeTest

EXPERIMENTS: tuple[type[Experiment], ...] = (RangeTest,)

AnyExperiment = RangeTest
