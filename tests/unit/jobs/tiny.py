"""A job kind of the tests' own: `trials` trainings that nobody trains, and a result that counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.experiments.base import Context, Estimate, Experiment, PlotSpec, TrialRecord
from lrsearch.jobs import Claim, JobView, Submitted
from lrsearch.status import TrialStatus
from lrsearch.training.trainer import StopReason


class Tiny(Experiment):
    kind: Literal["tiny"] = "tiny"
    trials: int = 1
    broken: bool = False
    """Whether `conclude` raises."""

    def estimate(self) -> Estimate:
        return Estimate(updates=10 * self.trials, trials=self.trials, estimated_seconds=None)

    def packs(self, workers: int) -> list[list[int]]:
        count = min(workers, self.trials)
        return [list(range(first, self.trials, count)) for first in range(count)]

    def train(self, trials: Sequence[int], context: Context) -> None:
        for number in trials:
            context.on_trials([record(number)])

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        if self.broken:
            raise ArithmeticError("no conclusion")
        return {"kind": "tiny", "numbers": [item.number for item in records], "loss": float("nan")}

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        return []


TINY: TypeAdapter[Any] = TypeAdapter(Tiny)


LOSSES = tuple(np.linspace(1.0, 0.5, 10).tolist())
"""Of a whole trial: as many as were estimated."""


def record(number: int, losses: Sequence[float] = LOSSES) -> TrialRecord:
    return TrialRecord(
        number=number,
        status=TrialStatus.COMPLETE,
        seed=number + 100,
        setting={"lr": 0.1},
        arrays={"lrs": np.linspace(0.1, 1.0, len(losses)), "losses": np.asarray(losses)},
        stop_reason=StopReason.COMPLETED,
        stopped_at=None,
        metrics={"test_loss": 0.25},
        facts={"engine": "none"},
    )


def submit(db: Database, *, workers: int = 1, key: str | None = None, **fields: Any) -> Submitted:
    document = {"schema": 1, "kind": "tiny", **fields}
    return jobs.submit(db, TINY.validate_python(document), document, workers=workers, idempotency_key=key)


def claim(db: Database, pack_id: str, *, lease_seconds: float = 60.0, max_attempts: int = 3) -> Claim | None:
    return jobs.claim(
        db, pack_id, worker_id="w1", lease_seconds=lease_seconds, max_attempts=max_attempts, experiments=TINY
    )


def claimed(db: Database, pack_id: str, *, lease_seconds: float = 60.0, max_attempts: int = 3) -> Claim:
    taken = claim(db, pack_id, lease_seconds=lease_seconds, max_attempts=max_attempts)
    assert taken is not None
    return taken


def running(db: Database, *, lease_seconds: float = 60.0, max_attempts: int = 3, **fields: Any) -> Claim:
    """A job of one pack, submitted and claimed."""
    return claimed(db, submit(db, **fields).pack_ids[0], lease_seconds=lease_seconds, max_attempts=max_attempts)


def work(db: Database, taken: Claim) -> bool:
    for number in taken.trials:
        jobs.record(db, taken, record(number))
    return jobs.finish(db, taken, experiments=TINY)


def reap(db: Database, *, resend_seconds: float = 30.0, max_attempts: int = 3) -> list[str]:
    return jobs.reap(db, resend_seconds=resend_seconds, max_attempts=max_attempts, experiments=TINY)


def done(db: Database, **fields: Any) -> JobView:
    """A job that succeeded."""
    taken = running(db, **fields)
    assert work(db, taken)
    return jobs.get(db, taken.job_id)


def moves(db: Database, job_id: str) -> list[str]:
    """The states a job went through, from its events."""
    return [event.data["status"] for event in jobs.events(db, job_id) if event.kind == "status"]
