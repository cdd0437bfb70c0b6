"""What is not a success is a problem document; a fault of ours shows nothing of itself."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.errors import ROWS
from lrsearch import errors
from lrsearch.errors import LrsearchError
from tests.unit.api import service


def failing(error: Exception) -> TestClient:
    from api.errors import install

    app = FastAPI()
    install(app)

    @app.get("/fails/{thing}")
    def fail(thing: str) -> None:
        raise error

    return service.client_of(app)


def test_an_unexpected_error_answers_500_with_an_id_that_the_log_has_and_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "lrsearch.api"):
        response = failing(ZeroDivisionError("secret /path")).get("/fails/x")
    problem = response.json()
    assert (500, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert problem["error_id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert not {"secret", "Traceback", "ZeroDivisionError"} & set(response.text.replace('"', " ").split())


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LrsearchError)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {LrsearchError, errors.InvalidDocument}])
def test_every_error_raised_on_purpose_has_its_answer(kind: type[LrsearchError]) -> None:
    response = failing(kind("It is so.")).get("/fails/x")
    assert (ROWS[kind].status, "It is so.", kind.code) == (
        response.status_code,
        response.json()["detail"],
        response.json()["code"],
    )


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.Misconfigured])
def test_a_server_that_is_away_answers_503(kind: type[LrsearchError]) -> None:
    assert 503 == failing(kind("Away.")).get("/fails/x").status_code


def test_unavailable_says_when_to_try_again() -> None:
    assert failing(errors.Unavailable("Away.")).get("/fails/x").headers["retry-after"].isdecimal()


def test_an_error_of_the_base_class_is_a_fault() -> None:
    assert 500 == failing(LrsearchError("hm")).get("/fails/x").status_code


def test_the_value_of_the_path_is_named_where_a_thing_is_not_found() -> None:
    (error,) = failing(errors.NotFound("No such thing.")).get("/fails/x").json()["errors"]
    assert ("path", "/thing", "x") == (error["in"], error["pointer"], error["value"])
