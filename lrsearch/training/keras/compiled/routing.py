"""Which plans the compiled engine leaves to `model.fit`."""

from __future__ import annotations

import keras

OWN_LOGIC = ("train_step", "test_step", "compute_loss", "compute_metrics")
"""Methods with which a model says itself what a step is; `model.fit` calls them, the compiled loop does not."""


def reason_against_compiling(model: keras.Model) -> str | None:
    """Why plans of this model are trained by `model.fit`, or None when the compiled engine takes them."""
    kind = type(model)
    own = [name for name in OWN_LOGIC if _defining(kind, name) is not _defining(keras.Model, name)]
    if own:
        return f"{kind.__name__} has its own {' and '.join(own)}"
    if len(model.inputs or ()) != 1 or len(model.outputs or ()) != 1:
        return f"{kind.__name__} is not a model of one input and one output"
    policy = keras.config.dtype_policy().name
    return None if policy == "float32" else f"the dtype policy is {policy}; loss scaling is left to Keras"


def _defining(kind: type, name: str) -> type:
    """The class whose version of a method is used; Sequential and Functional override none of ours."""
    return next(base for base in kind.__mro__ if name in vars(base))
