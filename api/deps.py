"""What the routes get handed: settings, database, the way to the broker, checked parameters.

FastAPI runs the code after a dependency's `yield` when the response is already sent, so nothing may commit there: the
verbs of `lrsearch.jobs` commit themselves, and a dependency that yields must say `Depends(..., scope="function")`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Query, Request
from pydantic import AfterValidator, AwareDatetime

from api import bodies
from api.errors import Refused
from lrsearch import spec
from lrsearch.db import Database
from lrsearch.errors import NotFound, Problem
from lrsearch.settings import Settings

Enqueue = Callable[[Sequence[str]], None]
JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
LARGEST_NUMBER: Final = 2**31 - 1
"""Larger trial numbers fit in no column, and no job has so many trials."""
CLEAN: Final = r"^[^\x00]*$"
"""Text without NUL, which PostgreSQL does not store."""
KEY: Final = r"^[\x21-\x7e]+$"
"""Idempotency keys are visible ASCII."""


def settings_of(request: Request) -> Settings:
    """The settings the application was made with."""
    return request.app.state.settings


def database_of(request: Request) -> Database:
    """The application's database."""
    return request.app.state.database


def enqueue_of(request: Request) -> Enqueue:
    """Sends pack ids to the broker; raises `Unavailable` when it is away."""
    return request.app.state.enqueue


def known_job_id(job_id: Annotated[str, Path(description="Id of the job.", examples=["0198c1f2"])]) -> str:
    """The id, if it can be one.

    Raises:
        NotFound: no job has such an id; the database need not be asked.
    """
    if not JOB_ID.fullmatch(job_id):
        raise NotFound(f"There is no job {job_id!r}.")
    return job_id


async def document_body(request: Request, settings: Annotated[Settings, Depends(settings_of)]) -> bytes:
    """The raw JSON body, under the size limit of the settings."""
    return await bodies.read(request, settings.max_document_bytes)


def no_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that the route does not have: `?validate-only=true` must not submit a job.

    Raises:
        Refused: names the first such parameter, and the one it may be meant for.
    """
    known = [str(parameter.alias) for parameter in request.scope["route"].dependant.query_params]
    for name, value in request.query_params.items():
        if name not in known:
            rest = f"Use one of {', '.join(known)}." if known else "This call takes none."
            problem = Problem(
                f"/{spec.escape(name)}",
                "unknown_parameter",
                value,
                f"There is no parameter {name!r}.",
                spec.did_you_mean(name, known) + rest,
            )
            raise Refused(422, "invalid_parameters", problem, place="query")


def _in_utc(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9998:  # a shift by the zone must not leave what datetime can hold
        raise ValueError("the year must lie between 1970 and 9998")
    return moment.astimezone(UTC)


SettingsDep = Annotated[Settings, Depends(settings_of)]
DatabaseDep = Annotated[Database, Depends(database_of)]
EnqueueDep = Annotated[Enqueue, Depends(enqueue_of)]
JobId = Annotated[str, Depends(known_job_id)]
Body = Annotated[bytes, Depends(document_body)]
TrialNumber = Annotated[int, Path(ge=0, le=LARGEST_NUMBER, description="Number of the trial, counted from 0.")]
NO_UNKNOWN_PARAMETERS: Final = (Depends(no_unknown_parameters),)
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Text = Annotated[str, Query(max_length=200, pattern=CLEAN)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern=KEY,
        description="Sent again with the same body, the first answer is given again and no second job is made.",
    ),
]
