"""One or two fields of a training varied, by pointer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lrsearch.errors import Problem
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.grid import Grid, Vary, is_number
from lrsearch.experiments.sweep import Setting, Sweep
from lrsearch.schedules import AnySchedule
from lrsearch.training.plan import AnyOptimizer


class HyperparameterSweep(Sweep):
    """Train with every value of a field (of two: with every pair), each with the same seeds, and rank the settings."""

    cites: ClassVar[tuple[str, ...]] = (
        "Schmidt et al. 2021, Descending through a Crowded Valley, arXiv:2007.01547 (ten seeds, the danger zone).",
    )

    kind: Literal["hyperparameter_sweep"] = "hyperparameter_sweep"
    optimizer: AnyOptimizer
    schedule: AnySchedule | None = None
    """Left out: the constant rate `optimizer.learning_rate`, or Keras' default."""
    vary: Annotated[list[Vary], Field(min_length=1, max_length=2)]
    """One or two fields."""

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        return Grid(self.base_document(), self.vary).settings()

    def members(self) -> tuple[list[Setting], list[Problem]]:
        """A setting for every value or pair of values; every value that its field refuses."""
        return self._members

    def setting_flags(self, by_number: Mapping[int, TrialRecord]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """As `Sweep.setting_flags`, and `edge_of_range` for settings at the least or greatest value of a field."""
        flags, notes = super().setting_flags(by_number)
        for vary in self.vary:
            values = [setting.values[vary.pointer] for setting in self.settings]
            if len(set(map(str, values))) < 2 or not all(is_number(value) for value in values):
                continue
            for setting in self.settings:
                if setting.values[vary.pointer] in (min(values), max(values)):
                    flags.setdefault(setting.name, []).append("edge_of_range")
        notes["edge_of_range"] = "The best value is at the edge of the searched range; a better one may lie outside."
        return {name: list(dict.fromkeys(found)) for name, found in flags.items()}, notes
