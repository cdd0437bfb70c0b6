"""From what was drawn to a training: values in their places, and the searched rate as the peak of the schedule."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.grid import shown
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.search.open_schedule import innermost, missing_peak
from lrsearch.experiments.search.ranges import is_object
from lrsearch.experiments.search.space import Dimension, Space
from lrsearch.experiments.training import Training, checked

OPTIMIZER: Final = "/optimizer"
RATE: Final = "/optimizer/learning_rate"


def is_rate(dimension: Dimension) -> bool:
    """Whether a dimension is a learning rate that a range test can bound: the optimizer's, or a schedule's peak."""
    last = parts_of(dimension.place)[-1]
    return dimension.place == RATE or (dimension.place.startswith("/schedule/") and last in {"max_lr", "lr"})


def training_of(space: Space, base: dict[str, Any], drawn: list[tuple[Dimension, Any]]) -> Training:
    """The training of a setting.

    Raises:
        InvalidDocument: everything that is wrong with it, pointing into the job's document where a range is at fault.
    """
    try:
        document = with_peak(space.document(base, drawn))
        training = checked(document)
    except KeyError as error:
        raise InvalidDocument([_no_such_place(drawn, str(error.args[0]))]) from None
    except InvalidDocument as error:
        raise InvalidDocument([_moved(problem, drawn) for problem in error.problems]) from None
    return training


def with_peak(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the optimizer's rate put where its schedule has no greatest rate yet.

    Example:
        >>> with_peak({"optimizer": {"kind": "sgd", "learning_rate": 0.1}, "schedule": {"kind": "cosine"}})
        {'optimizer': {'kind': 'sgd'}, 'schedule': {'kind': 'cosine', 'max_lr': 0.1}}
    """
    optimizer, schedule = document.get("optimizer"), document.get("schedule")
    if not is_object(optimizer) or not is_object(schedule) or optimizer.get("learning_rate") is None:
        return document
    peak = missing_peak(schedule)
    if peak is None:
        return document
    result = copy.deepcopy(document)
    innermost(result["schedule"])[peak] = result["optimizer"].pop("learning_rate")
    return result


def setting_name(number: int, values: Mapping[str, Any]) -> str:
    """A setting's name: its number, and what was drawn.

    Example:
        >>> setting_name(3, {"/optimizer/learning_rate": 0.01, "/schedule": "cosine"})
        '3: learning_rate=0.01, schedule=cosine'
    """
    told = [f"{parts_of(name)[-1]}={shown(value)}" for name, value in values.items()]
    return f"{number}: {', '.join(told)}"


def _no_such_place(drawn: list[tuple[Dimension, Any]], part: str) -> Problem:
    at_fault = next(one for one, _ in drawn if part in parts_of(one.place))
    message = f"{at_fault.place} names no field of this document."
    action = "Correct the pointer; its parts are names of fields and positions in lists, as in /optimizer/momentum."
    return Problem(at_fault.pointer, "no_such_field", at_fault.place, message, action)


def _moved(problem: Problem, drawn: list[tuple[Dimension, Any]]) -> Problem:
    """The problem, pointing at the range or the choice that causes it, where one does."""
    inside = [(one, value) for one, value in drawn if f"{problem.pointer}/".startswith(f"{one.place}/")]
    if not inside:
        return problem
    dimension, value = max(inside, key=lambda one: len(one[0].place))
    rest = problem.pointer.removeprefix(dimension.place)
    if problem.rule == "extra_forbidden" and not rest:
        message = f"{dimension.place} names no field of this document."
        action = "Correct the pointer; its parts are names of fields and positions in lists, as in /optimizer/momentum."
        return Problem(dimension.pointer, "no_such_field", dimension.place, message, action)
    if not dimension.options:
        return problem.moved(dimension.pointer, of=dimension.place)
    index = dimension.options.index(dimension.option(value))
    return problem.moved(f"{dimension.pointer}/choices/{index}", of=dimension.place)
