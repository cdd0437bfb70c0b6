"""Submit, find, follow, cancel, delete and rerun jobs."""

from __future__ import annotations

import hashlib
import logging
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import TypeAdapter

from api import bodies, openapi, samples, schemas, views
from api.deps import (
    NO_UNKNOWN_PARAMETERS,
    Body,
    Database,
    DatabaseDep,
    Enqueue,
    EnqueueDep,
    IdempotencyKey,
    JobId,
    Moment,
    Text,
)
from api.errors import Refused
from lrsearch import jobs
from lrsearch.errors import Conflict, InvalidDocument, Problem, Unavailable
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Experiment
from lrsearch.status import FINAL, JobStatus

RETRY_AFTER = {"Retry-After": "1"}
"""A follower asks again after a second; who wants it faster follows the events."""
EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)

logger = logging.getLogger("lrsearch.api")
router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=NO_UNKNOWN_PARAMETERS)
LOCATION = {"Location": "Address of the job.", "Retry-After": "Seconds after which to ask again."}


@router.post(
    "",
    status_code=202,
    response_model=schemas.Job,
    responses={
        200: {"model": schemas.Estimate} | openapi.answer("Valid; answer of `validate_only`.", samples.ESTIMATE),
        202: openapi.answer("Accepted.", samples.JOB, LOCATION),
    }
    | openapi.problems(409, 413, 415, 422),
    openapi_extra=openapi.body({"$ref": openapi.DOCUMENT}, openapi.job_examples()),
)
def submit(
    body: Body,
    database: DatabaseDep,
    enqueue: EnqueueDep,
    idempotency_key: IdempotencyKey = None,
    validate_only: Annotated[bool, Query(description="Check everything, store nothing, answer an estimate.")] = False,
) -> Response:
    """Store a job and send it to the workers; `validate_only` checks it and answers what it will cost."""
    experiment = checked(body)
    if validate_only:
        return json_response(_estimate(database, experiment))
    document = stored_form(experiment)
    digest = hashlib.sha256(bodies.canonical(document)).hexdigest()
    submitted = jobs.submit(
        database, experiment, document, idempotency_key=idempotency_key, body_hash=digest if idempotency_key else None
    )
    return accepted(database, enqueue, submitted)


def _estimate(database: Database, experiment: Experiment) -> schemas.Estimate:
    """What the job will cost, by what jobs like it have cost."""
    estimate = experiment.estimate()
    seconds = estimate.estimated_seconds
    if seconds is None and (each := jobs.seconds_per_update(database, stored_form(experiment))) is not None:
        seconds = round(each * estimate.updates, 1)
    return schemas.Estimate(updates=estimate.updates, trials=estimate.trials, estimated_seconds=seconds)


def checked(body: bytes) -> Experiment:
    """The experiment that the document describes.

    Raises:
        InvalidDocument: with everything that is wrong, fields first, then what no single field shows.
    """
    experiment = bodies.validated(EXPERIMENT, body)
    if problems := experiment.problems():
        raise InvalidDocument(problems)
    return experiment


def stored_form(experiment: Experiment) -> dict[str, Any]:
    """The document as it was sent, with the defaults filled in.

    Fields whose default is "left out" (null) stay left out, unless the document would mean something else then.
    """
    short = experiment.model_dump(mode="json", by_alias=True, exclude_none=True)
    return (
        short if EXPERIMENT.validate_python(short) == experiment else experiment.model_dump(mode="json", by_alias=True)
    )


def accepted(database: Database, enqueue: Enqueue, submitted: jobs.Submitted) -> Response:
    """202 for a job that is stored: the messages are sent after the commit, by the reaper if the broker is away."""
    try:
        if submitted.is_new:
            enqueue(submitted.pack_ids)
            jobs.mark_sent(database, submitted.pack_ids)
    except Unavailable as error:
        logger.warning("job %s is stored; its messages go out later: %s", submitted.job.job_id, error)
    headers = RETRY_AFTER | {"Location": f"/v1/jobs/{submitted.job.job_id}"}
    if not submitted.is_new:
        headers["Idempotent-Replayed"] = "true"
    return json_response(views.job(submitted.job), 202, headers)


def json_response(model: schemas.Read, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A read model as JSON; NaN and infinities are null."""
    return Response(model.model_dump_json(by_alias=True), status, headers, media_type="application/json")


@router.get(
    "",
    response_model=schemas.JobPage,
    responses={200: openapi.answer("A page of jobs.", samples.PAGE)} | openapi.problems(422),
)
def find(
    *,
    database: DatabaseDep,
    kind: Annotated[Text | None, Query(description="Only jobs of this kind.")] = None,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state.")] = None,
    label: Annotated[Text | None, Query(description="Only jobs with this label, `key:value`.")] = None,
    created_after: Annotated[Moment | None, Query(description="Only jobs created after this moment.")] = None,
    created_before: Annotated[Moment | None, Query(description="Only jobs created before this moment.")] = None,
    parent_id: Annotated[Text | None, Query(description="The jobs that this composite job is made of.")] = None,
    page_token: Annotated[Text | None, Query(description="`next_page_token` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Most jobs of a page.")] = 50,
) -> schemas.JobPage:
    """Find jobs, newest first; those that are parts of a composite job only with `parent_id`."""
    found, next_page_token = jobs.find(
        database,
        kind=kind,
        status=status,
        label=label,
        created_after=created_after,
        created_before=created_before,
        parent_id=parent_id,
        page_token=page_token,
        limit=limit,
    )
    return schemas.JobPage(items=[views.job(view) for view in found], next_page_token=next_page_token)


@router.get(
    "/{job_id}",
    response_model=schemas.Job,
    responses={
        200: openapi.answer(
            "The job.", samples.JOB, {"ETag": "Changes with the job.", "Retry-After": "Only while unfinished."}
        ),
        304: {"description": "Not changed since the ETag in If-None-Match."},
    }
    | openapi.problems(404, 422),
)
def get(
    job_id: JobId,
    database: DatabaseDep,
    if_none_match: Annotated[str | None, Header(description="ETag of the answer already at hand.")] = None,
) -> Response:
    """Status, progress, why it waits, and the summary of the result."""
    view = jobs.get(database, job_id, with_result=True)
    response = json_response(views.job(view))
    # the reason why a job waits changes without its version, so the tag is made from what is shown
    tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"} | ({} if view.status in FINAL else RETRY_AFTER)
    if if_none_match is not None and _matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def _matches(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110, section 13.1.2)."""
    tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in tags or "*" in tags


@router.post(
    "/{job_id}/cancel",
    response_model=schemas.Job,
    responses={200: openapi.answer("Cancelled, or about to be.", samples.JOB)} | openapi.problems(404, 409, 422),
)
def cancel(job_id: JobId, database: DatabaseDep) -> schemas.Job:
    """Stop a job; partial curves are kept. A running job stops within two seconds."""
    try:
        return views.job(jobs.cancel(database, job_id))
    except Conflict as error:
        raise _finished(database, job_id, error, "Nothing is left to cancel; read its result.") from error


@router.delete(
    "/{job_id}",
    status_code=204,
    responses={204: {"description": "Deleted."}} | openapi.problems(404, 409, 422),
)
def delete(job_id: JobId, database: DatabaseDep) -> Response:
    """Delete a finished job with its curves and artifacts."""
    try:
        jobs.delete(database, job_id)
    except Conflict as error:
        raise _finished(database, job_id, error, "Cancel it first, or wait for its end.") from error
    return Response(status_code=204)


def _finished(database: Database, job_id: str, error: Conflict, action: str) -> Refused:
    """The conflict, with the state that is in the way."""
    status = jobs.get(database, job_id).status.value
    return Refused(409, "conflict", Problem("/status", "conflict", status, str(error), action), place="job")


@router.post(
    "/{job_id}/rerun",
    status_code=202,
    response_model=schemas.Job,
    responses={202: openapi.answer("Accepted.", samples.JOB, LOCATION)} | openapi.problems(404, 422),
)
def rerun(job_id: JobId, database: DatabaseDep, enqueue: EnqueueDep) -> Response:
    """Submit the same document again as a new job that names this one in `rerun_of`."""
    document = jobs.get(database, job_id).document
    experiment = checked(bodies.canonical(document))
    submitted = jobs.submit(database, experiment, stored_form(experiment), rerun_of=job_id)
    return accepted(database, enqueue, submitted)
