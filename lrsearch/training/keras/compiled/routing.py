"""Which plans the compiled engine leaves to `model.fit`."""

from __future__ import annotations

import keras

from lrsearch.training.keras.own_updates import own_logic
from lrsearch.training.plan import Plan

MOST_ACCUMULATED = 16
"""Batches of an update; the compiled engine writes them out one after the other, which takes its time to compile."""


def reason_against_compiling(model: keras.Model) -> str | None:
    """Why plans of this model are trained by `model.fit`, or None when the compiled engine takes them."""
    kind = type(model)
    if own := own_logic(model):
        return f"{kind.__name__} has its own {' and '.join(own)}"
    if len(model.inputs or ()) != 1 or len(model.outputs or ()) != 1:
        return f"{kind.__name__} is not a model of one input and one output"
    policy = keras.config.dtype_policy().name
    return None if policy == "float32" else f"the dtype policy is {policy}; loss scaling is left to Keras"


def reason_of_plan(plan: Plan) -> str | None:
    """Why this plan, whatever its model, is trained by `model.fit`, or None."""
    if plan.precision != "float32":
        return f"the precision is {plan.precision}; loss scaling is left to Keras"
    if plan.augmentation:
        return "the samples are augmented, whose random operations have no compiled form"
    if plan.accumulation_steps > MOST_ACCUMULATED:
        return f"{plan.accumulation_steps} batches an update are more than the {MOST_ACCUMULATED} that are compiled"
    return None
