"""From the read models of `lrsearch.jobs` to those of the API."""

from __future__ import annotations

import math
from typing import Any

from api import schemas
from lrsearch.experiments.base import TrialRecord
from lrsearch.jobs import ChildView, JobView
from lrsearch.status import FINAL


def job(view: JobView) -> schemas.Job:
    """A job as the API shows it."""
    return schemas.Job.model_validate(
        {
            "job_id": view.job_id,
            "kind": view.kind,
            "status": view.status,
            "progress": {
                "done": view.progress_done,
                "total": view.progress_total,
                "eta_seconds": eta_seconds(view),
            },
            "waiting_because": view.waiting_because,
            "attempt": view.attempt,
            "created_at": view.created_at,
            "started_at": view.started_at,
            "finished_at": view.finished_at,
            "error": view.error,
            "document": view.document,
            "links": links(view.job_id),
            "labels": view.labels,
            "cancel_requested": view.cancel_requested,
            "rerun_of": view.rerun_of,
            "parent_id": view.parent_id,
            "stage": view.stage,
            "children": [child(one) for one in view.children],
            "summary": summary(view.result),
        }
    )


def child(view: ChildView) -> dict[str, Any]:
    """A part of a composite job, in a line."""
    parts = {"kind": view.kind, "stage": view.stage, "status": view.status}
    return {"job_id": view.job_id} | parts | {"links": links(view.job_id)}


def eta_seconds(view: JobView) -> float | None:
    """Seconds to go at the average speed so far; None before the first progress and after the end.

    Reckoned to the last change and not to now, so that an unchanged job keeps its ETag.
    """
    if view.status in FINAL or view.started_at is None or not view.progress_done:
        return None
    seconds = (view.updated_at - view.started_at).total_seconds()
    return round(seconds * (view.progress_total - view.progress_done) / view.progress_done, 1)


def links(job_id: str) -> dict[str, str]:
    """Where the parts of a job are, relative to the service's root."""
    base = f"/v1/jobs/{job_id}"
    parts = ("events", "cancel", "rerun", "trials", "result", "plots")
    return {"self": base} | {part: f"{base}/{part}" for part in parts}


def summary(result: dict[str, Any] | None) -> dict[str, Any] | None:
    """What of a result fits into a line."""
    names = ("verdict", "suggestion", "recommendation", "flags")
    return result and {name: result[name] for name in names if name in result}


def trial(job_id: str, record: TrialRecord) -> schemas.Trial:
    """A trial without its arrays."""
    base = f"/v1/jobs/{job_id}/trials/{record.number}"
    return schemas.Trial(
        number=record.number,
        status=record.status,
        seed=record.seed,
        setting=record.setting,
        stop_reason=str(record.stop_reason),
        stopped_at=record.stopped_at,
        metrics={name: value if math.isfinite(value) else None for name, value in record.metrics.items()},
        facts=record.facts,
        links={"self": base, "curve": f"{base}/curve"},
    )
