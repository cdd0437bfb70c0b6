"""Range tests of single layer groups: one ramp a group, while all other layers stay at their rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrsearch.errors import Problem
from lrsearch.experiments.training_fields import matching_problems, optimizer_problems
from lrsearch.suggestions.base import Suggestion
from lrsearch.training.layer_groups import LayerGroups
from lrsearch.training.plan import Plan

if TYPE_CHECKING:
    from lrsearch.experiments.range_test import RangeTest

MOST_RATIO: Final = 1e12
"""Greatest ratio of the rate of the other layers to the ramp's first: their rate is the ramp's times a float32."""


def tested(groups: LayerGroups) -> list[int]:
    """Places of the groups that have a ramp: all but those that stand still, whose multiplier is 0."""
    return [place for place, multiplier in enumerate(groups.base_multipliers()) if multiplier > 0]


def together(plan: Plan, groups: LayerGroups) -> Plan:
    """The plan with the ramp's rate times the multiplier in each group."""
    multipliers = np.tile([*groups.base_multipliers(), 1.0], (plan.steps, 1))
    return replace(plan, groups=tuple(groups.groups), multipliers=multipliers)


def alone(plan: Plan, groups: LayerGroups, place: int, others_lr: float) -> Plan:
    """The plan with the ramp in the group at a place; all other layers train at `others_lr` times their multipliers."""
    base = np.array([*groups.base_multipliers(), 1.0])
    multipliers = others_lr * base[None, :] / plan.rates[:, None]
    multipliers[:, place] = 1.0
    return replace(plan, groups=tuple(groups.groups), multipliers=multipliers)


def group_problems(document: RangeTest) -> list[Problem]:
    """What is wrong with the layer groups of a range test, for its optimizer and its model."""
    groups, found = document.layer_groups, list[Problem]()
    if groups is None:
        return []
    if groups.phases:
        message = "A range test has no phases; groups that stand still all the while have the multiplier 0."
        action = "Remove the phases."
        found.append(Problem("/layer_groups/phases", "no_phases", len(groups.phases), message, action))
    if document.per_group and not tested(groups):
        message = "per_group is true, and every group has the multiplier 0, with which it stands still."
        action = "Give the groups to be tested a multiplier above 0."
        found.append(Problem("/layer_groups/groups", "one_group_moves", len(groups.groups), message, action))
    start = document.ends()[0]
    if document.others_lr > start * MOST_RATIO:
        message = f"others_lr is {document.others_lr:g}, more than {MOST_RATIO:g} times start_lr ({start:g})."
        action = f"Use a start_lr of at least {document.others_lr / MOST_RATIO:.2g}."
        found.append(Problem("/start_lr", "within_float32", start, message, action))
    return found + optimizer_problems(document.optimizer) + matching_problems(groups, document.model)


def training_fields(groups: LayerGroups, asked: Suggestion, answers: Mapping[int, Suggestion]) -> dict[str, Any] | None:
    """What a training document takes to train by these suggestions; None where a group or the whole has none.

    A group that moves alone bears a greater rate than beside others, so that the groups' own suggestions say how their
    rates relate, and the ramps of all layers say how high they are together: the geometric mean over the groups stays.

    Args:
        groups: of the document.
        asked: what the ramps of all layers suggest.
        answers: place of a group -> what its own ramps suggest.
    """
    rates = {place: answer.lr for place, answer in answers.items() if answer.lr is not None}
    if asked.lr is None or len(rates) < len(answers):
        return None
    base = groups.base_multipliers()
    level = np.mean([np.log(base[place]) - np.log(rate) for place, rate in rates.items()])
    rows: list[dict[str, Any]] = []
    for place, group in enumerate(groups.groups):
        factor = float(np.exp(np.log(rates[place]) + level)) if place in rates else base[place]
        chosen = group.model_dump(mode="json", exclude={"multiplier"}, exclude_none=True)
        rows.append(chosen | {"multiplier": float(f"{factor:.4g}")})
    return {"learning_rate": asked.lr, "layer_groups": {"groups": rows}}
