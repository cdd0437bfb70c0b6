"""Adaptive search over the fields of a training: space, samplers, pruners, budget, and the only door to Optuna."""

from __future__ import annotations

from lrsearch.experiments.search.document import Search
from lrsearch.experiments.search.pruners import PRUNERS
from lrsearch.experiments.search.samplers import SAMPLERS

__all__ = ["PRUNERS", "SAMPLERS", "Search"]
