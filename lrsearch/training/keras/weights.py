"""Weights drawn from a seed, and the whole state of a training saved and put back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
SEED_STATE = "seed_generator_state"
"""Name Keras gives the state variable of a SeedGenerator."""
_DROPOUT = 1_000_003
"""Keeps the streams of seed generators apart from those of weights."""


@contextmanager
def deterministic_build(seed: int = 0) -> Iterator[None]:
    """Models built in this block draw their initialisers' seeds from `seed`; the process' random state stays as it was.

    Keras takes the seed of an initialiser that has none from Python's `random`.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def initial_weights(
    model: keras.Model, seed: int, rebuild: Callable[[], keras.Model] | None = None
) -> list[NDArray[Any]]:
    """What `model.weights` start from under a seed: the same layers and seed give the same numbers in every process.

    Variable v of layer l is drawn by the layer's own initialiser with a seed derived from (seed, l, v); layers are
    counted depth first. A seed given to an initialiser is replaced: repeats must differ.

    Args:
        model: a built model; its weights are not touched.
        seed: 0 <= seed < 2^31.
        rebuild: builds the model anew, for layers that do not keep their initialisers as `<variable>_initializer`;
            called only when there is such a layer.

    Raises:
        ValueError: a layer keeps no initialiser and `rebuild` was left out.
    """
    drawn: dict[int, NDArray[Any]] = {}
    unknown: list[str] = []
    # a model behind augmenting layers (`own_updates.Augmented`) starts from the same weights as without them
    for layer_index, layer in enumerate(_layers(getattr(model, "plain", model))):
        for variable_index, variable in enumerate(_own_variables(layer)):
            initializer = _initializer(layer, variable.name)
            if initializer is None:
                unknown.append(variable.path)
            elif id(variable) not in drawn:
                seeded = _seeded(initializer, _derived(seed, layer_index, variable_index))
                drawn[id(variable)] = _array(seeded(variable.shape, dtype=variable.dtype))
    rest = [variable.path for variable in model.weights if id(variable) not in drawn]
    if not rest:
        return [drawn[id(variable)] for variable in model.weights]
    if rebuild is None:
        raise ValueError(f"No initialiser is known of {', '.join(rest)}; keep it as <variable>_initializer.")
    return _with_rebuilt(model, drawn, seed, rebuild)


def _with_rebuilt(
    model: keras.Model, drawn: dict[int, NDArray[Any]], seed: int, rebuild: Callable[[], keras.Model]
) -> list[NDArray[Any]]:
    with deterministic_build(seed):
        fresh = rebuild()
    return [
        drawn.get(id(variable), _array(other)) for variable, other in zip(model.weights, fresh.weights, strict=True)
    ]


def initial_seed_states(model: keras.Model, seed: int) -> list[NDArray[Any]]:
    """States the model's seed generators (dropout, noise, augmentation) start from, in the order of `seed_states`."""
    return [
        np.array([_derived(seed, _DROPOUT, index), 0]).astype(state.dtype)
        for index, state in enumerate(seed_states(model))
    ]


def seed_states(model: keras.Model) -> list[Any]:
    """State variables of the model's seed generators, in the order of its layers."""
    weights = {id(variable) for variable in model.weights}
    return [v for v in model.variables if v.name == SEED_STATE and id(v) not in weights]


def reset(model: keras.Model, seed: int, rebuild: Callable[[], keras.Model] | None = None) -> None:
    """Start over under a seed without building the model anew: weights, seed generators, optimizer, metrics."""
    for variable, value in zip(model.weights, initial_weights(model, seed, rebuild), strict=True):
        variable.assign(value)
    for state, value in zip(seed_states(model), initial_seed_states(model, seed), strict=True):
        state.assign(value)
    if model.optimizer is not None:
        _reset_optimizer(model)
    model.reset_metrics()


def _reset_optimizer(model: keras.Model) -> None:
    """Slots as a new optimizer has them: some (ScheduleFreeAdamW) start as copies of the weights."""
    optimizer: Any = model.optimizer
    fresh = _fresh(optimizer)
    fresh.build(model.trainable_variables)
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    for variable, other in zip(optimizer.variables, fresh.variables, strict=True):
        variable.assign(other)


def _fresh(optimizer: Any) -> Any:
    """A new optimizer of the same class; classes of our own are not registered with Keras, so that an inner one is made here."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        scaled: Any = optimizer
        return keras.optimizers.LossScaleOptimizer(
            _fresh(scaled.inner_optimizer),
            initial_scale=scaled.initial_scale,
            dynamic_growth_steps=scaled.dynamic_growth_steps,
        )
    return type(optimizer).from_config(optimizer.get_config())


def snapshot(model: keras.Model) -> Arrays:
    """A copy of all that changes in training.

    Weights, BatchNorm statistics, seed generators, optimizer slots, iterations, rate, loss scale, metrics.
    """
    return {name: _array(variable) for name, variable in _state(model)}


def restore(model: keras.Model, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put a snapshot back, bit for bit.

    Keras makes metrics at the first batch: those that are not there yet are left out, those the snapshot does not have
    are reset.

    Raises:
        ValueError: the snapshot is of another model or optimizer.
    """
    state = _state(model)
    if {name for name, _ in state if not _is_metric(name)} != {name for name in arrays if not _is_metric(name)}:
        raise ValueError("The snapshot does not have the variables of this model and optimizer.")
    model.reset_metrics()
    for name, variable in state:
        if name in arrays:
            variable.assign(arrays[name])


def _is_metric(name: str) -> bool:
    return name.startswith("metrics/")


def _state(model: keras.Model) -> list[tuple[str, Any]]:
    """Every variable once, under a name that holds in another process too: Keras' own names count instances."""
    optimizer: Any = model.optimizer
    groups: dict[str, list[Any]] = {
        "model": list(model.variables),
        "optimizer": list(optimizer.variables) if optimizer is not None else [],
        "metrics": list(model.metrics_variables),
    }
    seen: set[int] = set()
    state: list[tuple[str, Any]] = []
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                state.append((f"{group}/{index}", variable))
    return state


def _array(value: Any) -> NDArray[Any]:
    """A copy of a variable's or tensor's value; numpy cannot ask Keras variables for one (their __array__ has no copy)."""
    tensor: Any = keras.ops.convert_to_tensor(value)
    return np.array(tensor.numpy())


def _layers(layer: Any) -> Iterator[Any]:
    """The layer and all below it, depth first; a shared layer once for each place."""
    yield layer
    for below in layer._layers:  # Keras has no public way to the layers inside a custom layer
        if isinstance(below, keras.Layer):
            yield from _layers(below)


def _own_variables(layer: Any) -> list[Any]:
    """Weights the layer itself made, without those of layers inside it."""
    below = {id(v) for inner in _layers(layer) if inner is not layer for v in inner.weights}
    return [variable for variable in layer.weights if id(variable) not in below]


_ALIASES = {"recurrent_kernel": "recurrent_initializer", "embeddings": "embeddings_initializer"}


def _initializer(layer: Any, variable: str) -> Any | None:
    """The initialiser the layer keeps for a variable of its own."""
    name = _ALIASES.get(variable, f"{variable}_initializer")
    kept = getattr(layer, name, None)
    return keras.initializers.get(kept) if kept is not None else None


def _seeded(initializer: Any, seed: int) -> Callable[..., Any]:
    """The same initialiser with another seed, where it has one."""
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    return type(initializer).from_config({**config, "seed": seed}) if "seed" in config else initializer


def _derived(*words: int) -> int:
    """A seed of 31 bits from several numbers; independent streams for different numbers."""
    return int(np.random.SeedSequence(words).generate_state(1)[0]) >> 1
