"""The result of a search, from the stored trials alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.evidence import curves_of, provenance
from lrsearch.experiments.keras_code import training_code
from lrsearch.experiments.leaderboard import Entry, ranked
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.experiments.search.importance import importance_of, importance_within
from lrsearch.experiments.search.objective import Objective, was_pruned
from lrsearch.experiments.search.space import Dimension
from lrsearch.experiments.statistics import estimated
from lrsearch.experiments.training import Training

if TYPE_CHECKING:
    from lrsearch.experiments.search.document import Search

MOST_RANKED: Final = 20
"""Settings on the leaderboard, the best ones: only these are tested against each other."""
GRID_POINTS: Final = 10
"""Values a range without steps has in the grid that the search is compared with."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that was run.

    Attributes:
        slot: its number.
        values: Optuna's name -> value.
        records: by seed, None for runs that were not made.
        results: value of each objective; None where a run was pruned or cut short.
    """

    slot: int
    values: Mapping[str, Any]
    records: Sequence[TrialRecord | None]
    results: tuple[float | None, ...]

    @property
    def made(self) -> list[TrialRecord]:
        """The runs that were made."""
        return [record for record in self.records if record is not None]

    @property
    def name(self) -> str:
        """As its records name it."""
        return str(self.made[0].setting["setting"])

    @property
    def state(self) -> str:
        """complete, diverged, pruned, or cancelled."""
        if was_pruned(self.records):
            return "pruned"
        if any(result is None for result in self.results):
            return "cancelled"
        return (
            "complete" if all(result is not None and math.isfinite(result) for result in self.results) else "diverged"
        )


def concluded(search: Search, records: Sequence[TrialRecord]) -> dict[str, Any]:
    """See `Search.conclude`."""
    tried = _tried(search, records)
    best = _best(search, tried)
    board = _board(search, tried)
    notes = board["flag_notes"] | _notes(search, tried, best)
    costs = [(one.values, _cost_of(search, one)) for one in tried]
    return (
        {"kind": search.kind}
        | board
        | {
            "flags": list(notes),
            "flag_notes": notes,
            "study_name": next((record.setting["study"] for record in records if "study" in record.setting), None),
            "objective": [_objective(one) for one in search.objectives],
            "best": None if best is None else _described(search, best),
            "pareto_front": [_described(search, one) for one in front(search, tried)] if _is_double(search) else None,
            "importance": importance_of(search.search_space, costs),
            "importance_within": importance_within(search.search_space, costs),
            "prior": [one.as_json() for one in search.priors({record.number: record for record in records})],
            "cost": _cost(search, tried, records),
            "settings": [_row(search, one) for one in tried],
            "curves": [curves_of(one.name, one.made) for one in ([best] if best else [])],
            "seeds": search.seeds,
            "holds_for": search.holds_for(),
            "code": None if best is None else training_code(_training(search, best)),
            **provenance(records),
        }
    )


def _cost_of(search: Search, one: Tried) -> float | None:
    """The first objective, smaller being better."""
    value = one.results[0]
    return value if value is None or search.objectives[0].is_minimized else -value


def _is_double(search: Search) -> bool:
    return len(search.objectives) == 2


def _objective(one: Objective) -> dict[str, Any]:
    return {"metric": one.metric, "at": one.at, "direction": "minimize" if one.is_minimized else "maximize"}


def _tried(search: Search, records: Sequence[TrialRecord]) -> list[Tried]:
    by_number = {record.number: record for record in records if record.number >= search.first}
    found: list[Tried] = []
    for slot in sorted({search.place(number)[0] for number in by_number}):
        members = [by_number.get(number) for number in search.numbers(slot)]
        made = next(record for record in members if record is not None)
        results = tuple(one.mean(members) for one in search.objectives)
        found.append(Tried(slot, made.setting["values"], members, results))
    return found


def _best(search: Search, tried: Sequence[Tried]) -> Tried | None:
    """The setting with the best value; none for two objectives."""
    sign = 1 if search.objectives[0].is_minimized else -1
    sound = [one for one in tried if one.state == "complete"]
    return None if _is_double(search) else min(sound, key=lambda one: sign * (one.results[0] or 0.0), default=None)


def front(search: Search, tried: Sequence[Tried]) -> list[Tried]:
    """The settings that no other one beats in both objectives, by the first."""
    signs = [1 if one.is_minimized else -1 for one in search.objectives]
    points = {
        one.slot: tuple(sign * (value or 0.0) for sign, value in zip(signs, one.results, strict=True))
        for one in tried
        if one.state == "complete"
    }
    kept = [
        one
        for one in tried
        if one.slot in points
        and not any(_beats(other, points[one.slot]) for slot, other in points.items() if slot != one.slot)
    ]
    return sorted(kept, key=lambda one: points[one.slot])


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def _board(search: Search, tried: Sequence[Tried]) -> dict[str, Any]:
    """The best settings ranked and tested as in the sweeps, by the first objective."""
    objective = search.objectives[0]
    sign = 1 if objective.is_minimized else -1
    sound = [one for one in tried if one.state == "complete"]
    best = sorted(sound, key=lambda one: sign * (one.results[0] or 0.0))[:MOST_RANKED]
    entries = [
        Entry(
            one.name, one.values, [None if record is None else _with_value(objective, record) for record in one.records]
        )
        for one in best
    ]
    return ranked(entries, objective.name, is_minimized=objective.is_minimized).as_json()


def _with_value(objective: Objective, record: TrialRecord) -> TrialRecord:
    """The record with the objective's value among its metrics."""
    value = objective.value(record)
    return record if value is None else replace(record, metrics=record.metrics | {objective.name: value})


def _notes(search: Search, tried: Sequence[Tried], best: Tried | None) -> dict[str, str]:
    """Flag -> its sentence, for what is doubtful about the search as a whole."""
    found: dict[str, str] = {}
    counts = {state: sum(one.state == state for one in tried) for state in ("diverged", "cancelled")}
    if counts["diverged"]:
        found["diverged"] = f"{counts['diverged']} of {len(tried)} settings diverged."
    if counts["cancelled"]:
        found["incomplete"] = f"{counts['cancelled']} settings were cut short from outside."
    for name in _at_edge(search, best) if best else ():
        found["edge_of_range"] = f"The best value of {name} is at the edge of its range; a better one may lie outside."
    return found | (_training(search, best).notes() if best else {})


def _at_edge(search: Search, best: Tried) -> list[str]:
    """Numbers within a hundredth of an end of their range."""
    found: list[str] = []
    for one in search.search_space.everything():
        low, high = getattr(one.range, "low", None), getattr(one.range, "high", None)
        value = best.values.get(one.name)
        if low is None or high is None or not isinstance(value, int | float):
            continue
        is_log = bool(getattr(one.range, "log", False))
        share = math.log(value / low) / math.log(high / low) if is_log else (value - low) / (high - low)
        if not 0.01 < share < 0.99:
            found.append(one.name)
    return found


def _drawn(search: Search, one: Tried) -> list[tuple[Dimension, Any]]:
    return search.search_space.drawn(lambda dimension: one.values[dimension.name])


def _training(search: Search, one: Tried) -> Training:
    return search.setting(_drawn(search, one))


def _described(search: Search, one: Tried) -> dict[str, Any]:
    """A setting with all that is needed to train it again."""
    training = _training(search, one)
    singles = [search.objectives[0].value(record) for record in one.made]
    interval = estimated([value for value in singles if value is not None and math.isfinite(value)]).interval
    return {
        "setting": one.name,
        "values": dict(one.values),
        "objective": list(one.results),
        "interval": None if interval is None else list(interval),
        "trials": [record.number for record in one.made],
        "optuna_trial": one.made[0].setting["optuna_trial"],
        "document": training.model_dump(mode="json", by_alias=True, exclude_none=True),
        "code": training_code(training),
    }


def _row(search: Search, one: Tried) -> dict[str, Any]:
    """A setting's numbers for the figures."""
    first = one.made[0]
    history = first.arrays.get(f"history/{search.objectives[0].metric}", ())
    return {
        "setting": one.slot,
        "optuna_trial": first.setting["optuna_trial"],
        "state": one.state,
        "values": dict(one.values),
        "objective": [None if value is None or not math.isfinite(value) else value for value in one.results],
        "intermediate": finite_or_none(history),
        "updates": sum(len(record.arrays["losses"]) for record in one.made),
    }


def _cost(search: Search, tried: Sequence[Tried], records: Sequence[TrialRecord]) -> dict[str, Any]:
    """What the search cost, and what the grid would have cost that it replaces."""
    updates = sum(len(record.arrays["losses"]) for record in records)
    seconds: list[Mapping[str, float]] = [record.facts.get("seconds", {}) for record in records]
    # compiling is paid once a shape, not once an update, so the grid's seconds are estimated without it
    spent = sum(one.get(phase, 0.0) for one in seconds for phase in ("train", "test"))
    whole = [len(record.arrays["losses"]) for one in tried if one.state == "complete" for record in one.made]
    each = sum(whole) / len(whole) if whole else float(search.most_updates)
    points = search.search_space.points(GRID_POINTS)
    grid = points * search.seeds * each
    return {
        "settings": len(tried),
        "pruned": sum(one.state == "pruned" for one in tried),
        "updates": updates,
        "seconds": sum(sum(one.values()) for one in seconds),
        "grid": {
            "what": f"every combination of the choices and of {GRID_POINTS} values of each range, in whole runs",
            "settings": points,
            "seeds": search.seeds,
            "updates": round(grid),
            "estimated_seconds": grid * spent / updates if updates else None,
        },
    }
