"""The only map from errors to HTTP: every answer that is not a success is an RFC 9457 problem document."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.echo import safe, safe_text
from lrsearch import errors, spec
from lrsearch.errors import LrsearchError, Problem

MEDIA_TYPE: Final = "application/problem+json"
MAX_SHOWN: Final = 100
"""Most errors of one document that are listed; `errors_left_out` counts the rest."""
RETRY_AFTER_SECONDS: Final = 2
"""What a client waits before it tries again while a server behind the API is away."""

logger = logging.getLogger("lrsearch.api")


class Refused(LrsearchError):
    """A request that HTTP refuses before or beside the document: wrong type, too large, wrong state, ..."""

    def __init__(
        self, status: int, code: str, problem: Problem, *, place: str = "body", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.code, self.problem, self.place = status, code, problem, place
        self.headers = dict(headers or {})
        super().__init__(problem.message)


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors answers."""

    status: int
    title: str
    action: str
    headers: Mapping[str, str]


RETRY: Final = {"Retry-After": str(RETRY_AFTER_SECONDS)}
ROWS: Final[Mapping[type[LrsearchError], Row]] = {
    errors.InvalidDocument: Row(422, "The document is not valid", "", {}),
    errors.NotFound: Row(404, "Not found", "Check the id; GET /v1/jobs lists the jobs.", {}),
    errors.Conflict: Row(409, "The state does not allow it", "GET the job to see its state.", {}),
    errors.Unavailable: Row(503, "A server is away", "Try again after the seconds named in Retry-After.", RETRY),
    errors.DataUnavailable: Row(422, "The data is not on this machine", "Choose data that GET /v1/catalog lists.", {}),
    errors.LostLease: Row(409, "The lease was lost", "GET the job to see its state.", {}),
    errors.Misconfigured: Row(503, "The service is misconfigured", "Ask whoever runs the service.", {}),
}
"""Every error the package raises on purpose, and its answer."""

HINTS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "Correct the request; /docs describes each call."),
    404: ("not_found", "Check the address; /docs lists them all."),
    405: ("method_not_allowed", "Use one of the methods in the Allow header."),
    413: ("too_large", "Send less."),
    415: ("unsupported_media_type", "Send application/json."),
}
"""Code and next action of what the framework itself refuses."""


def install(app: FastAPI) -> None:
    """Make every error of `app` answer with a problem document."""
    app.add_exception_handler(LrsearchError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_anything)


def problem_response(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    problems: Sequence[tuple[str, Problem]] = (),
    headers: Mapping[str, str] | None = None,
    error_id: str | None = None,
) -> JSONResponse:
    """The RFC 9457 document, with every value made safe first."""
    body: dict[str, Any] = {
        "type": f"urn:lrsearch:problem:{code}",
        "title": title,
        "status": status,
        "detail": safe_text(detail, 1000),
        "instance": safe_text(request.url.path),
        "code": code,
        "errors": [_entry(place, problem) for place, problem in problems[:MAX_SHOWN]],
    }
    if len(problems) > MAX_SHOWN:
        body["errors_left_out"] = len(problems) - MAX_SHOWN
    if error_id is not None:
        body["error_id"] = error_id
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _entry(place: str, problem: Problem) -> dict[str, Any]:
    return {
        "in": place,
        "pointer": safe_text(problem.pointer),
        "rule": problem.rule,
        "value": safe(problem.value),
        "message": safe_text(problem.message, 500),
        "action": safe_text(problem.action, 500),
    }


async def _on_ours(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Refused):
        title = HTTPStatus(error.status).phrase
        problems = [(error.place, error.problem)]
        return problem_response(
            request, error.status, error.code, title, str(error), problems=problems, headers=error.headers
        )
    assert isinstance(error, LrsearchError)
    row = next((ROWS[kind] for kind in type(error).__mro__ if kind in ROWS), None)
    if row is None:
        return await _on_anything(request, error)
    if row.status >= 500:
        logger.warning("%s %s: %s", request.method, request.url.path, error)
    problems = _problems_of(error, row, request)
    return problem_response(
        request, row.status, error.code, row.title, str(error), problems=problems, headers=row.headers
    )


def _problems_of(error: LrsearchError, row: Row, request: Request) -> list[tuple[str, Problem]]:
    if isinstance(error, errors.InvalidDocument):
        place = "query" if request.method == "GET" else "body"
        return [(place, problem) for problem in error.problems]
    if row.status >= 500:
        return []
    name, value = next(reversed(request.path_params.items()), ("", None))
    pointer = f"/{name}" if name else ""
    return [("path" if name else "body", Problem(pointer, error.code, value, str(error), row.action))]


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    """Parameters in path, query and headers that FastAPI checked."""
    assert isinstance(error, RequestValidationError)
    problems = [_parameter_problem(details) for details in error.errors()]
    detail = "; ".join(f"{problem.pointer}: {problem.message}" for _, problem in problems)
    return problem_response(request, 422, "invalid_parameters", "A parameter is not valid", detail, problems=problems)


def _parameter_problem(details: Mapping[str, Any]) -> tuple[str, Problem]:
    place, *parts = details["loc"]
    pointer = "".join(f"/{spec.escape(str(part))}" for part in parts)
    action = spec.action_for(details["type"], details.get("ctx", {}), parts)
    return str(place), Problem(pointer, details["type"], details.get("input"), details["msg"], action)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: unknown addresses, wrong methods, bodies that cannot be read."""
    assert isinstance(error, HTTPException)
    code, action = HINTS.get(error.status_code, ("refused", "See /docs."))
    message = f"{request.method} {request.url.path}: {error.detail}"
    problems = [("path", Problem("", code, request.url.path, message, action))]
    title = HTTPStatus(error.status_code).phrase
    return problem_response(request, error.status_code, code, title, message, problems=problems, headers=error.headers)


async def _on_anything(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours: logged whole under an id, and nothing of it shown."""
    error_id = uuid.uuid4().hex
    logger.error("%s %s failed, error %s", request.method, request.url.path, error_id, exc_info=error)
    detail = f"The service failed. Its log has the reason under error {error_id}."
    return problem_response(request, 500, "internal_error", "Internal error", detail, error_id=error_id)
