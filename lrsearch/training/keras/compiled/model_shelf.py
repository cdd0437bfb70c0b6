"""Models that programs share: building one takes longer than training it for a hundred updates."""

from __future__ import annotations

import json
from collections import OrderedDict

import keras

from lrsearch.training.keras import weights
from lrsearch.training.keras.compiled.canonical_dense import make_canonical
from lrsearch.training.keras.compiled.exact_dropout import make_exact
from lrsearch.training.keras.environment import device_name
from lrsearch.training.keras.prepared import build_model
from lrsearch.training.plan import Plan

MOST_MODELS = 8
"""Models kept; a program that is kept keeps its own anyway."""


class ModelShelf:
    """The models built last, at most `size` of them. Their variables are scratch paper: no state outlives a chunk in them."""

    def __init__(self, size: int = MOST_MODELS) -> None:
        self._size = size
        self._models: OrderedDict[tuple[str, bool], keras.Model] = OrderedDict()

    def get(self, plan: Plan, *, is_functional: bool) -> keras.Model:
        """The model of a plan.

        Args:
            plan: any plan of the model on its data.
            is_functional: whether it is for updates that XLA compiles or that are stacked: its dropout draws masks that both leave
                as they are, and on a CPU its dense layers have gradients that XLA is fast at.
        """
        key = (model_key(plan), is_functional)
        if key not in self._models:
            while len(self._models) >= self._size:
                self._models.popitem(last=False)
            self._models[key] = _built(plan, is_functional=is_functional)
        self._models.move_to_end(key)
        return self._models[key]


def model_key(plan: Plan) -> str:
    """What plans of one model share."""
    return json.dumps([plan.model.model_dump(), plan.data.name, keras.config.dtype_policy().name], sort_keys=True)


def _built(plan: Plan, *, is_functional: bool) -> keras.Model:
    with weights.deterministic_build():
        model = build_model(plan)
    if is_functional:
        make_exact(model)
        if device_name() == "cpu":
            make_canonical(model)
    return model
