"""Figures for Prometheus, from a real database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.range_test import RangeTest
from lrsearch.metrics import DatabaseCollector, Rate, render
from lrsearch.status import TrialStatus
from lrsearch.training.trainer import StopReason

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "adam"},
    "batch_size": 32,
    "repeats": 2,
    "steps": 100,
}


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database


def figures(collector: DatabaseCollector) -> dict[str, float]:
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(render(collector).decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def submit(db: Database) -> jobs.Submitted:
    return jobs.submit(db, RangeTest.model_validate(DOCUMENT), DOCUMENT, workers=1)


def claim(db: Database, pack_id: str, lease_seconds: float = 60.0) -> jobs.Claim:
    held = jobs.claim(db, pack_id, worker_id="w", lease_seconds=lease_seconds, max_attempts=3)
    assert held is not None
    return held


def record(number: int, seconds: dict[str, float]) -> TrialRecord:
    arrays = {"lrs": np.geomspace(1e-5, 1.0, 100), "losses": np.linspace(2.0, 1.0, 100)}
    return TrialRecord(
        number, TrialStatus.COMPLETE, number, {}, arrays, StopReason.COMPLETED, None, facts={"seconds": seconds}
    )


def test_an_empty_database_shows_every_state_at_zero(db: Database) -> None:
    shown = figures(DatabaseCollector(db))
    assert [0.0] * 5 == [
        shown[f"lrsearch_jobs{{{state}}}"] for state in ("queued", "running", "succeeded", "failed", "cancelled")
    ]
    assert [0.0] * 4 == [
        shown[name]
        for name in (
            "lrsearch_queue_age_seconds",
            "lrsearch_retries_total",
            "lrsearch_lease_expiries_total",
            "lrsearch_steps_total",
        )
    ]
    assert math.isnan(shown["lrsearch_steps_per_second"])


def test_jobs_are_counted_by_state_and_the_queue_has_an_age(db: Database) -> None:
    first, _ = submit(db), submit(db)
    claim(db, first.pack_ids[0])
    shown = figures(DatabaseCollector(db))
    assert (1.0, 1.0) == (shown["lrsearch_jobs{queued}"], shown["lrsearch_jobs{running}"])
    assert 0.0 < shown["lrsearch_queue_age_seconds"] < 60.0


def test_an_expired_lease_counts_as_an_expiry_and_its_second_attempt_as_a_retry(db: Database) -> None:
    pack_id = submit(db).pack_ids[0]
    collector = DatabaseCollector(db)
    claim(db, pack_id, lease_seconds=-1.0)
    jobs.reap(db, resend_seconds=30.0, max_attempts=3)
    assert (1.0, 0.0) == tuple(figures(collector)[f"lrsearch_{name}_total"] for name in ("lease_expiries", "retries"))
    claim(db, pack_id)
    assert (1.0, 1.0) == tuple(figures(collector)[f"lrsearch_{name}_total"] for name in ("lease_expiries", "retries"))


def test_training_shows_its_updates_its_seconds_by_phase_and_its_trials(db: Database) -> None:
    held = claim(db, submit(db).pack_ids[0])
    jobs.record(db, held, record(0, {"build": 0.5, "train": 2.0}))
    jobs.record(db, held, record(1, {"train": 1.0}))
    jobs.renew(db, held, lease_seconds=60.0, done=200, total=200)
    shown = figures(DatabaseCollector(db))
    assert 200.0 == shown["lrsearch_steps_total"]
    assert (0.5, 3.0) == (
        shown["lrsearch_training_seconds_total{build}"],
        shown["lrsearch_training_seconds_total{train}"],
    )
    assert 2.0 == shown["lrsearch_trials_total{complete}"]


def test_deleting_a_job_takes_nothing_off_a_counter(db: Database) -> None:
    submitted = submit(db)
    held = claim(db, submitted.pack_ids[0])
    for number in range(2):
        jobs.record(db, held, record(number, {"train": 1.5}))
    assert jobs.finish(db, held)
    collector = DatabaseCollector(db)
    before = figures(collector)
    jobs.delete(db, submitted.job.job_id)
    after = figures(collector)
    assert 0.0 == after["lrsearch_jobs{succeeded}"]
    for name in ("lrsearch_trials_total{complete}", "lrsearch_steps_total"):
        assert before[name] == after[name]
    assert 3.0 == after.get("lrsearch_training_seconds_total{train}")


def test_trials_older_than_a_minute_are_read_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from lrsearch import metrics

    monkeypatch.setattr(metrics, "SETTLED", timedelta(seconds=-1))
    held = claim(db, submit(db).pack_ids[0])
    collector = DatabaseCollector(db)
    jobs.record(db, held, record(0, {"train": 1.0}))
    assert 1.0 == figures(collector)["lrsearch_training_seconds_total{train}"]
    assert 1.0 == figures(collector)["lrsearch_training_seconds_total{train}"]


def test_the_step_rate_is_the_change_over_the_last_minute() -> None:
    rate = Rate(60.0)
    assert [None, 10.0, 5.0] == [rate.seen(0.0, 100.0), rate.seen(300.0, 130.0), rate.seen(300.0, 160.0)]
    assert 0.0 == rate.seen(300.0, 195.0)


def test_workers_are_counted_by_state(db: Database) -> None:
    jobs.worker_seen(db, jobs.WorkerView("w1", "host", 1, "cpu", "idle"))
    shown = figures(DatabaseCollector(db))
    assert (1.0, 0.0) == (shown["lrsearch_workers{idle}"], shown["lrsearch_workers{busy}"])
