"""Whether range tests help a search: against plain TPE and random search on the same space; `python -m benchmarks prior`."""

from __future__ import annotations

import logging
import os
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
Reached = dict[str, np.ndarray]
"""Data set -> (seeds, methods, 3): settings and updates to the goal, and whether it was reached."""


def report(quick: bool = False) -> str:
    """Median settings and updates of each method, as Markdown."""
    trainer, logger = default_trainer(), logging.getLogger("tensorflow")
    logger.setLevel(logging.ERROR)
    found = {pruner: measured(trainer, pruner, quick=quick) for pruner in (PRUNERS[-1:] if quick else PRUNERS)}
    words = (
        f"Searching rate (1e-7 to 10) and schedule of {len(TASKS)} tasks with {SEEDS} seeds, {TRIALS} settings of {RUNS} runs of "
        f"{EPOCHS} epochs each: settings and updates until a mean validation loss within {NEAR:.0%} of the best known one, which "
        "is the least of all methods under the same seed and pruner (same weights and data order). Updates count those of the "
        "range tests; a search that never gets there counts with all its settings and updates. The prior's own numbers come "
        f"from the regret benchmark, not from these searches: {_offsets()}."
    )
    cells = [row for pruner, reached in found.items() for row in _cells(pruner, reached)]
    head = ("pruner", "task", "method", "settings, median", "updates, median", "seeds that got there")
    rows = [row for pruner, reached in found.items() for row in _rows(pruner, reached)]
    return "\n\n".join([words, table(rows), markdown(head, cells)])


def measured(trainer: Trainer, pruner: str, *, quick: bool = False) -> Reached:
    """Every task under a pruner."""
    seeds, trials = (1, 4) if quick else (SEEDS, TRIALS)
    tasks = list(TASKS)[:1] if quick else list(TASKS)
    return {data: np.array([_reached(trainer, data, seed, trials, pruner) for seed in range(seeds)]) for data in tasks}


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


def _cells(pruner: str, reached: Reached) -> list[tuple[str, ...]]:
    return [
        (
            pruner,
            data,
            method,
            f"{np.median(found[:, at, 0]):.0f}",
            f"{np.median(found[:, at, 1]):,.0f}",
            f"{int(found[:, at, 2].sum())} of {len(found)}",
        )
        for data, found in reached.items()
        for at, method in enumerate(METHODS)
    ]


def _rows(pruner: str, reached: Reached) -> list[Row]:
    """Updates of the rivals over ours: geometric mean over the tasks of the ratios of medians."""
    medians = np.array([np.median(found[:, :, 1], axis=0) for found in reached.values()])
    rows: list[Row] = []
    for at, method in enumerate(METHODS):
        if at:
            ratios = medians[:, at] / medians[:, 0]
            what = f"updates to the goal, pruner {pruner}: {method} / led by range tests, geometric mean over the tasks"
            detail = f"{ratios.min():.2g} to {ratios.max():.2g}"
            rows.append(Row(what, float(np.exp(np.log(ratios).mean())), "", detail, at_least(3)))
    return rows


def _reached(trainer: Trainer, data: str, seed: int, trials: int, pruner: str) -> list[tuple[float, float, bool]]:
    """For each method: settings and updates to the goal, and whether it got there."""
    kind = {"pruner": {"kind": pruner}}
    series = [_searched(trainer, data, seed, trials, method | kind) for method in METHODS.values()]
    goal = (1 + NEAR) * min(float(best[-1]) for best, _ in series)
    found: list[tuple[float, float, bool]] = []
    for best, updates in series:
        at = int(np.argmax(best <= goal))
        is_there = bool(best[at] <= goal)
        place = at if is_there else len(best) - 1
        found.append((place + 1, float(updates[place]), is_there))
    return found


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
