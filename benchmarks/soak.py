"""Memory of one worker process over 200 jobs of mixed kinds; `python -m benchmarks soak`.

The jobs go the whole way but for HTTP and the queue: submitted to a database, claimed, trained by the engines a worker
has, concluded, stored. A process is replaced where a worker would replace its child (`worker.recycling`). Once they come again and again with new seeds, so that the warm cache holds all their programs;
once nearly every one needs a program that was never compiled before, so that others are dropped for it.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import structlog
from pydantic import TypeAdapter

from benchmarks.rows import Row, at_most, markdown, table
from lrsearch import jobs
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Experiment
from lrsearch.settings import Settings
from lrsearch.spec import validate
from lrsearch.training.keras import default_trainer
from worker import recycling
from worker.runtime import Runtime

TITLE = "Memory of a worker over 200 jobs"
JOBS = 200
AGAIN = 20
"""Documents that come again and again; their programs fit into the warm cache."""
MARKS = (1, 10, 25, 50, 75, 100, 125, 150, 175, 200)
"""Numbers of jobs after which memory is read."""
BASE: dict[str, Any] = {
    "schema": 1,
    "model": {"kind": "builtin", "name": "blobs_mlp"},
    "data": {"kind": "builtin", "name": "blobs"},
}
DIGITS: dict[str, Any] = {
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
}
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"kind": "sgd", "momentum": 0.9},
    {"kind": "adam"},
    {"kind": "rmsprop"},
    {"kind": "adamw", "weight_decay": 0.01},
)
Life: TypeAlias = dict[int, float]
"""What a process did: the number of each of its jobs, counted from 1 -> resident memory after it, MiB."""
BATCHES = (16, 20, 25, 32, 40, 50, 64, 100, 125)
"""Every kind of job meets every batch size, and goes on with larger ones."""
LEAK = (
    "Of a program that the warm cache dropped no traced function and no object is left "
    "(`tests/unit/training/keras/compiled/test_cache.py`). Its native memory comes back but for some 0.6 MiB a program "
    "without XLA, and some 6 MiB with it: what XLA compiled stays in the process, and nothing of ours holds it. So a worker "
    "replaces its child when its memory has grown (`worker/recycling.py`); where programs come again it never does."
)
_DOCUMENTS: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)


def documents(different: int | None) -> Iterator[dict[str, Any]]:
    """Job documents without end: kind, data, batch size and optimizer change at different paces.

    Args:
        different: after so many they come again, with new seeds; None: each has another batch size.
    """
    for number in itertools.count():
        place = number if different is None else number % different
        batch_size = BATCHES[place % len(BATCHES)] + (place // len(BATCHES) if different is None else 0)
        common = {**BASE, **(DIGITS if place % 3 == 0 else {}), "batch_size": batch_size, "seed": number}
        kinds = _kinds(OPTIMIZERS[place % len(OPTIMIZERS)])
        yield common | kinds[place % len(kinds)]


def _kinds(optimizer: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """A small job of every kind."""
    sweep = {"epochs": 4, "seeds": 3, "stress_seeds": 0, "validation": {"share": 0.2}, "metric": "val_loss"}
    schedules = [{"kind": "constant", "lr": 0.01}, {"kind": "cosine", "max_lr": 0.05}]
    vary = [{"pointer": "/optimizer/learning_rate", "values": [0.001, 0.01, 0.1]}]
    cosine = {"kind": "cosine", "max_lr": 0.01}
    stop = [{"kind": "early_stopping", "monitor": "val_loss", "patience": 2}]
    run = {"kind": "training", "optimizer": optimizer, "validation": {"share": 0.2}, "metric": "val_loss"}
    return (
        {"kind": "range_test", "optimizer": optimizer, "start_lr": 1e-6, "end_lr": 10, "steps": 200, "repeats": 3},
        run | {"epochs": 8, "schedule": cosine, "controllers": stop},
        {"kind": "schedule_sweep", "optimizer": optimizer, "schedules": schedules, **sweep},
        {"kind": "hyperparameter_sweep", "optimizer": optimizer, "vary": vary, **sweep},
        {"kind": "optimizer_comparison", "optimizers": list(OPTIMIZERS[:2]), "learning_rate": 0.01, **sweep},
        run | {"epochs": 2, "engine": "fit"},
        {"kind": "range_test", "optimizer": optimizer, "start_lr": 1e-6, "end_lr": 10, "steps": 1000, "repeats": 1},
    )


def lived(different: int | None, first: int, last: int) -> Life:
    """Run the jobs from number `first` to `last`, or until a worker would replace its child; every job must succeed."""
    sizes: dict[int, float] = {}
    growth = recycling.Growth()
    with tempfile.TemporaryDirectory() as folder, _warnings_only():
        db = Database(f"sqlite:///{folder}/soak.db")
        db.migrate()
        runtime = Runtime(db, ArtifactStore(Path(folder) / "artifacts"), default_trainer(), Settings(), "soak")
        for number, document in enumerate(itertools.islice(documents(different), first - 1, last), start=first):
            _run(runtime, document)
            resident = recycling.resident_bytes()
            sizes[number] = resident / 2**20
            if growth.is_due(resident):
                break
        db.dispose()
    return sizes


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Two lines of log a job would hide the figures."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)


def _run(runtime: Runtime, document: dict[str, Any]) -> None:
    experiment = validate(_DOCUMENTS, document)
    if problems := experiment.problems():
        raise SystemExit(f"{document['kind']}: {problems[0].message}")
    submitted = jobs.submit(runtime.db, experiment, document, workers=1)
    for pack_id in submitted.pack_ids:
        runtime.run(pack_id)
    job = jobs.get(runtime.db, submitted.job.job_id)
    if job.status != "succeeded":
        raise SystemExit(f"{document}: {job.status}, {job.error}")


def report(quick: bool = False) -> str:
    """Growth from a quarter of the jobs on, and the readings."""
    if quick:
        return table([_growth("mixed kinds", [lived(AGAIN, 1, 7)], 2, 7)])
    runs = {"mixed kinds, again and again": AGAIN, "mixed kinds, nearly each with programs never compiled before": None}
    found = {name: _lives(different) for name, different in runs.items()}
    rows = [_growth(name, lives, JOBS // 4, JOBS) for name, lives in found.items()]
    sizes = [_sizes(lives) for lives in found.values()]
    cells = [(str(mark), *(f"{one[mark]:.0f}" for one in sizes)) for mark in MARKS]
    return "\n\n".join([table(rows), LEAK, markdown(("jobs", *(f"MiB, {name}" for name in found)), cells)])


def _growth(name: str, lives: Sequence[Life], first: int, last: int) -> Row:
    """The largest size until job `last` against that until job `first`: where a child was replaced, single jobs tell nothing."""
    sizes = _sizes(lives)
    before, after = (max(size for number, size in sizes.items() if number <= end) for end in (first, last))
    detail = f"{before:.0f} to {after:.0f} MiB; {_replaced(lives)}"
    what = f"growth of a worker's largest resident memory from the first {first} jobs to all {last}: {name}"
    return Row(what, 100 * (after / before - 1), "%", detail, at_most(5, "%"))


def _replaced(lives: Sequence[Life]) -> str:
    last = [str(max(life)) for life in lives[:-1]]
    return f"child replaced after job {', '.join(last)}" if last else "child never replaced"


def _sizes(lives: Sequence[Life]) -> dict[int, float]:
    return {number: size for life in lives for number, size in life.items()}


def _lives(different: int | None) -> list[Life]:
    """All jobs, by as many processes after each other as a worker would use up."""
    lives: list[Life] = []
    done = 0
    while done < JOBS:
        lives.append(_in_a_process(different, done + 1))
        done = max(lives[-1])
    return lives


def _in_a_process(different: int | None, first: int) -> Life:
    """Measured in a fresh process, which does nothing else."""
    command = [sys.executable, "-m", "benchmarks.soak", str(different or 0), str(first)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {int(number): size for number, size in json.loads(ended.stdout.splitlines()[-1]).items()}


if __name__ == "__main__":
    print(json.dumps(lived(int(sys.argv[1]) or None, int(sys.argv[2]), JOBS)))
