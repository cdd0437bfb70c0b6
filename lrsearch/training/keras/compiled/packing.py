"""Which plans are trained together, and how many at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from lrsearch import memory
from lrsearch.training.keras import datasets
from lrsearch.training.keras.compiled.feeds import most_rows
from lrsearch.training.keras.compiled.kind import Kind, alike, kind_of
from lrsearch.training.keras.compiled.model_shelf import ModelShelf
from lrsearch.training.keras.compiled.sharing import shared_width
from lrsearch.training.keras.compiled.stacking import Traits, TraitsTable
from lrsearch.training.keras.compiled.xla_rule import Device, XlaChoice, choose_xla
from lrsearch.training.keras.environment import device_name
from lrsearch.training.plan import Checkpoint, Plan

T = TypeVar("T")

MOST_MEMBERS = {"cpu": 64, "gpu": 256}
"""Members from which a larger stack gained nothing when measured on a CPU; a guess for a GPU, not measured."""
MEMORY_SHARE = 0.25
"""Share of the free memory a stack may take."""
PLACES_DIFFER = "the plan asks against XLA, without which the last bits of a member depend on its place in the stack"
FEWEST_STACKED_UPDATES = 12_000
"""Updates, over all members, from which a stack is worth its compiling: some 1.3 s of CPU once, for which its updates cost
half of what those of its members cost one after the other in a program that is compiled anyway."""
BYTES_OF_ORDER = 4
"""What the place of a sample in an epoch's order takes, for each member."""
COPIES = 6
"""Copies of weights and activations alive at the worst moment: before, after, gradients, intermediate results."""


def equal_parts(items: Sequence[T], most: int) -> list[list[T]]:
    """Cut into the fewest parts of at most `most`, as equal in size as can be: two stacks of 50, not 64 and 36.

    Example:
        >>> [len(part) for part in equal_parts(range(100), 64)]
        [50, 50]
    """
    parts = -(-len(items) // most)
    size, larger = divmod(len(items), parts)
    ends = [(i + 1) * size + min(i + 1, larger) for i in range(parts)]
    return [list(items[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def most_members(device: str, bytes_per_member: int, free_bytes: int) -> int:
    """Greatest stack: by what is gained on the device, and by memory; at least 1.

    Args:
        device: `cpu` or `gpu`.
        bytes_per_member: state and activations of one member, counted once.
        free_bytes: memory nobody uses now.

    Example:
        >>> most_members("cpu", 10**6, 10**10)
        64
        >>> most_members("cpu", 10**9, 10**10)
        1
    """
    fitting = int(free_bytes * MEMORY_SHARE / (COPIES * max(1, bytes_per_member)))
    return max(1, min(MOST_MEMBERS[device], fitting))


def grouped(items: Sequence[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Items of one key together, groups in the order of their first items."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


@dataclass(frozen=True, slots=True)
class Numbered:
    """A plan and its place among all plans.

    Attributes:
        width: samples its batches are padded to where it shares a program with plans of other sizes, else None.
        alike: what it must have in common with the plans of its stack.
    """

    index: int
    plan: Plan
    width: int | None = None
    alike: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alike", alike(self.plan))  # once: it is asked for several times and costs 30 us


@dataclass(frozen=True, slots=True)
class PackPlan:
    """Plans to be trained together, and how.

    Attributes:
        items: the plans.
        kind: what the program is compiled for.
        size: members of the stack: at least the number of plans; a resumed stack keeps its size.
        is_slow: whether an update may take long.
        facts: what was chosen and why, JSON-able.
    """

    items: list[Numbered]
    kind: Kind
    size: int
    is_slow: bool
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def halves(self, why: str) -> list[PackPlan]:
        """The same plans in two stacks; `why` has a place for the size that was too large."""
        return [self._with(items, why.format(self.size)) for items in equal_parts(self.items, -(-self.size // 2))]

    def _with(self, items: list[Numbered], why: str) -> PackPlan:
        size = len(items)
        kind = replace(self.kind, members=size if size > 1 else None)
        return replace(self, items=items, kind=kind, size=size, facts=self.facts | {"stack": size, "stack_why": why})


class Packer:
    """Puts plans together; remembers what it learned about models.

    Args:
        fewest_stacked_updates: updates, over all members, from which a stack is worth its compiling.
        shelf: has the models; left out, one of its own.
    """

    def __init__(self, fewest_stacked_updates: int = FEWEST_STACKED_UPDATES, shelf: ModelShelf | None = None) -> None:
        self._traits = TraitsTable(shelf or ModelShelf())
        self._fewest_stacked_updates = fewest_stacked_updates

    def numbered(self, index: int, plan: Plan) -> Numbered:
        """The plan as programs take it."""
        item = Numbered(index, plan.with_inputs())
        if (width := shared_width(plan, self.traits(item))) is None:
            return item
        return Numbered(index, plan.with_inputs(zero_too=True), width)

    def traits(self, item: Numbered) -> Traits:
        """What decides how the plan is trained."""
        return self._traits.of(item.alike, item.plan)

    def packs(self, items: Sequence[Numbered]) -> list[PackPlan]:
        """All plans in packs, in the order of their first plans.

        A plan without a checkpoint among some that resume a stack was most likely in it when it was interrupted; it
        starts over in a stack of that size, since the size of a stack changes the last bits.
        """
        resumed = {_likeness(item): item.plan.resume_from for item in items if item.plan.resume_from is not None}
        groups = grouped(items, _togetherness)
        return [pack for group in groups for pack in self._packs_of(group, resumed.get(_likeness(group[0])))]

    def _packs_of(self, group: list[Numbered], before: Checkpoint | None) -> list[PackPlan]:
        plan = group[0].plan
        traits = self.traits(group[0])
        if before is not None:
            before = plan.resume_from or before
            size = int(before.facts["stack"])
            why = f"resumed from a stack of {size}" if plan.resume_from else f"others go on from a stack of {size}"
            return [_pack_plan(part, size, traits, why, before=before) for part in equal_parts(group, size)]
        updates = sum(item.plan.steps for item in group)
        against = PLACES_DIFFER if plan.xla is False else traits.against_stacking or self._too_short(plan, updates)
        if against is not None:
            return [_pack_plan([item], 1, traits, against, updates) for item in group]
        most = min(most_members(_device(), traits.bytes_per_member, memory.free_bytes()), _most_in_window(plan))
        parts = equal_parts(group, most)
        return [_pack_plan(part, len(part), traits, f"at most {most} fit or gain", updates) for part in parts]

    def _too_short(self, plan: Plan, updates: int) -> str | None:
        """Why plans like this are not worth a stack, if their updates are too few; one that asks for XLA compiles anyway."""
        fewest = self._fewest_stacked_updates
        if plan.xla or updates >= fewest:
            return None
        return f"{updates} updates in all are too few to repay compiling a stack (fewer than {fewest})"


def _togetherness(item: Numbered) -> Hashable:
    """What plans of one stack must share."""
    resumed: Checkpoint | None = item.plan.resume_from
    state = None if resumed is None else (resumed.step, resumed.facts["stack"], resumed.facts["xla"])
    return *_likeness(item), state


def _likeness(item: Numbered) -> tuple[Hashable, ...]:
    """What plans of one stack must share, whether they are resumed or not."""
    return item.alike, item.width, item.plan.xla


def _pack_plan(
    items: list[Numbered],
    size: int,
    traits: Traits,
    why: str,
    updates: int = 0,
    *,
    before: Checkpoint | None = None,
) -> PackPlan:
    plan, width = items[0].plan, items[0].width
    if before is not None:
        choice = XlaChoice(bool(before.facts["xla"]), "as in the checkpoint it goes on from")
    else:
        choice = _xla(plan, updates, size, traits)
    facts = {"xla": choice.is_on, "xla_why": choice.reason, "stack": size, "stack_why": why}
    facts["shares_program"] = width is not None
    kind = kind_of(plan, size if size > 1 else None, xla=choice.is_on, width=width)
    return PackPlan(items, kind, size, traits.has_convolutions, facts)


def _most_in_window(plan: Plan) -> int:
    """Members whose batches fit into a window and whose data orders fit into another, where the data is streamed."""
    data = datasets.load(plan.data.name)
    if data.route is None or not data.route.is_streamed:
        return max(MOST_MEMBERS.values())
    orders = data.route.window_bytes // (BYTES_OF_ORDER * len(data.x_train))
    return max(1, min(orders, most_rows(data) // plan.update_size))


def _xla(plan: Plan, updates: int, members: int, traits: Traits) -> XlaChoice:
    return choose_xla(_device(), traits.has_convolutions, updates, is_stack=members > 1, asked=plan.xla)


def _device() -> Device:
    return "cpu" if device_name() == "cpu" else "gpu"
