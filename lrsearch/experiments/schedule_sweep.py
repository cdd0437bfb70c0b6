"""Schedules compared: a list of them, or a grid over their fields."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from lrsearch.errors import Problem
from lrsearch.experiments.grid import Grid, Vary
from lrsearch.experiments.naming import distinct_names
from lrsearch.experiments.sweep import MOST_TRIALS, Setting, Sweep
from lrsearch.schedules import AnySchedule
from lrsearch.training.plan import AnyOptimizer


class ScheduleSweep(Sweep):
    """Train under every schedule, each with the same seeds and the same number of updates, and rank them.

    With `vary`, every schedule is trained with every value of the fields it names: a grid.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Li et al. 2020, Budgeted Training, arXiv:1905.04753 (schedules compared at equal budgets).",
        "Chen et al. 2022, REX, arXiv:2107.04197.",
    )

    kind: Literal["schedule_sweep"] = "schedule_sweep"
    optimizer: AnyOptimizer
    schedules: Annotated[list[AnySchedule], Field(min_length=1, max_length=MOST_TRIALS)]
    """What is compared."""
    vary: Annotated[list[Vary], Field(max_length=2)] = Field(default=[])
    """Fields of all the schedules, for example /schedule/max_lr, and their values."""

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        documents = [schedule.model_dump(mode="json") for schedule in self.schedules]
        names, found = distinct_names(documents, "/schedules")
        settings: list[Setting] = []
        for index, (name, document) in enumerate(zip(names, documents, strict=True)):
            made, problems = Grid(self.base_document() | {"schedule": document}, self.vary).settings()
            found += [problem.moved(f"/schedules/{index}", of="/schedule") for problem in problems]
            settings += [self._named(name, document, setting) for setting in made]
        return settings, list({(problem.pointer, problem.rule, problem.message): problem for problem in found}.values())

    def members(self) -> tuple[list[Setting], list[Problem]]:
        """A setting for every schedule, with `vary` for every schedule and value."""
        return self._members

    def _named(self, name: str, document: dict[str, Any], setting: Setting) -> Setting:
        values: dict[str, Any] = {"/schedule": document} | dict(setting.values)
        return Setting(f"{name}, {setting.name}" if self.vary else name, values, setting.training)
