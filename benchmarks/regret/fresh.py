"""Tasks on data that nothing was tuned on: what the default rule is worth where nobody looked.

They were written down before the first of them was measured, and no number of the product was changed after it.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.regret.tasks import OPTIMIZERS, Family, Task


def _mlp(
    name: str, units: list[int], batch_size: int, updates: int, *, bn: bool = False, dropout: float = 0.0
) -> Family:
    params: dict[str, Any] = {"units": units, "batch_norm": bn, "dropout": dropout}
    return Family(name, name, "tabular_mlp", name, batch_size, updates, params)


FAMILIES: Final = (
    _mlp("classes5", [64], 32, 300),
    _mlp("friedman", [64, 64], 32, 300),
    _mlp("moons", [16, 16], 16, 250),
    _mlp("fashion_standardised", [96, 96], 128, 200, bn=True),
    _mlp("friedman_raw", [32], 16, 250),
    _mlp("circles", [32], 50, 300, dropout=0.2),
    _mlp("digits_raw", [64, 32], 50, 250),
    _mlp("gaussian_shells", [48, 24], 24, 300),
    _mlp("linear", [8], 10, 250),
    _mlp("imbalanced", [24, 24, 24], 64, 300),
    _mlp("digits_few", [128], 10, 300, dropout=0.4),
    _mlp("swiss_roll", [128], 64, 400),
)
"""Each on a data set of its own; two have numbers in the hundreds, as data has that nobody scaled."""
OPTIMIZERS_OF_A_FAMILY: Final = 3
"""The families take turns, as in `benchmarks.regret.tasks`; Nadam is among them, which no other task has."""


def tasks() -> list[Task]:
    """All fresh tasks: every family once before any of them twice."""
    names = list(OPTIMIZERS)
    return [
        Task(family, names[(OPTIMIZERS_OF_A_FAMILY * number + turn) % len(names)])
        for turn in range(OPTIMIZERS_OF_A_FAMILY)
        for number, family in enumerate(FAMILIES)
    ]
