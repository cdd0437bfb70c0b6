"""Paste-ready Keras code for a result: what a person does with the answer."""

from __future__ import annotations

from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.plan import OptimizerSpec


def optimizer_code(optimizer: OptimizerSpec, learning_rate: str) -> str:
    """One line that builds the optimizer in Keras; `learning_rate` is an expression."""
    arguments = [f"learning_rate={learning_rate}"]
    arguments += [f"{name}={value!r}" for name, value in optimizer.hyperparameters().items()]
    row = catalog.optimizers()[optimizer.kind]
    return f"optimizer = keras.optimizers.{row.keras_class}({', '.join(arguments)})"


def range_test_code(optimizer: OptimizerSpec, suggestion: Suggestion) -> str | None:
    """Keras code that trains at the suggested rate, or None without a suggestion."""
    if suggestion.lr is None:
        return None
    lines = ["import keras", "", optimizer_code(optimizer, f"{suggestion.lr:.4g}")]
    if suggestion.min_lr is not None and suggestion.max_lr is not None:
        lines.append(f"# bounds for a cyclical schedule: {suggestion.min_lr:.4g} to {suggestion.max_lr:.4g}")
    return "\n".join(lines) + "\n"
