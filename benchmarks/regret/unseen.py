"""Tasks for the verdict on the default rule: written down before the rule was changed, looked at once, at the end.

No data set is one of the other tasks', and no model, but for a width or two.
"""

from __future__ import annotations

from typing import Final

from benchmarks.regret.tasks import Family, Task
from benchmarks.regret.wider import family, turns

FAMILIES: Final = (
    family("checkerboard", [64, 64], 40, 500, activation="elu"),
    family("waveform", [40], 32, 250, activation="relu"),
    family("heavy_tails", [64], 24, 300, activation="relu", batch_norm=True),
    family("robot_arm", [64, 64, 64], 64, 400, activation="silu", residual=True),
    family("fashion_profiles", [64], 128, 200, activation="tanh"),
    family("digits_parity", [32, 32], 16, 150, activation="relu", dropout=0.2),
    family("prices", [32], 16, 300, activation="gelu"),
    family("documents", [64], 32, 200, activation="relu"),
    family("wrong_labels", [64, 64], 64, 300, activation="relu", layer_norm=True),
    Family(
        "fashion_small_cnn",
        "fashion_pictures",
        "small_cnn",
        "fashion_pictures",
        32,
        150,
        {"filters": [12, 24, 24]},
        True,
    ),
)


def tasks() -> list[Task]:
    """All of them: every family once before any of them twice."""
    return turns(FAMILIES, first=2)
