"""The OpenAPI document: the body schema of jobs, problem documents, and examples that the tests run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from api import errors, samples
from api.schemas import Problem
from lrsearch.settings import service_root

PROBLEM: Final = "#/components/schemas/Problem"
DOCUMENT: Final = "#/components/schemas/JobDocument"
ANALYSIS: Final = "#/components/schemas/AnalysisRequest"
DESCRIPTION: Final = """Which learning rate, which schedule, which optimizer? POST a job document to /v1/jobs, follow it,
and read its result, curves and plots. Every error is an RFC 9457 problem document that names field, rule, value and next
action. Non-finite numbers are null in JSON, nan and inf in CSV."""
MEANING: Final = {
    400: "The request is not JSON, or not for this service.",
    404: "There is no such thing.",
    405: "The address does not take this method.",
    409: "The state does not allow it.",
    413: "The document is too large.",
    415: "The body is not said to be JSON.",
    422: "The document or a parameter is not valid.",
    500: "The service failed; its log has the reason under `error_id`.",
    503: "A server behind the API is away; Retry-After says when to try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problem answers for the `responses` of a route, with the ones any route can give."""
    return {status: _problem_answer(status) for status in sorted({400, 500, 503, *statuses})}


def _problem_answer(status: int) -> dict[str, Any]:
    content = {"schema": {"$ref": PROBLEM}, "example": samples.problem(status)}
    answer: dict[str, Any] = {"description": MEANING[status], "content": {errors.MEDIA_TYPE: content}}
    if status == 503:
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
    return answer


def answer(
    description: str, example: Any, headers: dict[str, str] | None = None, media: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A success with an example, and further media types with theirs."""
    found: dict[str, Any] = {"description": description, "content": {"application/json": {"example": example}}}
    found["content"] |= media or {}
    if headers:
        found["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in headers.items()
        }
    return found


def body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    """The request body of a route that parses it itself."""
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def job_examples() -> dict[str, Any]:
    """The job documents of the folder `examples/`, by file name; none where it is not installed."""
    folder = service_root() / "examples"
    return {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))}


def install(app: FastAPI, routers: Iterable[APIRouter], bodies: Mapping[str, TypeAdapter[Any]]) -> None:
    """Serve our document instead of the one FastAPI would make.

    Args:
        app: the application.
        routers: what it serves.
        bodies: name -> adapter of the bodies that routes parse themselves.
    """

    @cache
    def document() -> dict[str, Any]:
        made = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        _add(schemas, "Problem", Problem.model_json_schema(ref_template="#/components/schemas/{model}"))
        for name, adapter in bodies.items():
            _add(schemas, name, schema_of(adapter))
        _require_tags(schemas, schemas)
        _keep_problem_types(made)
        _restore_examples(made, routers)
        return made

    app.openapi = document  # pyright: ignore[reportAttributeAccessIssue] - FastAPI's documented way to extend it


def schema_of(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """JSON Schema of a body, its definitions meant for the components."""
    return adapter.json_schema(ref_template="#/components/schemas/{model}")


def _add(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """Put a schema and the definitions inside it among the components."""
    schema = dict(schema)
    schemas |= schema.pop("$defs", {})
    schemas[name] = schema


def _require_tags(node: Any, schemas: dict[str, Any]) -> None:
    """Members of a union are told apart by a field that must be sent, though it has a default in Python."""
    if isinstance(node, dict):
        union = node.get("discriminator", {})
        for reference in union.get("mapping", {}).values():
            member = schemas[reference.rpartition("/")[2]]
            member["required"] = sorted({*member.get("required", ()), union["propertyName"]})
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in list(children):
        _require_tags(child, schemas)


def _keep_problem_types(made: dict[str, Any]) -> None:
    """Refusals have one media type; FastAPI adds the one of the success to each."""
    for operations in made["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {errors.MEDIA_TYPE: response["content"][errors.MEDIA_TYPE]}


def _restore_examples(made: dict[str, Any], routers: Iterable[APIRouter]) -> None:
    """Put the examples in again: FastAPI drops every field of them that is null."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    for route in routes:
        operations = [made["paths"][route.path_format][method.lower()] for method in route.methods or ()]
        for operation in operations if route.include_in_schema else ():
            for status, response in route.responses.items():
                found = operation["responses"][str(status)].get("content", {})
                _copy_examples(response.get("content", {}), found)


def _copy_examples(declared: Mapping[str, dict[str, Any]], found: dict[str, Any]) -> None:
    for media_type, content in declared.items():
        if "example" in content and media_type in found:
            found[media_type]["example"] = content["example"]
