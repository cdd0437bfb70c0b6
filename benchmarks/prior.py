"""Whether range tests help a search: against plain TPE and random search on the same space; `python -m benchmarks prior`."""

from __future__ import annotations

import logging
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from pydantic import TypeAdapter

from benchmarks.rows import Row, at_least, markdown, table
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.search import Search
from lrsearch.spec import validate
from lrsearch.training.keras import default_trainer
from lrsearch.training.trainer import Trainer

TITLE = "A search led by range tests"
SEEDS, TRIALS, EPOCHS = 10, 40, 6
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
SPACE: dict[str, Any] = {
    "/optimizer/learning_rate": {"type": "float", "low": 1e-7, "high": 10.0, "log": True},
    "/schedule": {"choices": [None, {"kind": "cosine"}]},
}
Series = tuple[np.ndarray, np.ndarray]
"""Best loss so far after each trial, and updates so far (those of the range tests first)."""


def report(quick: bool = False) -> str:
    """Median trials and updates of each method, as Markdown."""
    seeds, trials = (1, 4) if quick else (SEEDS, TRIALS)
    trainer, logger = default_trainer(), logging.getLogger("tensorflow")
    logger.setLevel(logging.ERROR)
    tasks = dict(list(TASKS.items())[:1]) if quick else TASKS
    reached = {data: np.array([_reached(trainer, data, seed, trials) for seed in range(seeds)]) for data in tasks}
    words = (
        f"Searching rate (1e-7 to 10) and schedule of {len(tasks)} tasks with {seeds} seeds, {trials} trials of {EPOCHS} "
        f"epochs each: trials and updates until a validation loss within {NEAR:.0%} of the best known one, which is the "
        "least of all methods under the same seed (same weights and data order). Updates count those of the range tests; "
        "a search that never gets there counts with all its trials and updates."
    )
    cells = [
        (
            data,
            method,
            f"{np.median(found[:, at, 0]):.0f}",
            f"{np.median(found[:, at, 1]):,.0f}",
            _share(found[:, at, 2]),
        )
        for data, found in reached.items()
        for at, method in enumerate(METHODS)
    ]
    head = ("task", "method", "trials, median", "updates, median", "seeds that got there")
    return "\n\n".join([words, table(_rows(reached)), markdown(head, cells)])


def _rows(reached: dict[str, np.ndarray]) -> list[Row]:
    """Updates of the rivals over ours: geometric mean over the tasks of the ratios of medians."""
    medians = np.array([np.median(found[:, :, 1], axis=0) for found in reached.values()])
    rows: list[Row] = []
    for at, method in enumerate(METHODS):
        if at:
            ratios = medians[:, at] / medians[:, 0]
            what = f"updates to the goal: {method} / led by range tests, geometric mean over the tasks"
            detail = f"{ratios.min():.2g} to {ratios.max():.2g}"
            rows.append(Row(what, float(np.exp(np.log(ratios).mean())), "", detail, at_least(3)))
    return rows


def _share(reached: np.ndarray) -> str:
    return f"{int(reached.sum())} of {len(reached)}"


def _reached(trainer: Trainer, data: str, seed: int, trials: int) -> list[tuple[float, float, bool]]:
    """For each method: trials and updates to the goal, and whether it got there."""
    series = [_searched(trainer, data, seed, trials, method) for method in METHODS.values()]
    goal = (1 + NEAR) * min(float(best[-1]) for best, _ in series)
    found: list[tuple[float, float, bool]] = []
    for best, updates in series:
        at = int(np.argmax(best <= goal))
        is_there = bool(best[at] <= goal)
        place = at if is_there else len(best) - 1
        found.append((place + 1, float(updates[place]), is_there))
    return found


def _searched(trainer: Trainer, data: str, seed: int, trials: int, method: dict[str, Any]) -> Series:
    """One search, in this process."""
    search, records = _search(data, seed, trials, method), list[TrialRecord]()
    search.run(Context(trainer, records.append))
    ordered = sorted(records, key=lambda record: record.number)
    made = np.cumsum([len(record.arrays["losses"]) for record in ordered], dtype=np.float64)[search.first :]
    values = [search.objectives[0].value(record) for record in ordered[search.first :]]
    losses = np.array([np.inf if value is None or not np.isfinite(value) else value for value in values])
    return np.minimum.accumulate(losses), made


def _search(data: str, seed: int, trials: int, method: dict[str, Any]) -> Search:
    task = TASKS[data]
    document = {
        "schema": 1,
        "kind": "search",
        **task,
        "model": {"kind": "builtin", "name": task["model"]},
        "data": {"kind": "builtin", "name": data},
        "epochs": EPOCHS,
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
