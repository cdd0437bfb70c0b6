"""Whether range tests help a search: against plain TPE and random search on the same space; `python -m benchmarks prior`."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from typing import Any, TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from pydantic import TypeAdapter

from benchmarks.prior_search import Race, Reached
from benchmarks.prior_table import PER_DECADE, Setting, Table
from benchmarks.regret.evaluate import advice
from benchmarks.regret.store import load
from benchmarks.rows import Row, at_least, markdown, table
from lrsearch.experiments.search import Search
from lrsearch.spec import validate
from lrsearch.suggestions.consensus import Consensus
from lrsearch.training.keras import default_trainer
from lrsearch.training.trainer import Trainer

TITLE = "A search led by range tests"
SEEDS, TRIALS, EPOCHS, RUNS = 10, 80, 20, 3
"""Searches of each kind, settings of each at most, epochs of a run, and runs (seeds) of a setting, whose mean a search sees."""
RATES, QUICK_RATES = (1e-7, 10.0), (1e-2, 1e-1)
"""Ends of the rates."""
HELD_OUT = 0.4
"""Share that judges: with the usual fifth some of these sets leave 30 samples, whose least loss is a matter of luck."""
NEAR = 0.01
"""How near the best loss counts as reached."""
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
    "/optimizer/learning_rate": {"type": "float", "log": True},
    "/schedule": {"choices": [None, {"kind": "cosine"}]},
}
"""The rate without its ends."""
Found: TypeAlias = dict[str, dict[str, list[dict[str, Reached]]]]
"""Pruner -> data set -> for each seed the search of each method."""


def report(quick: bool = False) -> str:
    """Median settings and updates of each method, as Markdown."""
    if quick:
        found = measured(map, list(TASKS)[:1], seeds=1, ends=QUICK_RATES)
    else:
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            found = measured(pool.map, list(TASKS), seeds=SEEDS, ends=RATES)
    head = ("pruner", "task", "method", "settings, median", "updates, median", "seeds that got there")
    return "\n\n".join([_words(), table(_rows(found)), markdown(head, _cells(found))])


def measured(
    mapped: Callable[..., Iterable[Any]], tasks: Sequence[str], *, seeds: int, ends: tuple[float, float]
) -> Found:
    """Train every table, then run every search on them.

    Args:
        mapped: as the builtin `map`: here, or in other processes.
        tasks: their names.
        seeds: searches of each kind.
        ends: of the rates.
    """
    pairs = [(data, seed) for data in tasks for seed in range(seeds)]
    tables = dict(zip(pairs, mapped(partial(_trained, ends=ends), pairs), strict=True))
    truths = {data: _truth([one for (name, _), one in tables.items() if name == data]) for data in tasks}
    given = [(*pair, tables[pair], truths[pair[0]]) for pair in pairs]
    raced = dict(zip(pairs, mapped(partial(_raced, ends=ends), given), strict=True))
    return {
        pruner: {data: [raced[data, seed][pruner] for seed in range(seeds)] for data in tasks} for pruner in PRUNERS
    }


def _words() -> str:
    return (
        f"Searching rate ({RATES[0]:g} to {RATES[1]:g}) and schedule of {len(TASKS)} tasks with {SEEDS} seeds, {TRIALS} settings of "
        f"{RUNS} runs of {EPOCHS} epochs each at most: settings and updates until one has come to its end whose loss is within "
        f"{NEAR:.0%} of the best. A setting's loss is the mean held-out loss over the runs of all {SEEDS} seeds, so that no lucky run "
        f"counts; a search sees its own {RUNS}. Every run is really trained, once, at rates a {PER_DECADE}th of a decade apart, and all "
        "searches take their runs from there (rates are rounded to the nearest). Updates count those of the range tests and of "
        f"pruned runs; a search that never gets there counts with all it made, {TRIALS} settings, for every method alike, so a median "
        "is exact where more than half of the seeds got there, and too small for those that did not: pruners make settings cheap, "
        "and lose winners. The prior's own numbers come from the regret benchmark, not from "
        f"these searches: {_offsets()}."
    )


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


@cache
def _trainer() -> Trainer:
    """One a process: it keeps what it compiled."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return default_trainer()


def _trained(pair: tuple[str, int], *, ends: tuple[float, float]) -> Table:
    return Table.trained(_search(*pair, METHODS["prior"], ends), _trainer(), ends)


def _truth(tables: Sequence[Table]) -> dict[Setting, float]:
    """Setting -> mean loss over all seeds."""
    losses = [one.losses() for one in tables]
    return {setting: float(np.mean([one[setting] for one in losses])) for setting in losses[0]}


def _raced(
    given: tuple[str, int, Table, Mapping[Setting, float]], *, ends: tuple[float, float]
) -> dict[str, dict[str, Reached]]:
    """Pruner -> method -> when it got there."""
    data, seed, runs, truth = given
    goal = (1 + NEAR) * min(truth.values())
    return {
        pruner: {
            name: Race(_search(data, seed, method | {"pruner": {"kind": pruner}}, ends), runs, truth, goal).run()
            for name, method in METHODS.items()
        }
        for pruner in PRUNERS
    }


def _cells(found: Found) -> list[tuple[str, ...]]:
    """A row for each pruner, task and method."""
    rows: list[tuple[str, ...]] = []
    for pruner, tasks in found.items():
        for data, seeds in tasks.items():
            for method in METHODS:
                reached = [one[method] for one in seeds]
                settings, updates = (
                    float(np.median([getattr(one, name) for one in reached])) for name in ("settings", "updates")
                )
                there = f"{sum(one.is_there for one in reached)} of {len(reached)}"
                rows.append((pruner, data, method, f"{settings:.0f}", f"{updates:,.0f}", there))
    return rows


def _rows(found: Found) -> list[Row]:
    """Updates of the rivals over ours, under the same pruner."""
    rows: list[Row] = []
    for pruner, tasks in found.items():
        for method in list(METHODS)[1:]:
            ratios = [_median(seeds, method) / _median(seeds, "prior") for seeds in tasks.values()]
            detail = f"geometric mean over the tasks; {min(ratios):.2g} to {max(ratios):.2g}"
            what = f"updates to the best loss, pruner {pruner}: {method} / led by range tests"
            rows.append(Row(what, float(np.exp(np.log(ratios).mean())), "", detail, at_least(3)))
    return rows


def _median(seeds: Sequence[Mapping[str, Reached]], method: str) -> float:
    return float(np.median([one[method].updates for one in seeds]))


def _search(data: str, seed: int, method: dict[str, Any], ends: tuple[float, float]) -> Search:
    """The document of a search; seeds lie apart, so that no two searches share a run."""
    task, rate = TASKS[data], SPACE["/optimizer/learning_rate"]
    document = {
        "schema": 1,
        "kind": "search",
        **task,
        "model": {"kind": "builtin", "name": task["model"]},
        "data": {"kind": "builtin", "name": data},
        "epochs": EPOCHS,
        "validation": {"share": HELD_OUT},
        "seeds": RUNS,
        "space": SPACE | {"/optimizer/learning_rate": rate | {"low": ends[0], "high": ends[1]}},
        "objective": {"metric": "val_loss"},
        "budget": {"trials": TRIALS},
        "together": 1,
        "seed": 1_000 * seed,
        **method,
    }
    search: Search = validate(TypeAdapter(Search), document)
    if problems := search.problems():
        raise SystemExit(f"{data}: {problems[0].message}")
    return search
