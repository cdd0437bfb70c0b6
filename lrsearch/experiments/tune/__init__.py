"""Job kind `tune`: from a model and data to a rate, a schedule and an optimizer, by way of linked jobs."""

from __future__ import annotations

from lrsearch.experiments.tune.document import Tune

__all__ = ["Tune"]
