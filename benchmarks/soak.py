"""Memory of one worker process over 200 jobs of mixed kinds; `python -m benchmarks soak`.

The jobs go the whole way but for HTTP and the queue: submitted to a database, claimed, trained by the engines a worker
has, concluded, stored. Over the run there are more kinds of programs than the warm cache holds, so that some are dropped
and made again all the time, as in a worker that lives for days.
"""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import psutil
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
from worker.runtime import Runtime

TITLE = "Memory of a worker over 200 jobs"
JOBS = 200
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
BATCHES = (16, 20, 25, 32, 40, 50, 64, 100, 125)
"""No multiple of the number of kinds: every kind of job meets every batch size."""
_DOCUMENTS: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)


def documents() -> Iterator[dict[str, Any]]:
    """Job documents without end: kind, batch size and optimizer change at different paces."""
    for number in itertools.count():
        common = {
            **BASE,
            **(DIGITS if number % 3 == 0 else {}),
            "batch_size": BATCHES[number % len(BATCHES)],
            "seed": number,
        }
        optimizer = OPTIMIZERS[number % len(OPTIMIZERS)]
        yield common | _kinds(optimizer)[number % len(_kinds(optimizer))]


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


def measured(count: int, marks: tuple[int, ...] = MARKS) -> dict[int, float]:
    """Resident memory after so many jobs, MiB; every job must succeed."""
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, _warnings_only():
        db = Database(f"sqlite:///{folder}/soak.db")
        db.migrate()
        runtime = Runtime(db, ArtifactStore(Path(folder) / "artifacts"), default_trainer(), Settings(), "soak")
        for number, document in enumerate(itertools.islice(documents(), count), start=1):
            _run(runtime, document)
            if number in marks:
                found[number] = psutil.Process().memory_info().rss / 2**20
        db.dispose()
    return found


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
    """Growth from a quarter of the jobs to their end, and the readings."""
    count = 7 if quick else JOBS
    first = 2 if quick else JOBS // 4
    found = measured(count, (first, count) if quick else MARKS)
    growth = 100 * (found[count] / found[first] - 1)
    detail = f"{found[first]:.0f} to {found[count]:.0f} MiB"
    what = f"growth of a worker's resident memory from job {first} to job {count}, mixed kinds"
    readings = markdown(("jobs", "resident memory, MiB"), [(str(n), f"{size:.0f}") for n, size in found.items()])
    return f"{table([Row(what, growth, '%', detail, at_most(5, '%'))])}\n\n{readings}"
