"""Fuzzed requests, made from the OpenAPI document: never a 5xx, never an answer that is not documented."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.main import create_app
from tests.servers.postgres import shared_server
from tests.unit.api import service

pytestmark = pytest.mark.service
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LEFT_OUT = {"/readyz"}
"""Answers 503 here, where there is no broker."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def app(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FastAPI]:
    home = tmp_path_factory.mktemp("home")
    settings = service.settings(home, sqlite_template)
    is_postgres = request.param == "postgres"
    url = shared_server().create_database() if is_postgres else settings.resolved_database_url()
    open_to_all = {"host": "0.0.0.0", "auth": "none"}  # schemathesis calls the host "testserver"
    app = create_app(settings.model_copy(update={"database_url": url, **open_to_all}))
    with service.client_of(app) as client:
        app.state.job_id = service.submit(client)
        service.succeed(app.state.database, app.state.job_id)
        yield app
    if is_postgres:
        shared_server().drop_database(url)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
def test_fuzzed_requests_get_documented_answers(app: FastAPI, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    called: dict[str, set[int]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in LEFT_OUT:
            called[operation.label] = _fuzz(operation, mode, app.state.job_id)
    assert len(called) > 15
    assert 422 in called["POST /v1/jobs"]
    assert mode is GenerationMode.NEGATIVE or 200 in called["GET /v1/jobs/{job_id}/result"]


def test_documented_examples_get_documented_answers(app: FastAPI) -> None:
    """Few documents that are made from the schema alone are valid."""
    post = schemathesis.openapi.from_asgi("/openapi.json", app)["/v1/jobs"]["POST"]
    examples = app.openapi()["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert len(examples) > 3
    for example in examples.values():
        case = post.Case(body=example["value"], media_type="application/json")
        assert 202 == case.call_and_validate(checks=CHECKS).status_code


def _fuzz(operation: Any, mode: GenerationMode, job_id: str) -> set[int]:
    """Call an operation with many requests, half of them for a job that exists; the statuses it answered."""
    statuses: set[int] = set()

    @settings(
        max_examples=60 if operation.label == "POST /v1/jobs" else 15,  # few made documents are valid
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def call(case: schemathesis.Case, is_known: bool) -> None:
        if is_known and "job_id" in case.path_parameters and case.method != "DELETE":
            case.path_parameters["job_id"] = job_id
        statuses.add(case.call_and_validate(checks=CHECKS).status_code)

    with contextlib.suppress(Unsatisfiable):  # a call without parameters cannot be called wrongly
        call()
    return statuses
