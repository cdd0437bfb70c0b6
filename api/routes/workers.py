"""Who works."""

from __future__ import annotations

import dataclasses

from fastapi import APIRouter

from api import openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS, DatabaseDep
from lrsearch import jobs

router = APIRouter(prefix="/v1/workers", tags=["service"], dependencies=NO_UNKNOWN_PARAMETERS)


@router.get(
    "",
    response_model=schemas.WorkerList,
    responses={200: openapi.answer("The workers.", samples.WORKERS)} | openapi.problems(422),
)
def workers(database: DatabaseDep) -> schemas.WorkerList:
    """The workers seen lately, their device and what they work on."""
    seen = [schemas.Worker.model_validate(dataclasses.asdict(worker)) for worker in jobs.workers(database)]
    return schemas.WorkerList(items=seen)
