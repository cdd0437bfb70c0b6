"""The trials of a job, their curves, and the job's result."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api import openapi, samples, schemas, tables, views
from api.deps import NO_UNKNOWN_PARAMETERS, Database, DatabaseDep, JobId, TrialNumber
from api.errors import Refused
from api.routes.jobs import json_response
from lrsearch import jobs
from lrsearch.errors import Problem
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.status import FINAL

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["results"], dependencies=NO_UNKNOWN_PARAMETERS)
FormatQuery = Annotated[tables.Format | None, Query(alias="format", description="json, csv or parquet.")]


def _files(csv: str) -> dict[str, Any]:
    """How CSV and Parquet stand in the OpenAPI document."""
    return {
        "text/csv": {"schema": {"type": "string"}, "example": csv},
        tables.MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
    }


@router.get(
    "/trials",
    response_model=schemas.TrialList,
    responses={
        200: openapi.answer(
            "The finished trials.",
            samples.TRIALS,
            media=_files(samples.TRIALS_CSV),
        )
    }
    | openapi.problems(404, 422),
)
def trials(request: Request, job_id: JobId, database: DatabaseDep, file_format: FormatQuery = None) -> Response:
    """The finished trials of a job, by number; also as CSV and Parquet."""
    records = jobs.trials(database, job_id)
    wanted = tables.wanted_format(request, file_format)
    if wanted == "json":
        return json_response(schemas.TrialList(items=[views.trial(job_id, record) for record in records]))
    return tables.response(_trial_columns(records), wanted, f"{job_id}-trials")


def _trial_columns(records: list[TrialRecord]) -> dict[str, list[Any]]:
    """The table of the trials: one column a plain field, one a metric."""
    columns: dict[str, list[Any]] = {
        "number": [record.number for record in records],
        "status": [record.status.value for record in records],
        "seed": [record.seed for record in records],
        "stop_reason": [str(record.stop_reason) for record in records],
        "stopped_at": [record.stopped_at for record in records],
        "setting": [record.setting for record in records],
    }
    metrics = sorted({name for record in records for name in record.metrics})
    return columns | {f"metrics/{name}": [record.metrics.get(name) for record in records] for name in metrics}


@router.get(
    "/trials/{number}",
    response_model=schemas.Trial,
    responses={200: openapi.answer("The trial.", samples.TRIAL)} | openapi.problems(404, 422),
)
def trial(job_id: JobId, number: TrialNumber, database: DatabaseDep) -> schemas.Trial:
    """One trial."""
    return views.trial(job_id, jobs.trial(database, job_id, number))


@router.get(
    "/trials/{number}/curve",
    response_model=schemas.Curve,
    responses={200: openapi.answer("The curve.", samples.CURVE, media=_files(samples.CURVE_CSV))}
    | openapi.problems(404, 422),
)
def curve(
    request: Request, job_id: JobId, number: TrialNumber, database: DatabaseDep, file_format: FormatQuery = None
) -> Response:
    """Learning rate and loss of every update, and its momentum where the schedule moves it; also as CSV and Parquet, with `nan` and `inf` as they are."""
    record = jobs.trial(database, job_id, number)
    wanted = tables.wanted_format(request, file_format)
    if wanted == "json":
        return json_response(_curve(record))
    lrs, losses = record.arrays["lrs"].tolist(), record.arrays["losses"].tolist()
    momenta = {"momentum": record.arrays["momenta"].tolist()} if "momenta" in record.arrays else {}
    columns = {"step": range(len(losses)), "lr": lrs, **momenta, "loss": losses}
    return tables.response(columns, wanted, f"{job_id}-trial-{number}")


def _curve(record: TrialRecord) -> schemas.Curve:
    history = {
        name.removeprefix("history/"): finite_or_none(values)
        for name, values in record.arrays.items()
        if name.startswith("history/")
    }
    return schemas.Curve(
        trial=record.number,
        seed=record.seed,
        lrs=record.arrays["lrs"].tolist(),
        losses=finite_or_none(record.arrays["losses"]),
        momenta=record.arrays["momenta"].tolist() if "momenta" in record.arrays else None,
        history=history,
        stopped_at=record.stopped_at,
        stop_reason=str(record.stop_reason),
    )


@router.get(
    "/result",
    response_model=schemas.RangeTestResult | schemas.ComparisonResult,
    responses={200: openapi.answer("The result.", samples.RESULT)} | openapi.problems(404, 409, 422),
)
def result(job_id: JobId, database: DatabaseDep) -> Response:
    """Suggestion and rules of a range test, leaderboard of a comparison, curves, and what they hold for.

    Of a cancelled job, what there was.
    """
    return Response(_as_json(stored_result(database, job_id)[1]), media_type="application/json")


def _as_json(result: dict[str, Any]) -> bytes:
    return schemas.AnyJson.dump_json(result)


def stored_result(database: Database, job_id: str) -> tuple[jobs.JobView, dict[str, Any]]:
    """The job and its result.

    Raises:
        NotFound: no such job.
        Refused: 409 `not_finished` while it runs, `no_result` when it ended without one.
    """
    view = jobs.get(database, job_id, with_result=True)
    if view.result is not None:
        return view, view.result
    status = view.status.value
    if view.status in FINAL:
        message = (
            f"The job was {status} and left no result."
            if status == "cancelled"
            else f"The job {status} and left no result."
        )
        action = f"GET /v1/jobs/{job_id} says why, under `error`; POST to its address with /rerun runs it again."
        problem = Problem("/status", "no_result", status, message, action)
        raise Refused(409, "no_result", problem, place="job")
    problem = Problem("/status", "not_finished", status, f"The job is {status}.", "Ask again when it has finished.")
    raise Refused(409, "not_finished", problem, place="job", headers={"Retry-After": "1"})
