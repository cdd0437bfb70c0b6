"""Promise: the OpenAPI document is true. Every example runs, every answer has one, every heavy door stays shut."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from api import samples
from api.main import ROUTERS, create_app
from tests.unit.api import service


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    service.migrate(home / "template.db")
    return create_app(service.settings(home, home / "template.db"))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with service.client_of(app) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    return client.get("/openapi.json").json()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """A validator that finds `#/components/...` in the whole document."""
    return jsonschema.Draft202012Validator(schema | {"components": document["components"]})


def media(operations: list[tuple[str, str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every response content with a name that says where it stands."""
    for method, path, operation in operations:
        for status, response in operation["responses"].items():
            for media_type, content in response.get("content", {}).items():
                yield f"{method} {path} {status} {media_type}", content


def test_every_component_is_a_json_schema_and_every_reference_leads_to_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = set(document["components"]["schemas"])
    assert set() == {name.rpartition("/")[2] for name in references(document)} - names


@pytest.mark.parametrize("field", [(), ("optimizer",)], ids=["document", "optimizer"])
def test_what_the_service_needs_to_tell_kinds_apart_is_required(
    document: dict[str, Any], client: TestClient, field: tuple[str, ...]
) -> None:
    body = service.DOCUMENT | ({"optimizer": {}} if field else {})
    sent = body if field else {name: value for name, value in body.items() if name != "kind"}
    assert 422 == client.post("/v1/jobs", json=sent).status_code
    schema = {"$ref": "#/components/schemas/JobDocument"}
    assert validator(document, schema).is_valid(service.DOCUMENT)
    assert not validator(document, schema).is_valid(sent)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_answer_with_text_or_json_has_an_example(operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    binary = {"image/png", "image/svg+xml", "application/vnd.apache.parquet"}
    without = [
        name for name, content in media(operations) if name.split()[-1] not in binary and "example" not in content
    ]
    assert [] == without


def test_every_response_example_fits_its_schema(
    document: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    faults = [
        f"{name}: {error.json_path} {error.message}"
        for name, content in media(operations)
        if "example" in content and "schema" in content
        for error in validator(document, content["schema"]).iter_errors(content["example"])
    ]
    assert [] == faults


def test_every_request_example_is_accepted_with_an_answer_that_fits(
    client: TestClient, document: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    ran = 0
    for method, path, operation in operations:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name, example in content["examples"].items():
                response = client.request(method, path, json=example["value"])
                success = min(status for status in operation["responses"] if status.startswith("2"))
                accepted = "202" if "202" in operation["responses"] else success
                assert accepted == str(response.status_code), f"{name}: {response.text}"
                schema = operation["responses"][accepted]["content"]["application/json"]["schema"]
                validator(document, schema).validate(response.json())
                validator(document, content["schema"]).validate(example["value"])
                ran += 1
    assert ran >= 4


def test_real_answers_of_a_finished_job_fit_their_schemas(
    client: TestClient, app: FastAPI, document: dict[str, Any], operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    job_id = service.submit(client)
    service.succeed(app.state.database, job_id)
    values = {"job_id": job_id, "number": "0", "name": "loss_over_lr", "file_format": "json"}
    for method, path, operation in operations:
        content = operation["responses"].get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if method != "GET" or schema is None or path == "/readyz":
            continue
        response = client.get(path.format(**values))
        assert 200 == response.status_code, path
        validator(document, schema).validate(response.json())


def test_the_sample_document_is_one_that_the_service_would_store(client: TestClient) -> None:
    assert samples.DOCUMENT == client.post("/v1/jobs", json=samples.DOCUMENT).json()["document"]


def test_every_operation_documents_the_problems_any_call_can_answer(
    operations: list[tuple[str, str, dict[str, Any]]],
) -> None:
    for method, path, operation in operations:
        for status in ("400", "500", "503"):
            content = operation["responses"][status]["content"]
            assert ["application/problem+json"] == list(content), f"{method} {path} {status}"


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from dependants(inner)


def test_no_dependency_runs_code_after_the_response_is_sent() -> None:
    """FastAPI runs what follows a `yield` after the response, unless scope="function": a commit there comes too late."""
    routes = [route for module in ROUTERS for route in module.router.routes if isinstance(route, APIRoute)]
    assert len(routes) > 15
    late = [
        f"{route.path}: {inner.call}"
        for route in routes
        for inner in dependants(route.dependant)
        if (inspect.isgeneratorfunction(inner.call) or inspect.isasyncgenfunction(inner.call))
        and inner.scope != "function"
    ]
    assert [] == late


def test_every_call_of_the_api_refuses_a_query_parameter_it_does_not_have(
    client: TestClient, operations: list[tuple[str, str, dict[str, Any]]]
) -> None:
    called = 0
    for method, path, operation in operations:
        if path.startswith("/v1/"):
            address = path.format_map({"job_id": "0" * 32, "number": "0", "name": "loss_over_lr", "file_format": "png"})
            answer = client.request(method, f"{address}?validate-only=true", json={})
            error = answer.json()["errors"][0]
            assert (422, "/validate-only", "unknown_parameter") == (
                answer.status_code,
                error["pointer"],
                error["rule"],
            ), f"{method} {path}: {answer.text}"
            assert "422" in operation["responses"], f"{method} {path}"
            called += 1
    assert called > 15
