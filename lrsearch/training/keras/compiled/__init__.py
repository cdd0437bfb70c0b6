"""The compiled, stacked engine."""

from lrsearch.training.keras.compiled.compiled_trainer import CompiledTrainer as CompiledTrainer
