"""Names of a model's layers that are the same in every process."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import keras
from keras.src.utils.naming import to_snake_case  # Keras has no public way from a class to the name it makes


def named_layers(model: keras.Model) -> list[tuple[str, Any]]:
    """The layers that have trainable weights of their own, in the order they were added, each with its name.

    A name that Keras made counts the layers of the process (`dense_17`); here it counts those of the model: the first
    `dense`, the second `dense_1`. A name that the builder gave stays.
    """
    counts: Counter[str] = Counter()
    found: list[tuple[str, Any]] = []
    for layer in _flat(model):
        made = to_snake_case(type(layer).__name__)
        name = layer.name
        if re.fullmatch(rf"{re.escape(made)}(_\d+)?", name):
            name = f"{made}_{counts[made]}" if counts[made] else made
            counts[made] += 1
        if layer.trainable_variables:
            found.append((name, layer))
    return found


def _flat(model: Any) -> list[Any]:
    """All layers below the model, those of models inside it in their place; a layer that holds others counts as one."""
    layers: list[Any] = []
    for layer in model.layers:
        layers += _flat(layer) if isinstance(layer, keras.Model) else [layer]
    return list({id(layer): layer for layer in layers}.values())
