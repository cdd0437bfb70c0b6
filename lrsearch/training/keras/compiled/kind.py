"""What changes a compiled computation: plans of one kind share a program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import keras

from lrsearch.training.plan import Plan


@dataclass(frozen=True, slots=True)
class Kind:
    """What changes the compiled computation: plans of one kind share a program.

    Attributes:
        alike: model, data, optimizer with its hyperparameters, metrics and held-out share, as JSON; the batch
            size too, where XLA or a stack needs to know it.
        members: size of the stack, None for a single member without the axis of a stack.
        xla: whether XLA compiles it.
        width: samples that all batches are padded to, None: batches have the plan's size.
    """

    alike: str
    members: int | None
    xla: bool
    width: int | None = None


def is_functional(kind: Kind) -> bool:
    """Whether updates pass their state along instead of keeping it in the model's variables, as XLA and stacks need it."""
    return kind.xla or kind.members is not None


def alike(plan: Plan) -> str:
    """What plans must have in common to be stacked."""
    return _as_key(plan.likeness())


def kind_of(plan: Plan, members: int | None, *, xla: bool, width: int | None = None) -> Kind:
    """The kind of a plan, in a stack or alone, in a program of padded batches where `width` is given."""
    if members is not None or plan.accumulation_steps > 1:
        return Kind(_as_key(plan.likeness()), members, xla)
    if xla:  # which needs to know the size of a batch
        return Kind(_as_key(plan.computation() if width else plan.likeness()), None, True, width)
    return Kind(_as_key(plan.computation()), None, False)


def _as_key(parts: tuple[Any, ...]) -> str:
    return json.dumps((*parts, keras.config.dtype_policy().name), sort_keys=True)
