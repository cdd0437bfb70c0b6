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

from lrsearch.cli.embedded import EmbeddedService
from lrsearch.client import Client

TITLE = "The service itself"
POSTS = 200
WARM_UP = 100
"""Submissions before the measured ones: while they come, the worker is still starting on the same cores."""
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


def rows() -> list[tuple[str, str, str]]:
    """(what, figure, target) of each measurement."""
    document: dict[str, Any] = json.loads(EXAMPLE.read_text())
    found: list[tuple[str, str, str]] = []
    began = time.perf_counter()
    with (
        service(LRSEARCH_TRAINER="toy", LRSEARCH_TOY_SECONDS_PER_STEP="0.01") as running,
        Client(running.url) as client,
    ):
        found.append(("start to `/livez`, embedded", f"{time.perf_counter() - began:.1f} s", "<= 10 s"))
        post_milliseconds(client, document, WARM_UP)
        times = post_milliseconds(client, document)
        figures = f"{median(times):.1f} / {np.percentile(times, 99):.1f} ms"
        found.append(
            (
                f"POST /v1/jobs, p50 / p99 of {POSTS}, after {WARM_UP}, a worker training jobs of 3 s meanwhile",
                figures,
                "p99 < 50 ms",
            )
        )
    with service(LRSEARCH_TRAINER="keras") as running, Client(running.url) as client:
        found.append(("API process, idle", f"{api_megabytes(running):.0f} MB", "< 250 MB"))
        seconds_to_first_step(client, document)
        warm = [seconds_to_first_step(client, document | {"seed": seed}) for seed in range(1, 6)]
        first, last = (median(column) for column in zip(*warm, strict=True))
        found.append(("POST to first progress, warm worker, digits, median of 5", f"{first:.2f} s", "< 3 s"))
        found.append(("POST to stored result, warm worker, digits, median of 5", f"{last:.2f} s", ""))
    return found


def report() -> str:
    """The measurements as a Markdown table."""
    lines = ["| what | measured | target |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {figure} | {target} |" for what, figure, target in rows())])
