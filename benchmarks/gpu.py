"""The engine on a GPU: stacks of 1 to 256, an MLP and a CNN, single and mixed precision; `python -m benchmarks gpu`.

On a machine without a GPU it says so. The stacking rule for GPUs (`MOST_MEMBERS["gpu"]`) follows from its figures: the
least stack beyond which a test gets no cheaper.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from benchmarks.clocks import in_turn
from benchmarks.plain import WORDS, plain_fit
from benchmarks.plans import image_run, range_test
from benchmarks.rows import Comparison, comparisons, markdown, shown, speed_up
from benchmarks.scaling import stacked_seconds
from lrsearch.training.keras import default_trainer
from lrsearch.training.keras.compiled import CompiledTrainer, stacking
from lrsearch.training.keras.environment import device_name

TITLE = "On a GPU"
STACKS = tuple(4**power for power in range(5))
POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
SAVED = 0.05
"""A larger stack pays when a test in it costs at least so much less."""
WORKS: dict[str, tuple[Callable[..., Any], int]] = {"blobs_mlp": (range_test, 1_000), "mnist_cnn": (image_run, 24)}
"""Model -> its plan and its number of steps."""


def report(quick: bool = False) -> str:
    """The tables as Markdown; without a GPU one sentence, unless a little is to be done anywhere (quick)."""
    if device_name() == "cpu" and not quick:
        return (
            "Not measured on GPU: TensorFlow sees none on this machine. On one that has a GPU this command measures it."
        )
    sizes = (1, 2) if quick else STACKS
    parts = [f"Device: {device_name()}. Reference: {WORDS}. Wall-clock seconds, warm.", comparisons(_fits(quick))]
    return "\n\n".join([*parts, *(_stacks(model, sizes, quick) for model in WORKS)])


def _fits(quick: bool) -> list[Comparison]:
    return [_fit(model, policy, quick) for model in WORKS for policy in (POLICIES[:1] if quick else POLICIES)]


def _fit(model: str, policy: str, quick: bool) -> Comparison:
    """One model in one precision, on the engine that the rule chooses."""
    plan = _plan(model, quick)
    with precision(policy):
        trainer = default_trainer()
        engine = trainer.train([plan])[0].engine
        fit, ours = in_turn([lambda: plain_fit(plan), lambda: trainer.train([plan])], 1 if quick else 5)
    name = f"`{model}`, {plan.steps:,} steps of batch {plan.batch_size}, {policy}, engine {engine}"
    return speed_up(name, fit, ours)


def _plan(model: str, quick: bool) -> Any:
    plan, steps = WORKS[model]
    return plan(steps=2 if quick else steps)


def _stacks(model: str, sizes: Sequence[int], quick: bool) -> str:
    """Seconds and memory of stacks of every size, and the size the stacking rule should allow."""
    plan, steps = WORKS[model]
    columns: dict[str, list[float]] = {}
    for policy in POLICIES:
        with precision(policy), anything_stacks():
            if CompiledTrainer().reason_against(plan(steps=2)) is not None:
                continue
            columns[policy] = [stacked_seconds(plan, size, 2 if quick else steps) for size in sizes]
    cells = [
        (f"{size}", *(shown(values[at] / size, "s") for values in columns.values())) for at, size in enumerate(sizes)
    ]
    head = (f"`{model}`, tests in the stack", *(f"{policy}, a test" for policy in columns))
    best = best_stack(sizes, columns["float32"])
    rule = f"The stack that pays for `{model}` in float32: {best}. Peak memory of the device so far: {_peak()}."
    return f"{markdown(head, cells)}\n\n{rule}"


def best_stack(sizes: Sequence[int], measured: Sequence[float]) -> int:
    """The least size beyond which a test gets less than `SAVED` cheaper.

    Example:
        >>> best_stack([1, 4, 16], [1.0, 1.2, 4.8])
        4
    """
    each = np.divide(measured, sizes)
    return next(size for size, cost in zip(sizes, each, strict=True) if cost <= min(each) / (1 - SAVED))


def _peak() -> str:
    if not tf.config.list_physical_devices("GPU"):
        return "no GPU"
    return shown(tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20, "MiB")


@contextmanager
def anything_stacks() -> Iterator[None]:
    """Let the engine stack convolutions too, which it does not on a CPU: whether a GPU gains by it is the question."""
    before = stacking.VECTORISED
    stacking.VECTORISED = before | {"Conv2D", "MaxPooling2D"}
    try:
        yield
    finally:
        stacking.VECTORISED = before


@contextmanager
def precision(policy: str) -> Iterator[None]:
    """Models built in this block compute in this precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
