"""What the service itself costs: start, POST, idle memory, the way from POST to the first training step.

`python -m benchmarks service` writes the table to docs/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.rows import Row, Target, at_most, shown, table
from lrsearch.cli.embedded import EmbeddedService
from lrsearch.client import Client

TITLE = "The service itself"
POSTS = 200
WARM_UP = 100
"""Submissions before the measured ones: while they come, the worker is still starting on the same cores."""
JOBS = 15
"""Jobs on a warm worker that a row is the median of."""
BLOBS: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "blobs_mlp"},
    "data": {"kind": "builtin", "name": "blobs"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 5,
    "start_lr": 1e-6,
    "end_lr": 10,
    "steps": 1000,
    "repeats": 1,
}
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "range_test_digits.json"


@contextmanager
def service(**variables: str) -> Iterator[EmbeddedService]:
    """An embedded service on a folder of its own, with the given environment variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        with tempfile.TemporaryDirectory() as home, EmbeddedService(Path(home)) as started:
            yield started
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def api_megabytes(running: EmbeddedService) -> float:
    """Resident memory of the API process, MB (10^6 bytes)."""
    pids: dict[str, int] = json.loads((running.home / "service.json").read_text())["children"]
    return psutil.Process(pids["api"]).memory_info().rss / 1e6


def post_milliseconds(client: Client, document: dict[str, Any], posts: int = POSTS) -> np.ndarray:
    """Time of each of `posts` submissions, one after the other."""
    times = np.empty(posts)
    for index in range(posts):
        began = time.perf_counter()
        client.submit(document | {"labels": {"bench": str(index)}})
        times[index] = time.perf_counter() - began
    return 1000 * times


def seconds_to_first_step(client: Client, document: dict[str, Any]) -> tuple[float, float]:
    """Seconds from POST to the first counted update, and to the stored result."""
    began = time.perf_counter()
    job_id = client.submit(document)["job_id"]
    first = None
    while True:
        job = client.job(job_id)
        if first is None and job["progress"]["done"] > 0:
            first = time.perf_counter() - began
        if job["finished_at"] is not None:
            return first or time.perf_counter() - began, time.perf_counter() - began
        time.sleep(0.005)


def report(quick: bool = False) -> str:
    """The measurements as a Markdown table."""
    return table([*_with_toy(5 if quick else POSTS, 5 if quick else WARM_UP), *_with_keras(2 if quick else JOBS)])


def _with_toy(posts: int, warm_up: int) -> list[Row]:
    """Start and POST, while a worker trains toy jobs of some seconds."""
    document: dict[str, Any] = json.loads(EXAMPLE.read_text())
    began = time.perf_counter()
    with (
        service(LRSEARCH_TRAINER="toy", LRSEARCH_TOY_SECONDS_PER_STEP="0.01") as running,
        Client(running.url) as client,
    ):
        start = time.perf_counter() - began
        post_milliseconds(client, document, warm_up)
        times = post_milliseconds(client, document, posts)
    what = f"POST /v1/jobs, p99 of {posts}, after {warm_up}, a worker training jobs of 3 s meanwhile"
    detail = f"p50 {median(times):.1f} ms"
    return [
        Row("start to `/livez`, embedded", start, "s", "", at_most(10, "s")),
        Row(what, float(np.percentile(times, 99)), "ms", detail, at_most(50, "ms")),
    ]


def _with_keras(jobs: int) -> list[Row]:
    """Memory of the API, and the way of a job on a warm worker."""
    digits: dict[str, Any] = json.loads(EXAMPLE.read_text())
    with service(LRSEARCH_TRAINER="keras") as running, Client(running.url) as client:
        idle = api_megabytes(running)
        first, last = _warm_seconds(client, digits, jobs)
        _, bounds = _warm_seconds(client, BLOBS, jobs)
    several = f"warm worker, median (quartiles) of {jobs}"
    return [
        Row("API process, idle", idle, "MB", "", at_most(250, "MB")),
        _median(f"POST to the first progress, digits, {several}", first, at_most(1, "s")),
        _median(f"POST to the stored result, digits, {several}", last),
        _median(f"POST to stored bounds, range test of `blobs_mlp`, 1,000 steps, {several}", bounds, at_most(0.3, "s")),
    ]


def _warm_seconds(client: Client, document: dict[str, Any], jobs: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds to first progress and to the stored result, of several jobs after a first one that compiles."""
    seconds_to_first_step(client, document)
    taken = [seconds_to_first_step(client, document | {"seed": seed}) for seed in range(1, 1 + jobs)]
    return np.array([first for first, _ in taken]), np.array([last for _, last in taken])


def _median(what: str, taken: np.ndarray, target: Target | None = None) -> Row:
    low, middle, high = np.quantile(taken, [0.25, 0.5, 0.75])
    return Row(what, float(middle), "s", f"{shown(low, 's')} to {shown(high, 's')}", target)
