"""Groups of layers with a rate of their own: discriminative rates, freezing and unfreezing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.schedules.base import Epochs, LengthOrZero, whole_steps
from lrsearch.spec import Spec, broken

Floats = NDArray[np.float64]

ULMFIT: Final = 2.6
"""Ratio of the rates of neighbouring groups in ULMFiT."""
MOST_GROUPS: Final = 64
Name = Annotated[str, Field(min_length=1, max_length=100)]
Multiplier = Annotated[float, Field(ge=0, le=1e6, strict=True)]
"""Factor on the rate of a group, >= 0; at 0 its weights stand still."""


class LayerGroup(Spec):
    """Layers with weights, chosen by name, by a pattern or by depth: give exactly one of the three.

    A layer's name is the one its builder gave it, else that of its class, numbered from the second on: `dense`,
    `dense_1`. GET /v1/catalog lists the layers of our own models.
    """

    name: Name
    """What phases and results call the group."""
    layers: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)] | None = None
    """Names of its layers."""
    pattern: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Regular expression that is found in the names of its layers: `^conv` for those that begin so."""
    depth: tuple[Annotated[int, Field(strict=True)], Annotated[int, Field(strict=True)]] | None = None
    """First and last of its layers, counted from 0 at the input; -1 is the one at the output."""
    multiplier: Multiplier = 1.0
    """Factor on the rate, with the spread `explicit`."""

    @model_validator(mode="after")
    def _is_chosen_once(self) -> Self:
        given = [name for name in ("layers", "pattern", "depth") if getattr(self, name) is not None]
        if len(given) != 1:
            raise broken(
                given[1] if given else "pattern",
                "one_choice",
                f"The group {self.name!r} is chosen by {' and '.join(given) or 'nothing'}.",
                "Give exactly one of layers, pattern and depth.",
            )
        return self

    @model_validator(mode="after")
    def _pattern_is_one(self) -> Self:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            message = f"{self.pattern!r} is no regular expression: {error}."
            raise broken("pattern", "regular_expression", message, "Correct it; `^conv` is one.") from None
        return self

    def takes(self, place: int, names: Sequence[str]) -> bool:
        """Whether the layer at a place, among those with weights, is one of the group."""
        if self.layers is not None:
            return names[place] in self.layers
        if self.pattern is not None:
            return re.search(self.pattern, names[place]) is not None
        assert self.depth is not None
        first, last = (end % len(names) if -len(names) <= end < 0 else end for end in self.depth)
        return first <= place <= last


class Phase(Spec):
    """From an update on, these groups are frozen and no others."""

    first_step: LengthOrZero
    """First update of the phase, counted from 0, or `{"epochs": 2}`."""
    frozen: Annotated[tuple[Name, ...], Field(max_length=MOST_GROUPS)] = ()
    """Names of the groups that stand still."""


class LayerGroups(Spec):
    """Groups of layers, from the input to the output, and how their rates relate.

    The rate of a group is the run's times the group's multiplier. It acts on the update, weight decay included, and not
    on the gradient, which Adam and its kin would divide out again. At 0 the weights stand still; the optimizer goes on
    with its averages, and BatchNormalization with its statistics. Layers of no group have the multiplier 1.
    """

    cites = ("Howard and Ruder 2018, Universal Language Model Fine-tuning, sections 3.2 and 3.3, arXiv:1801.06146.",)

    groups: Annotated[list[LayerGroup], Field(min_length=1, max_length=MOST_GROUPS)]
    """The groups, that of the layers next to the input first."""
    spread: Literal["explicit", "geometric", "ulmfit"] = "explicit"
    """`explicit`: each group's multiplier. `geometric`: from `lowest` to 1. `ulmfit`: 1 for the last, each before it / 2.6."""
    lowest: Annotated[float, Field(gt=0, le=1, strict=True)] | None = None
    """Multiplier of the first group, with the spread `geometric`."""
    phases: Annotated[tuple[Phase, ...], Field(max_length=1000)] = ()
    """When groups are frozen; before the first phase none is."""

    @model_validator(mode="after")
    def _spread_fits(self) -> Self:
        if (self.lowest is not None) != (self.spread == "geometric"):
            raise broken(
                "lowest",
                "lowest_with_geometric",
                f"spread is {self.spread!r} and lowest is {'left out' if self.lowest is None else self.lowest}.",
                "Give lowest with the spread geometric, and with no other.",
            )
        for index, group in enumerate(self.groups):
            if group.multiplier != 1.0 and self.spread != "explicit":
                raise broken(
                    f"/groups/{index}/multiplier",
                    "multiplier_given_twice",
                    f"The spread {self.spread!r} sets all multipliers, and that of {group.name!r} is {group.multiplier:g}.",
                    'Remove the multiplier, or use the spread "explicit".',
                )
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [group.name for group in self.groups]
        for index, name in enumerate(names):
            if name in names[:index]:
                message = f"Two groups are called {name!r}."
                raise broken(f"/groups/{index}/name", "distinct_names", message, "Rename one of them.")
        for index, phase in enumerate(self.phases):
            for place, name in enumerate(phase.frozen):
                if name not in names:
                    raise broken(
                        f"/phases/{index}/frozen/{place}",
                        "no_such_group",
                        f"No group is called {name!r}.",
                        f"Use names of groups: {', '.join(names)}.",
                    )
        return self

    def base_multipliers(self) -> list[float]:
        """Multiplier of each group while it is not frozen.

        Example:
            >>> groups = [{"name": name, "pattern": name} for name in ("a", "b", "c")]
            >>> LayerGroups(groups=groups, spread="geometric", lowest=0.01).base_multipliers()
            [0.01, 0.1, 1.0]
        """
        last = len(self.groups) - 1
        if self.spread == "ulmfit":
            return [ULMFIT ** (place - last) for place in range(last + 1)]
        if self.spread == "geometric":
            assert self.lowest is not None
            lowest = self.lowest
            return [round(lowest ** ((last - place) / last), 15) if last else 1.0 for place in range(last + 1)]
        return [group.multiplier for group in self.groups]

    def multipliers(self, steps: int, steps_per_epoch: int) -> Floats:
        """Multiplier of every group at every update: shape (steps, groups + 1), the last column is that of all other layers.

        Args:
            steps: updates of the run, >= 1.
            steps_per_epoch: updates of an epoch, >= 1.

        Raises:
            InvalidDocument: phases that do not rise, or begin after the run's end.
        """
        starts = self._starts(steps, steps_per_epoch)
        base = np.array([*self.base_multipliers(), 1.0])
        table = np.tile(base, (steps, 1))
        ends = [*starts[1:], steps][: len(starts)]
        for phase, first, end in zip(self.phases, starts, ends, strict=True):
            frozen = [index for index, group in enumerate(self.groups) if group.name in phase.frozen]
            table[first:end, frozen] = 0.0
        return table

    def _starts(self, steps: int, steps_per_epoch: int) -> list[int]:
        starts = [whole_steps(phase.first_step, steps_per_epoch) for phase in self.phases]
        found: list[Problem] = []
        for index, (phase, start) in enumerate(zip(self.phases, starts, strict=True)):
            pointer = f"/phases/{index}/first_step"
            value = phase.first_step.model_dump() if isinstance(phase.first_step, Epochs) else phase.first_step
            if index and start <= starts[index - 1]:
                message = f"The phase begins at update {start}, not after the one before it ({starts[index - 1]})."
                found.append(Problem(pointer, "not_increasing", value, message, "Let the phases rise strictly."))
            elif start >= steps:
                message = f"The phase begins at update {start}, and the run has {steps}."
                found.append(
                    Problem(pointer, "after_the_end", value, message, "Begin it earlier, or train for longer.")
                )
        if found:
            raise InvalidDocument(found)
        return starts


def places(groups: Sequence[LayerGroup], names: Sequence[str]) -> list[int]:
    """Group of each layer: its index among the groups, or their number for a layer of none.

    Args:
        groups: the groups.
        names: names of the layers with weights, from the input to the output.

    Raises:
        InvalidDocument: a group takes no layer, or a layer is in two groups; pointers are relative to the groups.

    Example:
        >>> places([LayerGroup(name="head", depth=(-1, -1))], ["dense", "dense_1"])
        [1, 0]
    """
    found: list[Problem] = []
    taken = [[place for place in range(len(names)) if group.takes(place, names)] for group in groups]
    known = f"Its layers with weights are {', '.join(names)}."
    for index, group in enumerate(groups):
        pointer, value = f"/{index}/{_choice(group)}", getattr(group, _choice(group))
        unknown = [name for name in group.layers or () if name not in names]
        if unknown or not taken[index]:
            what = f"no layer called {', '.join(unknown)}" if unknown else f"no layer for the group {group.name!r}"
            found.append(Problem(pointer, "matches_nothing", value, f"The model has {what}.", known))
        for earlier in range(index):
            if both := sorted(set(taken[earlier]) & set(taken[index])):
                shared = ", ".join(names[place] for place in both)
                message = f"{shared} would be in the groups {groups[earlier].name!r} and {group.name!r}."
                found.append(Problem(pointer, "matches_twice", value, message, f"Choose each layer once. {known}"))
    if found:
        raise InvalidDocument(found)
    return [
        next((index for index, mine in enumerate(taken) if place in mine), len(groups)) for place in range(len(names))
    ]


def clashes(groups: Sequence[LayerGroup]) -> list[Problem]:
    """What is wrong with groups whatever layers the model has: a layer chosen twice, or a range that holds none.

    Pointers are relative to the groups. What else `places` finds is found when the model is built.

    Example:
        >>> twice = [LayerGroup(name="a", layers=("head",)), LayerGroup(name="b", pattern="^head")]
        >>> [problem.rule for problem in clashes(twice)]
        ['matches_twice']
    """
    found: list[Problem] = []
    for index, group in enumerate(groups):
        pointer, value = f"/{index}/{_choice(group)}", getattr(group, _choice(group))
        if group.depth is not None and _is_same_end(group.depth) and group.depth[0] > group.depth[1]:
            message = (
                f"The group {group.name!r} begins at layer {group.depth[0]} and ends before it, at {group.depth[1]}."
            )
            found.append(Problem(pointer, "matches_nothing", value, message, "Give the first layer, then the last."))
        for earlier in groups[:index]:
            if both := _surely_shared(earlier, group):
                message = f"{both} would be in the groups {earlier.name!r} and {group.name!r}."
                found.append(Problem(pointer, "matches_twice", value, message, "Choose each layer once."))
    return found


def _surely_shared(one: LayerGroup, other: LayerGroup) -> str | None:
    """Layers that both groups take if the model has them; None where that depends on the model."""
    for named, any_kind in ((one, other), (other, one)):
        if named.layers is None or any_kind.depth is not None:
            continue
        places_taken = [place for place in range(len(named.layers)) if any_kind.takes(place, named.layers)]
        if places_taken:
            return ", ".join(named.layers[place] for place in places_taken)
    if one.depth is None or other.depth is None:
        return None
    ends = [*one.depth, *other.depth]
    is_comparable = all(end >= 0 for end in ends) or all(end < 0 for end in ends)
    first, last = max(ends[0], ends[2]), min(ends[1], ends[3])
    return f"Layers {first} to {last}" if is_comparable and first <= last else None


def _is_same_end(depth: tuple[int, int]) -> bool:
    return (depth[0] < 0) == (depth[1] < 0)


def _choice(group: LayerGroup) -> str:
    return next(name for name in ("layers", "pattern", "depth") if getattr(group, name) is not None)
