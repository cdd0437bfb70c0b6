"""Trials shared out among workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet


def shared_out(groups: Sequence[Sequence[int]], costs: Mapping[int, float], workers: int) -> list[list[int]]:
    """At most `workers` packs of about equal cost; groups are split only where there are fewer groups than workers.

    The longest group goes to the emptiest pack first, which is at most 4/3 of the best possible (Graham 1969).

    Args:
        groups: trial numbers that are better off together.
        costs: trial number -> its cost, >= 0.
        workers: >= 1.

    Returns:
        Packs of trial numbers in rising order; none is empty.

    Example:
        >>> shared_out([[0, 1, 2, 3], [4]], dict.fromkeys(range(5), 1.0), 3)
        [[0, 1], [2, 3], [4]]
    """
    parts = [list(group) for group in groups if group]
    while len(parts) < workers and any(len(part) > 1 for part in parts):
        largest = max(parts, key=_length)
        parts.remove(largest)
        parts += [largest[: len(largest) // 2], largest[len(largest) // 2 :]]
    packs: list[list[int]] = [[] for _ in range(min(workers, len(parts)))]
    loads = [0.0] * len(packs)
    for part in sorted(parts, key=lambda numbers: -sum(costs[number] for number in numbers)):
        lightest = loads.index(min(loads))
        packs[lightest] += part
        loads[lightest] += sum(costs[number] for number in part)
    return sorted(sorted(pack) for pack in packs)


def _length(part: list[int]) -> int:
    return len(part)


def first_free(groups: Sequence[Sequence[int]], taken: AbstractSet[int], count: int) -> list[Sequence[int]]:
    """The first `count` groups of trials none of which is taken.

    Example:
        >>> first_free([[0, 1], [2, 3], [4, 5], [6, 7]], {3, 4}, 5)
        [[0, 1], [6, 7]]
    """
    return [group for group in groups if taken.isdisjoint(group)][:count]
