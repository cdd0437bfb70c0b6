"""Settings listed one by one: an optimizer and a schedule each, for job kinds that compare any with any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.sweep import MOST_TRIALS, Setting
from lrsearch.experiments.training import Training, checked
from lrsearch.schedules import AnySchedule
from lrsearch.spec import Spec
from lrsearch.training.plan import AnyOptimizer


class Contender(Spec):
    """An optimizer under a schedule, or at its constant `learning_rate` (left out: Keras' default)."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Unique within the job; left out: made of optimizer, schedule and greatest rate."""
    optimizer: AnyOptimizer
    schedule: AnySchedule | None = None
    """Left out: the constant rate of the optimizer."""


Contenders = Annotated[list[Contender], Field(min_length=1, max_length=MOST_TRIALS)]


def settings_of(
    base: Mapping[str, Any], contenders: Sequence[Contender], pointer: str = "/contenders"
) -> tuple[list[Setting], list[Problem]]:
    """A setting for each contender, and what is wrong, at its place in the list.

    Args:
        base: document of a training, in which optimizer and schedule are put.
        contenders: what is compared.
        pointer: of their list.
    """
    settings: list[Setting] = []
    found: list[Problem] = []
    for index, contender in enumerate(contenders):
        try:
            made = _setting(base, contender)
        except InvalidDocument as error:
            found += [_moved(problem, f"{pointer}/{index}") for problem in error.problems]
            continue
        first = next((place for place, one in enumerate(settings) if one.name == made.name), None)
        if first is not None:
            message = f"Another contender is named {made.name!r} too."
            action = "Remove one of them, or give it a name of its own."
            found.append(Problem(f"{pointer}/{index}/name", "repeated_name", made.name, message, action))
        settings.append(made)
    return settings, list({(one.pointer, one.rule, one.message): one for one in found}.values())


def _setting(base: Mapping[str, Any], contender: Contender) -> Setting:
    document = contender.model_dump(mode="json", exclude_none=True, include={"optimizer", "schedule"})
    training = checked({**base, "schedule": None, **document})
    values = {f"/{name}": value for name, value in document.items()}
    return Setting(contender.name or name_of(training), values, training)


def name_of(training: Training) -> str:
    """Optimizer, schedule and greatest rate in a few words.

    Example:
        >>> from lrsearch.training.plan import BuiltinData, BuiltinModel
        >>> document = {"model": {"name": "digits_mlp"}, "data": {"name": "digits"}, "batch_size": 32, "epochs": 1}
        >>> name_of(Training(**document, optimizer={"kind": "sgd", "momentum": 0.9, "learning_rate": 0.05}))
        'sgd momentum=0.9 constant 0.05'
    """
    optimizer = " ".join(
        [training.optimizer.kind, *(f"{k}={v:g}" for k, v in training.optimizer.hyperparameters().items())]
    )
    schedule = "constant" if training.schedule is None else training.schedule.kind  # pyright: ignore[reportAttributeAccessIssue]
    return f"{optimizer} {schedule} {peak_of(training):.4g}"


def arm_of(training: Training) -> str:
    """The name without the rate: contenders of one arm differ in their rate alone."""
    return name_of(training).rpartition(" ")[0]


def peak_of(training: Training) -> float:
    """The greatest rate of the run."""
    return float(np.max(training.rates()))


def _moved(problem: Problem, place: str) -> Problem:
    if problem.pointer.startswith(("/optimizer", "/schedule")):
        return problem.moved(place)
    return problem
