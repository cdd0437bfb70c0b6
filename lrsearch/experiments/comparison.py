"""Any settings compared: a list of optimizers with their rates or schedules."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

from lrsearch.errors import Problem
from lrsearch.experiments.contenders import Contenders, settings_of
from lrsearch.experiments.sweep import Setting, Sweep


class Comparison(Sweep):
    """Train every contender with the same seeds and the same number of updates, and rank them.

    Unlike the sweeps, contenders may differ in optimizer and schedule at once; nothing is tuned.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Dror et al. 2019, Deep Dominance, ACL 2019, 10.18653/v1/P19-1266 (models compared over seeds).",
    )

    kind: Literal["comparison"] = "comparison"
    contenders: Contenders
    """What is compared."""

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        return settings_of(self.base_document(), self.contenders)

    def members(self) -> tuple[list[Setting], list[Problem]]:
        """A setting for every contender."""
        return self._members
