"""Everything bad that issue 2 lists: what the answer says, and that nothing was stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lrsearch.db import Database
from tests.unit.api import service

JSON = {"content-type": "application/json"}


def refused(
    shared_client: TestClient, shared_database: Database, body: bytes, headers: dict[str, str] = JSON
) -> tuple[int, dict[str, Any]]:
    """Status and problem document; the database must be as before."""
    before = service.stored(shared_database)
    response = shared_client.post("/v1/jobs", content=body, headers=headers)
    assert before == service.stored(shared_database)
    assert "application/problem+json" == response.headers["content-type"]
    assert response.status_code == response.json()["status"]
    return response.status_code, response.json()


def entry(problem: dict[str, Any]) -> tuple[str, str, Any]:
    """Pointer, rule and value of the only error, which must say what to do."""
    (error,) = problem["errors"]
    assert error["message"]
    assert error["action"]
    return error["pointer"], error["rule"], error["value"]


FIELDS: dict[str, tuple[dict[str, Any], tuple[str, str, Any], str]] = {
    "unknown kind": ({"kind": "sweeep"}, ("/kind", "union_tag_invalid", "sweeep"), "'range_test', 'training'"),
    "unknown field": ({"stepps": 5}, ("/stepps", "extra_forbidden", 5), "Remove 'stepps'"),
    "missing optimizer": ({"optimizer": None}, ("/optimizer", "model_attributes_type", None), "Send an object"),
    "unknown optimizer": (
        {"optimizer": {"kind": "adamm"}},
        ("/optimizer/kind", "union_tag_invalid", "adamm"),
        "'adam'",
    ),
    "unknown field of the optimizer": (
        {"optimizer": {"kind": "sgd", "momentun": 0.9}},
        ("/optimizer/momentun", "extra_forbidden", 0.9),
        "Remove 'momentun'",
    ),
    "unknown rule": ({"rule": "guess"}, ("/rule", "literal_error", "guess"), "'valley'"),
    "unknown model": ({"model": {"name": "digits_mlpp"}}, ("/model/name", "unknown_name", "digits_mlpp"), "digits_mlp"),
    "unknown data": ({"data": {"name": "digitz"}}, ("/data/name", "unknown_name", "digitz"), "digits"),
    "start above end": ({"start_lr": 1.0, "end_lr": 0.1}, ("/start_lr", "below_end_lr", 1.0), "below end_lr"),
    "start equals end": ({"start_lr": 0.1, "end_lr": 0.1}, ("/start_lr", "below_end_lr", 0.1), "below end_lr"),
    "rate of zero": ({"start_lr": 0}, ("/start_lr", "greater_than", 0), "above 0"),
    "negative rate": ({"end_lr": -1.5}, ("/end_lr", "greater_than", -1.5), "above 0"),
    "rate as text": ({"end_lr": "10"}, ("/end_lr", "float_type", "10"), "without quotes"),
    "too few steps": ({"steps": 9}, ("/steps", "greater_than_equal", 9), "at least 10"),
    "too many steps": ({"steps": 100_001}, ("/steps", "less_than_equal", 100_001), "at most 100000"),
    "steps not whole": ({"steps": 12.5}, ("/steps", "int_type", 12.5), "whole number"),
    "batch larger than the data": (
        {"batch_size": 100_000},
        ("/batch_size", "at_most_training_set", 100_000),
        "at most 1437",
    ),
    "batch of nothing": ({"batch_size": 0}, ("/batch_size", "greater_than_equal", 0), "at least 1"),
    "seed too large": ({"seed": 2**31}, ("/seed", "less_than", 2**31), "below 2147483648"),
    "model that cannot take the data": (
        {"model": {"name": "mnist_cnn"}},
        ("/model/name", "input_shape", "mnist_cnn"),
        "digits_mlp",
    ),
    "rate in the optimizer": (
        {"optimizer": {"kind": "adam", "learning_rate": 0.1}},
        ("/optimizer/learning_rate", "set_by_range_test", 0.1),
        "Remove learning_rate",
    ),
    "unknown version of the document": ({"schema": 2}, ("/schema", "literal_error", 2), "Use 1"),
    "label that is no text": ({"labels": {"a/b": 1}}, ("/labels/a~1b", "string_type", 1), "text"),
    "label that is too long": ({"labels": {"a": "x" * 501}}, ("/labels/a", "string_too_long", ...), "at most 500"),
}


@pytest.mark.parametrize(("changes", "expected", "action"), FIELDS.values(), ids=FIELDS)
def test_a_bad_field_is_named_with_rule_value_and_next_action(
    shared_client: TestClient,
    shared_database: Database,
    changes: dict[str, Any],
    expected: tuple[str, str, Any],
    action: str,
) -> None:
    status, problem = refused(shared_client, shared_database, json.dumps(service.DOCUMENT | changes).encode())
    pointer, rule, value = entry(problem)
    assert 422 == status
    assert expected[:2] == (pointer, rule)
    assert expected[2] in {..., value} if expected[2] is not None else value is None
    assert action in problem["errors"][0]["action"]


NUMBERS = {"NaN": "NaN", "Infinity": "Infinity", "-Infinity": "-Infinity", "1e400": "Infinity", "-1e999": "-Infinity"}


@pytest.mark.parametrize(("literal", "shown"), NUMBERS.items())
def test_a_number_that_json_does_not_have_is_refused_at_its_field(
    shared_client: TestClient, shared_database: Database, literal: str, shown: str
) -> None:
    body = json.dumps(service.DOCUMENT | {"end_lr": 12345}).replace("12345", literal).encode()
    status, problem = refused(shared_client, shared_database, body)
    assert (422, ("/end_lr", "finite_number", shown)) == (status, entry(problem))


def test_a_number_that_json_does_not_have_is_refused_where_any_value_is_allowed(
    shared_client: TestClient, shared_database: Database
) -> None:
    body = json.dumps(service.DOCUMENT | {"model": {"name": "digits_mlp", "params": {"a": [12345]}}}).encode()
    status, problem = refused(shared_client, shared_database, body.replace(b"12345", b"NaN"))
    assert (422, ("/model/params/a/0", "finite_number", "NaN")) == (status, entry(problem))


def test_all_errors_of_a_document_come_together(shared_client: TestClient, shared_database: Database) -> None:
    document = service.DOCUMENT | {"steps": 1, "start_lr": -1, "rule": "no", "optimizer": {"kind": "sgd", "x": 1}}
    _, problem = refused(shared_client, shared_database, json.dumps(document).encode())
    assert ["/optimizer/x", "/start_lr", "/steps", "/rule"] == [error["pointer"] for error in problem["errors"]]


def test_a_document_over_the_limit_is_too_large(shared_client: TestClient, shared_database: Database) -> None:
    body = json.dumps(service.DOCUMENT | {"labels": {"a": "x" * 1_000_000}}).encode()
    status, problem = refused(shared_client, shared_database, body)
    assert (413, ("", "too_large", len(body))) == (status, entry(problem))
    assert "LRSEARCH_MAX_DOCUMENT_BYTES" in problem["errors"][0]["action"]


def test_a_document_over_the_limit_is_too_large_when_it_comes_in_chunks_of_unknown_length(
    shared_client: TestClient,
) -> None:
    response = shared_client.post("/v1/jobs", content=(b" " * 100_000 for _ in range(11)), headers=JSON)
    assert 413 == response.status_code


BROKEN: dict[str, tuple[bytes, str, Any, str]] = {
    "empty": (b"", "json_invalid", "", "line 1, column 1"),
    "cut": (b'{"schema": 1,\n "kind"', "json_invalid", "", "line 2, column 8"),
    "trailing comma": (b'{"schema": 1,}', "json_invalid", ..., "line 1"),
    "two documents": (b"{} {}", "json_invalid", "{}", "line 1, column 4"),
    "not UTF-8": (b'{"kind": "\xe9"}', "not_utf8", "0xe9", "byte 10"),
    "ten thousand brackets": (b"[" * 10_000 + b"]" * 10_000, "too_deep", None, "64 levels"),
    "ten thousand objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep", None, "64 levels"),
    "seventy brackets": (b"[" * 70 + b"]" * 70, "too_deep", None, "64 levels"),
    "a number of 5,000 digits": (b'{"seed": ' + b"9" * 5_000 + b"}", "number_too_long", None, "4,300 digits"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_not_json_says_where_it_breaks(
    shared_client: TestClient, shared_database: Database, case: tuple[bytes, str, Any, str]
) -> None:
    body, rule, value, message = case
    status, problem = refused(shared_client, shared_database, body)
    assert (400, "", rule) == (status, *entry(problem)[:2])
    assert value is ... or value == problem["errors"][0]["value"]
    assert message in problem["errors"][0]["message"]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_json_that_is_no_object_is_refused(shared_client: TestClient, shared_database: Database, body: bytes) -> None:
    status, problem = refused(shared_client, shared_database, body)
    assert (422, ("", "model_attributes_type", json.loads(body))) == (status, entry(problem))


def test_a_field_that_comes_twice_is_refused(shared_client: TestClient, shared_database: Database) -> None:
    body = json.dumps(service.DOCUMENT).encode().replace(b'"repeats": 2', b'"repeats": 2, "repeats": 3')
    status, problem = refused(shared_client, shared_database, body)
    assert (422, ("/repeats", "repeated_field", 3)) == (status, entry(problem))


TEXTS = {
    r"\ud800": ("lone_surrogate", r"\ud800"),
    r"a\udfffb": ("lone_surrogate", r"a\udfffb"),
    r"\u0000": ("nul", r"\x00"),
}


@pytest.mark.parametrize(("text", "rule", "shown"), [(text, *rest) for text, rest in TEXTS.items()])
def test_text_that_no_database_stores_is_refused_and_shown_escaped(
    shared_client: TestClient, shared_database: Database, text: str, rule: str, shown: str
) -> None:
    body = json.dumps(service.DOCUMENT | {"labels": {"a": "TEXT"}}).replace("TEXT", text).encode()
    status, problem = refused(shared_client, shared_database, body)
    assert (422, ("/labels/a", rule, shown)) == (status, entry(problem))


def test_broken_text_in_a_name_is_refused(shared_client: TestClient, shared_database: Database) -> None:
    body = json.dumps(service.DOCUMENT | {"labels": {"NAME": "x"}}).replace("NAME", r"\ud83d").encode()
    status, problem = refused(shared_client, shared_database, body)
    assert (422, "/labels", "lone_surrogate") == (status, *entry(problem)[:2])


def test_an_emoji_is_text_like_any_other(shared_client: TestClient) -> None:
    response = shared_client.post("/v1/jobs", json=service.DOCUMENT | {"labels": {"mood": "\U0001f600"}})
    assert {"mood": "\U0001f600"} == response.json()["labels"]


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_a_wrong_content_type_is_refused(shared_client: TestClient, shared_database: Database, sent: str) -> None:
    status, problem = refused(
        shared_client, shared_database, json.dumps(service.DOCUMENT).encode(), {"content-type": sent}
    )
    assert (415, ("/content-type", "unsupported_media_type", sent)) == (status, entry(problem))
    assert "application/json" in problem["errors"][0]["action"]


@pytest.mark.parametrize(
    "sent", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
)
def test_every_way_to_say_json_is_accepted(shared_client: TestClient, sent: str) -> None:
    response = shared_client.post(
        "/v1/jobs", content=json.dumps(service.DOCUMENT).encode(), headers={"content-type": sent}
    )
    assert 202 == response.status_code


def test_a_huge_value_is_cut_before_it_is_shown(shared_client: TestClient, shared_database: Database) -> None:
    _, problem = refused(
        shared_client, shared_database, json.dumps(service.DOCUMENT | {"ramp": "x" * 900_000}).encode()
    )
    assert len(problem["errors"][0]["value"]) < 300


def test_of_very_many_errors_the_first_hundred_are_shown_and_the_rest_counted(
    shared_client: TestClient, shared_database: Database
) -> None:
    unknown = {f"field{number}": 1 for number in range(5_000)}
    _, problem = refused(shared_client, shared_database, json.dumps(service.DOCUMENT | unknown).encode())
    assert (100, 4_900) == (len(problem["errors"]), problem["errors_left_out"])


UNKNOWN = ("nosuchjob", "0" * 32, "a" * 65, "%00", "..%2f", "%F0%9F%98%80")
CALLS = (
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("POST", "/rerun"),
    ("GET", "/events"),
    ("GET", "/trials"),
    ("GET", "/trials/0"),
    ("GET", "/trials/0/curve"),
    ("GET", "/result"),
    ("GET", "/plots"),
    ("GET", "/plots/loss_over_lr.png"),
)


@pytest.mark.parametrize("job_id", UNKNOWN)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_an_unknown_job_is_not_found(
    shared_client: TestClient, shared_database: Database, method: str, path: str, job_id: str
) -> None:
    before = service.stored(shared_database)
    response = shared_client.request(method, f"/v1/jobs/{job_id}{path}")
    assert before == service.stored(shared_database)
    assert 404 == response.status_code
    error = response.json()["errors"][0]
    assert "not_found" == error["rule"]
    assert error["value"]
    assert error["action"]


def test_an_unknown_trial_is_not_found(shared_client: TestClient) -> None:
    job_id = service.submit(shared_client)
    response = shared_client.get(f"/v1/jobs/{job_id}/trials/7")
    error = response.json()["errors"][0]
    assert (404, "/number", "7") == (response.status_code, error["pointer"], str(error["value"]))


def test_a_data_set_that_is_not_on_the_machine_is_refused_where_downloads_are_forbidden(
    shared_client: TestClient, shared_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRSEARCH_DOWNLOADS", "never")
    monkeypatch.setenv("LRSEARCH_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    document = service.DOCUMENT | {"model": {"name": "cifar_cnn"}, "data": {"name": "cifar10"}}
    status, problem = refused(shared_client, shared_database, json.dumps(document).encode())
    assert (422, ("/data/name", "data_unavailable", "cifar10")) == (status, entry(problem))
    assert "LRSEARCH_DOWNLOADS" in problem["errors"][0]["action"]


def test_a_finished_job_cannot_be_cancelled(
    shared_client: TestClient, shared_app: FastAPI, shared_database: Database
) -> None:
    job_id = service.submit(shared_client)
    service.succeed(shared_app.state.database, job_id)
    before = service.stored(shared_database)
    response = shared_client.post(f"/v1/jobs/{job_id}/cancel")
    assert before == service.stored(shared_database)
    error = response.json()["errors"][0]
    assert (409, "/status", "conflict", "succeeded") == (
        response.status_code,
        error["pointer"],
        error["rule"],
        error["value"],
    )
    assert error["action"]


PARAMETERS = {
    "limit=0": ("/limit", "greater_than_equal", "0"),
    "limit=501": ("/limit", "less_than_equal", "501"),
    "limit=many": ("/limit", "int_parsing", "many"),
    "status=done": ("/status", "enum", "done"),
    "created_after=2026-01-01T00:00:00": ("/created_after", "timezone_aware", "2026-01-01T00:00:00"),
    "created_before=0001-01-01T00:00:00%2B14:00": ("/created_before", "value_error", "0001-01-01T00:00:00+14:00"),
    "label=team": ("/label", "key_value", "team"),
    "page_token=xx": ("/page_token", "page_token", "xx"),
    "kind=%00": ("/kind", "string_pattern_mismatch", "\\x00"),
}


@pytest.mark.parametrize(("query", "expected"), PARAMETERS.items())
def test_a_bad_parameter_is_named(shared_client: TestClient, query: str, expected: tuple[str, str, str]) -> None:
    response = shared_client.get(f"/v1/jobs?{query}")
    (error,) = response.json()["errors"]
    assert (422, "query", *expected) == (
        response.status_code,
        error["in"],
        error["pointer"],
        error["rule"],
        error["value"],
    )
    assert error["action"]


def test_an_unknown_address_and_a_wrong_method_are_problems_too(shared_client: TestClient) -> None:
    assert "not_found" == shared_client.get("/v2/jobs").json()["code"]
    response = shared_client.put("/v1/jobs")
    assert (405, "method_not_allowed") == (response.status_code, response.json()["code"])
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]


UNKNOWN_PARAMETERS = {
    "?stauts=failed": ("/stauts", "failed", "Did you mean 'status'? Use one of kind, status,"),
    "?status=failed&bogus=": ("/bogus", "", "Use one of"),
    "/none/plots?theme=dark": ("/theme", "dark", "This call takes none."),
}


@pytest.mark.parametrize("query", UNKNOWN_PARAMETERS)
def test_a_parameter_that_the_call_does_not_have_is_refused(shared_client: TestClient, query: str) -> None:
    response = shared_client.get(f"/v1/jobs{query}")
    (error,) = response.json()["errors"]
    pointer, value, action = UNKNOWN_PARAMETERS[query]
    assert (422, "query", pointer, value) == (response.status_code, error["in"], error["pointer"], error["value"])
    assert error["action"].startswith(action)


def test_a_misspelt_validate_only_submits_nothing(shared_client: TestClient, shared_database: Database) -> None:
    before = service.stored(shared_database)
    response = shared_client.post("/v1/jobs?validate-only=true", json=service.DOCUMENT)
    assert (422, before) == (response.status_code, service.stored(shared_database))
