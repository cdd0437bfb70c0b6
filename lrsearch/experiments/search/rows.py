"""A search's stored settings as its figures read them: values, objectives, names, axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lrsearch.experiments.grid import is_number, shown
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.sweep_plots import is_wide

Row: TypeAlias = Mapping[str, Any]
Result: TypeAlias = Mapping[str, Any]
LOG_SPAN = 2.0
"""Positive objectives that span more than this factor are drawn on a logarithmic axis."""


def objective_name(result: Result, index: int = 0) -> str:
    """What is optimized, in words."""
    one = result["objective"][index]
    words = {"end": "", "best": "best ", "auc": "mean "}[one["at"]]
    return words + str(one["metric"]).replace("_", " ")


def better(result: Result) -> int:
    """1 where smaller objectives are better, -1 where greater ones are."""
    return 1 if result["objective"][0]["direction"] == "minimize" else -1


def measured(rows: Sequence[Row]) -> list[Row]:
    """Those that came to their end with a finite objective."""
    return [row for row in rows if row["objective"][0] is not None]


def best_of(result: Result, rows: Sequence[Row]) -> Row | None:
    """The best of those that came to their end."""
    return min(measured(rows), key=lambda row: better(result) * row["objective"][0], default=None)


def value_when_ended(result: Result, row: Row) -> float:
    """A setting's objective; of a pruned one, what it had reached; NaN when it reached nothing."""
    if row["objective"][0] is not None:
        return float(row["objective"][0])
    reached = [float(value) for value in row["intermediate"] if value is not None]
    if row["state"] != "pruned" or not reached:
        return math.nan
    match result["objective"][0]["at"]:
        case "auc":
            return sum(reached) / len(reached)
        case "best":
            return better(result) * min(better(result) * value for value in reached)
        case _:
            return reached[-1]


def is_log(values: Sequence[float]) -> bool:
    """Whether objectives are drawn on a logarithmic axis."""
    return is_wide(values, LOG_SPAN)


def label(words: str, *, is_log: bool) -> str:
    """An axis' label."""
    return words + (" (log scale)" if is_log else "")


def title(told: str, subject: str) -> str:
    """A figure's title: what it tells as a sentence, then model and data.

    Example:
        >>> title("val loss over batch size", "digits_mlp on digits")
        'Val loss over batch size. digits_mlp on digits'
    """
    return f"{told[:1].upper()}{told[1:]}. {subject}"


def short(name: str) -> str:
    """A parameter's name in words; one of an option with the option before it.

    Example:
        >>> short("/optimizer/learning_rate"), short("/schedule/one_cycle/pct_start")
        ('learning rate', 'one cycle pct start')
    """
    parts = parts_of(name)
    return " ".join(parts[-2:] if len(parts) > 2 else parts[-1:]).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the values of a parameter are drawn: numbers where they are, others side by side.

    Attributes:
        names: of the places 0, 1, ..., empty for numbers.
        low, high: least and greatest place.
        is_log: whether ratios count.
    """

    names: tuple[str, ...]
    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> Scale:
        """The scale for these values."""
        if all(is_number(value) for value in values):
            return cls((), float(min(values)), float(max(values)), is_wide([float(value) for value in values]))
        names = tuple(dict.fromkeys(shown(value) for value in values))
        return cls(names, 0.0, max(len(names) - 1.0, 1.0), is_log=False)

    def place(self, value: Any) -> float:
        """Where a value is."""
        return float(self.names.index(shown(value)) if self.names else value)

    def share(self, value: Any) -> float:
        """The same as a share of the axis, 0 to 1; the middle where all are alike."""
        place = self.place(value)
        if self.high <= self.low:
            return 0.5
        if self.is_log:
            return math.log(place / self.low) / math.log(self.high / self.low)
        return (place - self.low) / (self.high - self.low)

    def ends(self) -> str:
        """What the foot and the head of the axis stand for."""
        if self.names:
            return f"{self.names[0]} to {self.names[-1]}"
        return f"{self.low:.3g} to {self.high:.3g}" + (" (log)" if self.is_log else "")
