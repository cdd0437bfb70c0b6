"""The one door to Keras and TensorFlow: importing this package loads them."""

from __future__ import annotations

from lrsearch.training.keras.auto_trainer import AutoTrainer
from lrsearch.training.keras.environment import allow_memory_growth
from lrsearch.training.trainer import Trainer

allow_memory_growth()


def default_trainer() -> Trainer:
    """The trainer a worker uses: each plan goes to the engine that suits it."""
    return AutoTrainer()
