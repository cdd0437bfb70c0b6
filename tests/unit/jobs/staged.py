"""A composite job kind of the tests' own: two tiny jobs, then one more, and a result that counts trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.experiments.base import Estimate, PlotSpec
from lrsearch.experiments.composite import Child, Composite, Stage
from lrsearch.jobs import Claim, JobView, Submitted
from tests.unit.jobs.tiny import Tiny, record


class Staged(Composite):
    kind: Literal["staged"] = "staged"
    broken_at: int | None = None
    """How many children there are when `next_stage` raises."""
    bad_child_at: int | None = None
    """How many children there are when a document comes out that is none."""

    def estimate(self) -> Estimate:
        return Estimate(updates=40, trials=4, estimated_seconds=None)

    def next_stage(self, children: Sequence[Child]) -> Stage | None:
        if len(children) == self.broken_at:
            raise ArithmeticError("no next stage")
        if len(children) == self.bad_child_at:
            return Stage("second", [{"kind": "staged"}], 0)
        tiny = {"kind": "tiny", "limits": {"wall_seconds": self.limits.wall_seconds}}
        if not children:
            return Stage("first", [tiny | {"trials": 1}, tiny | {"trials": 2}], 10)
        return Stage("second", [tiny], 0) if len(children) == 2 else None

    def conclude_children(self, children: Sequence[Child]) -> dict[str, Any]:
        found = {child.stage: child.result["numbers"] for child in children if child.result is not None}
        return {"kind": "staged", "numbers": found}

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        return []


STAGED: TypeAdapter[Any] = TypeAdapter(Annotated[Staged | Tiny, Field(discriminator="kind")])


def submit(db: Database, *, key: str | None = None, **fields: Any) -> Submitted:
    document = {"schema": 1, "kind": "staged", **fields}
    experiment = STAGED.validate_python(document)
    return jobs.submit(db, experiment, document, workers=1, idempotency_key=key, experiments=STAGED)


def claimed(db: Database, pack_id: str, *, lease_seconds: float = 60.0) -> Claim:
    taken = jobs.claim(db, pack_id, worker_id="w1", lease_seconds=lease_seconds, max_attempts=3, experiments=STAGED)
    assert taken is not None
    return taken


def close(db: Database, taken: Claim) -> None:
    """End a pack, as a worker that is killed right after it."""
    for number in taken.trials:
        jobs.record(db, taken, record(number))
    assert jobs.finish(db, taken, experiments=STAGED)


def work(db: Database, pack_id: str) -> list[str]:
    """Claim a pack, do it and bring its parent on; the packs of the next stage."""
    taken = claimed(db, pack_id)
    close(db, taken)
    assert taken.parent_id is not None
    return advance(db, taken.parent_id)


def advance(db: Database, job_id: str) -> list[str]:
    return jobs.advance(db, job_id, experiments=STAGED)


def reap(db: Database) -> list[str]:
    return jobs.reap(db, resend_seconds=30.0, max_attempts=3, experiments=STAGED)


def seen(db: Database, job_id: str) -> JobView:
    return jobs.get(db, job_id, with_result=True)
