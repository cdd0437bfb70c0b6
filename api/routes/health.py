"""Whether the process lives and whether it can accept jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Request, Response

from api import errors, openapi, samples, schemas
from api.deps import DatabaseDep, SettingsDep
from api.routes.jobs import json_response
from lrsearch import __version__, jobs, queue
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, Problem

router = APIRouter(tags=["service"])
REMEDIES: Final = {
    "database": "Start the database, or correct DATABASE_URL.",
    "migrations": "Run `lrsearch migrate`.",
    "broker": "Start the broker, or correct REDIS_URL.",
}


@router.get(
    "/livez",
    response_model=schemas.Liveness,
    responses={200: openapi.answer("The process answers.", samples.LIVE)} | openapi.problems(),
)
async def livez() -> schemas.Liveness:
    """The process answers; nothing behind it is asked."""
    return schemas.Liveness(status="ok", version=__version__)


@router.get(
    "/readyz",
    response_model=schemas.Readiness,
    responses={200: openapi.answer("Jobs can be accepted.", samples.READY)} | openapi.problems(),
)
def readyz(request: Request, database: DatabaseDep, settings: SettingsDep) -> Response:
    """Database, its migrations and the broker; the state of the workers stands in the body."""
    checks = {
        "database": _holds(lambda: database.check() is None),
        "migrations": _holds(database.head_is_current),
        "broker": settings.redis_url is not None and _holds(queue.ping),
    }
    if all(checks.values()):
        return json_response(schemas.Readiness(status="ready", checks=checks, workers=_workers(database)))
    problems = [
        ("service", Problem(f"/checks/{name}", "not_ready", False, f"The check of the {name} failed.", REMEDIES[name]))
        for name, is_good in checks.items()
        if not is_good
    ]
    detail = "Not ready: " + ", ".join(name for name, is_good in checks.items() if not is_good) + "."
    return errors.problem_response(
        request, 503, "not_ready", "Not ready", detail, problems=problems, headers=errors.RETRY
    )


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except LrsearchError:
        return False


def _workers(database: Database) -> dict[str, int]:
    return dict(Counter(str(worker.state) for worker in jobs.workers(database)))
