"""What every suggestion rule takes and answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from lrsearch.curves import Curve


class Verdict(StrEnum):
    """What a range test says. Only `suggestion` comes with a rate; the others say why there is none."""

    SUGGESTION = "suggestion"
    FLAT = "flat"
    MONOTONE = "monotone"
    DIVERGED_AT_ONCE = "diverged_at_once"
    NON_FINITE = "non_finite"
    TOO_FEW_POINTS = "too_few_points"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule's answer.

    Attributes:
        lr: suggested learning rate, or None unless `verdict` is `suggestion`.
        min_lr, max_lr: bounds for a cyclical schedule, or None where the rule has none.
        verdict: the typed outcome.
        why: one sentence: the reason, and for every other verdict what to try next.
        interval: (low, high) of the suggested rate over the repeats, or None with fewer than two suggestions.
    """

    lr: float | None
    min_lr: float | None
    max_lr: float | None
    verdict: Verdict
    why: str
    interval: tuple[float, float] | None = None


class SuggestionRule(ABC):
    """Reads the curve of a range test and answers with a learning rate, or with a reason why it has none."""

    kind: ClassVar[str]
    cites: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def read(self, curve: Curve) -> Suggestion:
        """Answer for one curve. Never raises on a curve."""
