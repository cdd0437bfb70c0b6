"""Further tasks the default rule is designed on: activations, normalisations, lengths and data the first ones lack.

They were measured after the first fresh tasks (`benchmarks.regret.fresh`) had shown where the rule fails.
"""

from __future__ import annotations

from typing import Any, Final

from benchmarks.regret.tasks import OPTIMIZERS, Family, Task


def family(name: str, units: list[int], batch_size: int, updates: int, **params: Any) -> Family:
    """Dense layers on a data set of the same name."""
    return Family(name, name, "varied_mlp", name, batch_size, updates, {"units": units, **params})


FAMILIES: Final = (
    family("spirals", [32, 32], 32, 600, activation="tanh"),
    family("signs", [64], 100, 400, activation="relu"),
    family("friedman3", [32, 32], 20, 300, activation="gelu", layer_norm=True),
    family("fashion_bytes", [64], 64, 200, activation="relu"),
    family("digits_components", [48, 48, 48], 50, 300, activation="relu", layer_norm=True, residual=True),
    family("sparse", [16], 8, 500, activation="relu"),
    family("hastie", [64, 64], 128, 250, activation="relu", batch_norm=True),
    family("two_clothes", [64], 32, 100, activation="relu", dropout=0.3),
    family("sine", [64, 64], 32, 1000, activation="tanh"),
    family("low_rank", [32], 16, 300, activation="gelu"),
    family("classes20", [128], 64, 200, activation="relu"),
    Family("digits_small_cnn", "digits", "small_cnn", "digits_pictures", 32, 200, {"filters": [8, 16]}, is_slow=True),
)
OPTIMIZERS_OF_A_FAMILY: Final = 3


def tasks() -> list[Task]:
    """All of them: every family once before any of them twice; another optimizer begins than in `fresh`."""
    return turns(FAMILIES, first=1)


def turns(families: tuple[Family, ...], first: int) -> list[Task]:
    """Each family with some of the optimizers, which take turns."""
    names = list(OPTIMIZERS)
    return [
        Task(one, names[(OPTIMIZERS_OF_A_FAMILY * number + turn + first) % len(names)])
        for turn in range(OPTIMIZERS_OF_A_FAMILY)
        for number, one in enumerate(families)
    ]
