"""The trainings that are measured."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

from lrsearch.curves import ramp_rates
from lrsearch.training.keras.datasets import Dataset
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.rows import DATASETS, DatasetRow

IMAGES = "bench_images"


def range_test(steps: int = 1_000, seed: int = 0, **changes: Any) -> Plan:
    """A range test of `blobs_mlp`, batch 5: 100 steps an epoch."""
    return plan("blobs_mlp", "blobs", 5, ramp_rates(1e-6, 1.0, steps), seed=seed, **changes)


def lecture_run(epochs: int = 128) -> Plan:
    """What the lecture's notebook trains again and again: `blobs_mlp`, batch 256, 2 steps an epoch, tested every epoch."""
    return plan(
        "blobs_mlp", "blobs", 256, np.full(2 * epochs, 0.01), metrics=("accuracy",), validation=Validation(None)
    )


def image_run(steps: int = 24, batch_size: int = 250, **changes: Any) -> Plan:
    """`mnist_cnn` on images of Fashion-MNIST's shape: one epoch of 24 steps."""
    return plan("mnist_cnn", random_images(), batch_size, np.full(steps, 1e-3), optimizer="adam", **changes)


def wide_run(width: int, steps: int = 180) -> Plan:
    """Two hidden layers of a width on `digits`, batch 32: 45 steps an epoch."""
    return plan("tabular_mlp", "digits", 32, ramp_rates(1e-6, 1e-2, steps), params={"units": [width, width]})


def plan(
    model: str,
    data: str,
    batch_size: int,
    rates: Any,
    *,
    optimizer: str = "sgd",
    params: dict[str, Any] | None = None,
    **changes: Any,
) -> Plan:
    """A plan with the defaults of its optimizer."""
    return Plan(
        model=ModelSpec(name=model, params=params or {}),
        data=DataSpec(name=data),
        optimizer=SPECS[optimizer](kind=optimizer),
        batch_size=batch_size,
        rates=rates,
        **{"seed": 0, **changes},
    )


def random_images() -> str:
    """Register 6,000 random images of the shape of Fashion-MNIST, and answer with their name."""

    def load() -> Dataset:
        draw = np.random.default_rng(0)
        x, y = draw.random((6_100, 28, 28, 1), dtype=np.float32), draw.integers(0, 10, 6_100).astype(np.int32)
        return Dataset(x[:6_000], y[:6_000], x[6_000:], y[6_000:])

    module = ModuleType(IMAGES)
    vars(module)["load"] = load
    sys.modules[IMAGES] = module
    DATASETS[IMAGES] = DatasetRow(
        IMAGES, f"{IMAGES}:load", (28, 28, 1), 10, "classification", 6_000, 100, "Noise.", "none"
    )
    return IMAGES
