"""The tasks: models x data x optimizers, each with its batch size and its number of updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

OPTIMIZERS: Final[dict[str, dict[str, Any]]] = {
    "sgd": {"kind": "sgd"},
    "sgd_momentum": {"kind": "sgd", "momentum": 0.9},
    "adam": {"kind": "adam"},
    "adamw": {"kind": "adamw"},
    "rmsprop": {"kind": "rmsprop"},
    "adagrad": {"kind": "adagrad"},
    "adamax": {"kind": "adamax"},
    "adadelta": {"kind": "adadelta"},
    "lion": {"kind": "lion"},
    "nadam": {"kind": "nadam"},
}
"""Name in the report -> optimizer document."""
TURNS: Final = tuple(name for name in OPTIMIZERS if name != "nadam")
"""Those the families take turns with; Nadam is kept for the fresh tasks."""


@dataclass(frozen=True, slots=True)
class Family:
    """A model on data, trained with several optimizers.

    Attributes:
        name: what the report calls it.
        group: families of one group are never on both sides of a cross-validation split: one data set each.
        model, params, data: rows of the catalog, or of `benchmarks.regret.rows`.
        is_slow: convolutions, which do not stack on a CPU: measured last.
    """

    name: str
    group: str
    model: str
    data: str
    batch_size: int
    updates: int
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    is_slow: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One family under one optimizer."""

    family: Family
    optimizer: str

    @property
    def name(self) -> str:
        """What files and tables call it."""
        return f"{self.family.name}-{self.optimizer}"


def _tabular(
    name: str, data: str, units: list[int], batch_size: int, updates: int, *, bn: bool = False, dropout: float = 0.0
) -> Family:
    params: dict[str, Any] = {"units": units, "batch_norm": bn, "dropout": dropout}
    return Family(name, data, "tabular_mlp", data, batch_size, updates, params)


FAMILIES: Final = (
    Family("blobs", "blobs", "blobs_mlp", "blobs", 32, 300),
    Family("digits", "digits", "digits_mlp", "digits", 32, 300),
    _tabular("wine", "wine", [32], 16, 200),
    _tabular("cancer", "breast_cancer", [32], 32, 200),
    _tabular("diabetes", "diabetes", [32], 32, 300),
    _tabular("iris", "iris", [32], 16, 200),
    _tabular("fashion", "fashion_small_flat", [128], 64, 300),
    _tabular("digits_bn", "digits", [64, 64], 64, 200, bn=True),
    _tabular("wine_dropout", "wine", [64], 16, 300, dropout=0.5),
    _tabular("cancer_deep", "breast_cancer", [16, 16, 16, 16], 32, 300),
    _tabular("diabetes_bn", "diabetes", [64], 32, 300, bn=True),
    _tabular("iris_deep", "iris", [16, 16, 16], 16, 400),
    Family("blobs_batch_5", "blobs", "blobs_mlp", "blobs", 5, 400),
    _tabular("fashion_deep", "fashion_small_flat", [64, 64, 64], 32, 300),
    _tabular("digits_dropout", "digits", [128], 32, 300, dropout=0.3),
    _tabular("wine_bn", "wine", [64, 64], 32, 300, bn=True),
    _tabular("cancer_bn_dropout", "breast_cancer", [64], 64, 300, bn=True, dropout=0.3),
    _tabular("diabetes_wide", "diabetes", [128, 128], 32, 200),
    _tabular("iris_full_batch", "iris", [8], 120, 300),
    Family("blobs_batch_256", "blobs", "blobs_mlp", "blobs", 256, 256),
    _tabular("digits_deep", "digits", [32, 32, 32, 32, 32], 64, 400),
    _tabular("digits_wide", "digits", [512], 64, 200),
    Family("digits_cnn", "digits", "keras_mnist_cnn", "digits_images", 32, 200, is_slow=True),
    Family("fashion_cnn", "fashion_small_flat", "mnist_cnn", "fashion_small", 32, 150, is_slow=True),
)
OPTIMIZERS_OF_A_FAMILY: Final = 4
"""Optimizers a family is trained with; the families take turns, so that each optimizer has about as many tasks."""
OPTIMIZERS_OF_A_SLOW_FAMILY: Final = {"digits_cnn": ("adam", "sgd_momentum", "rmsprop"), "fashion_cnn": ("adam", "sgd")}


def tasks() -> list[Task]:
    """All tasks, in the order in which they are measured: every family once before any of them twice."""
    names = TURNS
    fast = [family for family in FAMILIES if not family.is_slow]
    ordered = [
        Task(family, names[(OPTIMIZERS_OF_A_FAMILY * number + turn) % len(names)])
        for turn in range(OPTIMIZERS_OF_A_FAMILY)
        for number, family in enumerate(fast)
    ]
    slow = [family for family in FAMILIES if family.is_slow]
    return ordered + [
        Task(family, optimizer) for family in slow for optimizer in OPTIMIZERS_OF_A_SLOW_FAMILY[family.name]
    ]
