"""The events of a job as they happen (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool

from api import openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS, Database, DatabaseDep, JobId
from api.watch import Watch
from lrsearch import jobs
from lrsearch.jobs import EventView
from lrsearch.status import FINAL

KEEPALIVE_SECONDS: Final = 15.0
"""Proxies close connections that are silent for longer than half a minute or more."""
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
EVENT: Final = {
    "type": "object",
    "required": ["event", "data", "id"],
    "properties": {
        "event": {"enum": ["status", "progress", "trial", "stage"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string"},
    },
}
"""One event, as OpenAPI 3.2 describes streams."""
STREAM: Final = {"itemSchema": EVENT, "example": samples.EVENTS}

router = APIRouter(prefix="/v1/jobs/{job_id}/events", tags=["jobs"], dependencies=NO_UNKNOWN_PARAMETERS)


@router.get(
    "",
    response_class=Response,
    responses={
        200: {"description": "Events until the job is over.", "content": {"text/event-stream": STREAM}},
        204: {"description": "The job is over and Last-Event-ID was its last event: do not reconnect."},
    }
    | openapi.problems(404, 422),
)
async def events(
    request: Request,
    job_id: JobId,
    database: DatabaseDep,
    last_event_id: Annotated[int, Header(ge=0, lt=2**63, description="Replay what happened after this event.")] = 0,
) -> Response:
    """State moves (`status`), `progress`, `trial` results and, of composite jobs, each `stage` as it begins.

    Each has its id; the stream ends with the job.
    """
    if await run_in_threadpool(_is_over, database, job_id, last_event_id):
        return Response(status_code=204)
    watch: Watch = request.app.state.watch
    return EventSourceResponse(_stream(watch, job_id, last_event_id), headers=HEADERS)


def _is_over(database: Database, job_id: str, last_event_id: int) -> bool:
    """Whether nothing will come any more; a browser reconnects after the end of a stream until it is told so."""
    is_final = jobs.get(database, job_id).status in FINAL
    return is_final and last_event_id > 0 and not jobs.events(database, job_id, last_event_id)


async def _stream(watch: Watch, job_id: str, after_id: int) -> AsyncIterator[bytes]:
    async for event in watch.follow(job_id, after_id, KEEPALIVE_SECONDS):
        yield KEEPALIVE_COMMENT if event is None else _as_sse(event)


def _as_sse(event: EventView) -> bytes:
    data = schemas.AnyJson.dump_json(event.data | {"happened_at": event.happened_at}).decode()
    return format_sse_event(data_str=data, event=event.kind, id=str(event.event_id))
