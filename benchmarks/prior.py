"""Whether range tests help a search: against plain TPE and random search on the same space; `python -m benchmarks prior`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from pydantic import TypeAdapter

from benchmarks.regret.evaluate import advice
from benchmarks.regret.store import load
from benchmarks.rows import Row, at_least, markdown, table
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.search import Search
from lrsearch.spec import validate
from lrsearch.suggestions.consensus import Consensus
from lrsearch.training.keras import default_trainer
from lrsearch.training.trainer import Trainer

TITLE = "A search led by range tests"
SEEDS, TRIALS, EPOCHS, RUNS = 10, 25, 20, 3
"""Searches of each kind, settings of each, epochs of a run, and runs (seeds) of a setting, whose mean is what counts."""
HELD_OUT = 0.4
"""Share that judges: with the usual fifth some of these sets leave 30 samples, whose least loss is a matter of luck."""
NEAR = 0.01
"""How near the best known loss counts as reached."""
TASKS: dict[str, dict[str, Any]] = {
    "blobs": {"model": "blobs_mlp", "optimizer": {"kind": "sgd"}, "batch_size": 20},
    "digits": {"model": "digits_mlp", "optimizer": {"kind": "sgd", "momentum": 0.9}, "batch_size": 64},
    "diabetes": {"model": "tabular_mlp", "optimizer": {"kind": "adam"}, "batch_size": 16},
    "breast_cancer": {"model": "tabular_mlp", "optimizer": {"kind": "rmsprop"}, "batch_size": 32},
}
"""Data set -> the rest of its task."""
METHODS: dict[str, dict[str, Any]] = {
    "prior": {"sampler": {"kind": "tpe"}, "prior": "range_test"},
    "TPE": {"sampler": {"kind": "tpe"}},
    "random": {"sampler": {"kind": "random"}},
}
PRUNERS: tuple[str, ...] = ("none", "median", "successive_halving")
"""The same one for all methods: no pruner, Optuna's default, and ours."""
SPACE: dict[str, Any] = {
    "/optimizer/learning_rate": {"type": "float", "low": 1e-7, "high": 10.0, "log": True},
    "/schedule": {"choices": [None, {"kind": "cosine"}]},
}
Series = tuple[np.ndarray, np.ndarray]
"""Best loss so far after each setting, and updates so far (those of the range tests first)."""
Measured = dict[str, list[list[Series]]]
"""Data set -> for each seed the search of each method."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Settings and updates that a search took to a goal; all of them, where it never came there."""

    settings: int
    updates: float
    is_there: bool


def report(quick: bool = False) -> str:
    """Median settings and updates of each method, as Markdown."""
    trainer, logger = default_trainer(), logging.getLogger("tensorflow")
    logger.setLevel(logging.ERROR)
    found = {pruner: measured(trainer, pruner, quick=quick) for pruner in (PRUNERS[-1:] if quick else PRUNERS)}
    words = (
        f"Searching rate (1e-7 to 10) and schedule of {len(TASKS)} tasks with {SEEDS} seeds, {TRIALS} settings of {RUNS} runs of "
        f"{EPOCHS} epochs each: settings and updates until a mean validation loss within {NEAR:.0%} of the best known one, which "
        "is the least of all methods under the same seed and pruner (same weights and data order), and until one of what the rival "
        "itself finds in the end. Updates count those of the range tests; a search that never gets there counts with all its "
        "settings and updates. The prior's own numbers come "
        f"from the regret benchmark, not from these searches: {_offsets()}."
    )
    cells = [row for pruner, reached in found.items() for row in _cells(pruner, reached)]
    head = ("pruner", "task", "method", "settings, median", "updates, median", "seeds that got there")
    rows = [row for pruner, reached in found.items() for row in _rows(pruner, reached)]
    return "\n\n".join([words, table(rows), markdown(head, cells)])


def measured(trainer: Trainer, pruner: str, *, quick: bool = False) -> Measured:
    """Every task under a pruner."""
    seeds, trials = (1, 4) if quick else (SEEDS, TRIALS)
    tasks = list(TASKS)[:1] if quick else list(TASKS)
    return {data: [_searches(trainer, data, seed, trials, pruner) for seed in range(seeds)] for data in tasks}


def _searches(trainer: Trainer, data: str, seed: int, trials: int, pruner: str) -> list[Series]:
    """Every method under one seed."""
    kind = {"pruner": {"kind": pruner}}
    return [_searched(trainer, data, seed, trials, method | kind) for method in METHODS.values()]


def _offsets() -> str:
    """Where the best rates of the regret benchmark lie beside the suggestions."""
    found = [
        task.best - np.log10(answer.lr)
        for task in load()
        for answer in advice(task, Consensus())
        if answer.lr is not None
    ]
    low, middle, high = np.quantile(found, [0.05, 0.5, 0.95])
    return f"there the best rate lies {low:+.2f} to {high:+.2f} decades (5 % to 95 %) from the suggestion, in the median {middle:+.2f}"


def _cells(pruner: str, found: Measured) -> list[tuple[str, ...]]:
    """A row for each task and method: settings and updates to the best known loss."""
    rows: list[tuple[str, ...]] = []
    for data, searches in found.items():
        for at, method in enumerate(METHODS):
            reached = [_to(series[at], _goal(series)) for series in searches]
            settings, updates = (
                np.median([one.settings for one in reached]),
                np.median([one.updates for one in reached]),
            )
            there = f"{sum(one.is_there for one in reached)} of {len(reached)}"
            rows.append((pruner, data, method, f"{settings:.0f}", f"{updates:,.0f}", there))
    return rows


def _rows(pruner: str, found: Measured) -> list[Row]:
    """Updates of the rivals over ours, to the best known loss, and to the best that the rival itself finds."""
    rows: list[Row] = []
    for at, method in enumerate(METHODS):
        if at:
            best = [_ratio(searches, at, _goal) for searches in found.values()]
            own = [_ratio(searches, at, lambda series, at=at: float(series[at][0][-1])) for searches in found.values()]
            rows.append(_row(f"updates to the best known loss, pruner {pruner}: {method} / led by range tests", best))
            rows.append(_row(f"updates to the best loss that {method} finds, pruner {pruner}: {method} / led", own))
    return rows


def _row(what: str, ratios: Sequence[float]) -> Row:
    detail = f"geometric mean over the tasks; {min(ratios):.2g} to {max(ratios):.2g}"
    return Row(what, float(np.exp(np.log(ratios).mean())), "", detail, at_least(3))


def _goal(series: Sequence[Series]) -> float:
    return min(float(best[-1]) for best, _ in series)


def _ratio(searches: Sequence[Sequence[Series]], at: int, goal: Callable[[Sequence[Series]], float]) -> float:
    """Median over the seeds of a rival's updates to a goal over that of ours."""
    theirs, ours = (np.median([_to(series[one], goal(series)).updates for series in searches]) for one in (at, 0))
    return float(theirs / ours)


def _to(series: Series, goal: float) -> Reached:
    """When a search came within `NEAR` of a goal; with all it did, where it never came there."""
    best, updates = series
    at = int(np.argmax(best <= (1 + NEAR) * goal))
    is_there = bool(best[at] <= (1 + NEAR) * goal)
    place = at if is_there else len(best) - 1
    return Reached(place + 1, float(updates[place]), is_there)


def _searched(trainer: Trainer, data: str, seed: int, trials: int, method: dict[str, Any]) -> Series:
    """One search, in this process: after each setting the best value so far, and the updates of all runs so far."""
    search, records = _search(data, seed, trials, method), list[TrialRecord]()
    search.run(Context(trainer, records.append))
    made = {record.number: len(record.arrays["losses"]) for record in records}
    by_number = {record.number: record for record in records}
    spent = float(sum(made[number] for number in range(search.first)))
    values: list[float] = []
    updates: list[float] = []
    for slot in range(search.settings):
        numbers = search.numbers(slot)
        value = search.objectives[0].mean([by_number.get(number) for number in numbers])
        spent += sum(made.get(number, 0) for number in numbers)
        values.append(np.inf if value is None else value)
        updates.append(spent)
    return np.minimum.accumulate(values), np.array(updates)


def _search(data: str, seed: int, trials: int, method: dict[str, Any]) -> Search:
    task = TASKS[data]
    document = {
        "schema": 1,
        "kind": "search",
        **task,
        "model": {"kind": "builtin", "name": task["model"]},
        "data": {"kind": "builtin", "name": data},
        "epochs": EPOCHS,
        "validation": {"share": HELD_OUT},
        "seeds": RUNS,
        "space": SPACE,
        "objective": {"metric": "val_loss"},
        "budget": {"trials": trials},
        "seed": seed,
        **method,
    }
    search: Search = validate(TypeAdapter(Search), document)
    if problems := search.problems():
        raise SystemExit(f"{data}: {problems[0].message}")
    return search
