"""Whether the fall that a range test shows holds on samples that were not seen: memory falls too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrsearch.experiments.base import TrialRecord
from lrsearch.suggestions.base import Suggestion, Verdict, nothing
from lrsearch.training import catalog

Floats = NDArray[np.float64]

POINTS: Final = 25
"""Times the held-out samples are measured along a ramp."""
SEEN: Final = 0.5
"""Share of the training samples a ramp must see to be checked: with less, measuring held-out samples costs more than training."""
LEAST_HELD_OUT: Final = 10
"""Fewest held-out samples that can tell learning from memory; two or three of them tell nothing."""
LEAST_GAIN: Final = 0.05
"""Share of the loss of knowing nothing that must be gained, in some repeat or by the winner of a race; above what any repeat of the
benchmark's noise gains by chance (docs/advice.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutCheck:
    """What the held-out samples say of the repeats of a range test.

    Attributes:
        samples: how many are held out.
        knowing_nothing: shape (repeats,): the lesser of the loss before anything is learned and of the yardstick.
        best: shape (repeats,): least held-out loss of the ramp; NaN where none is finite.
        holds: whether something was `learned` in some repeat: a ramp is short, and from a bad start it may end before it knows
            anything.
        why: one sentence, where it does not hold.
    """

    samples: int
    knowing_nothing: Floats
    best: Floats
    holds: bool
    why: str

    def apply(self, answer: Suggestion) -> Suggestion:
        """The answer, or none where what was learned does not hold."""
        return answer if self.holds or answer.lr is None else nothing(Verdict.UNCONFIRMED, self.why)

    def as_json(self) -> dict[str, Any]:
        """The `check` of a result."""
        return {
            "samples": self.samples,
            "knowing_nothing": [float(value) if np.isfinite(value) else None for value in self.knowing_nothing],
            "best": [float(value) if np.isfinite(value) else None for value in self.best],
            "holds": self.holds,
            "why": self.why,
        }


def judge(curves: Sequence[Floats], samples: int, yardstick: float) -> HeldOutCheck:
    """Judge the held-out losses along the ramps.

    Args:
        curves: the held-out losses of each repeat, in the order of the rates; what is not finite is left out.
        samples: how many samples are held out.
        yardstick: loss of an answer that looks at no sample, infinite where it is not known.

    Example:
        >>> judge([np.array([1.2, 1.1, 0.4])], 30, yardstick=1.0986).holds
        True
        >>> judge([np.array([1.2, 1.1, 1.0975])], 30, yardstick=1.0986).holds
        False
    """
    finite = [curve[np.isfinite(curve)] for curve in curves]
    start = np.array([min(float(curve[0]), yardstick) if len(curve) else np.nan for curve in finite])
    best = np.array([float(curve.min()) if len(curve) else np.nan for curve in finite])
    found = HeldOutCheck(samples, start, best, False, "")
    if samples < LEAST_HELD_OUT:
        why = (
            f"Of so few samples the range test holds out {samples}, too few to tell learning from memory: use more data, or a "
            "greater validation_share."
        )
        return replace(found, why=why)
    known = np.isfinite(best)
    if any(learned(loss, known_before) for loss, known_before in zip(best[known], start[known], strict=True)):
        return replace(found, holds=True)
    gain = float(np.max((start[known] - best[known]) / np.abs(start[known]))) if known.any() else 0.0
    why = (
        f"The training loss falls, but on {samples} held-out samples the loss gets no more than {max(gain, 0.0):.1%} below "
        'that of an answer that looks at no sample: check the labels, use more data, or say "check": false.'
    )
    return replace(found, why=why)


def learned(loss: float, nothing: float) -> bool:
    """Whether a held-out loss is more than `LEAST_GAIN` below that of knowing nothing, as a share of its size.

    Example:
        >>> [learned(loss, 0.693) for loss in (0.664, 0.65)]
        [False, True]
    """
    return loss < nothing - LEAST_GAIN * abs(nothing) if math.isfinite(nothing) else loss < nothing


def knowing_nothing(records: Sequence[TrialRecord], data: str) -> float:
    """Loss of the best answer that looks at no sample, as the trainer told it.

    Where it did not, log(classes) for classes, infinite for other targets. A model that starts out sure of a wrong answer gains by
    unlearning it; on labels of noise that is all it gains.
    """
    known: Any = records[0].facts.get("environment", {}).get("constant_loss") if records else None
    if known is not None:
        return float(known)
    row = catalog.datasets()[data]
    return math.log(row.outputs) if row.task == "classification" and row.outputs > 1 else math.inf


def validated(record: TrialRecord) -> Floats:
    """Held-out losses along a repeat's ramp."""
    return record.arrays.get("validations/val_loss", np.empty(0))
