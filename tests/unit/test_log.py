"""Structured logs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from lrsearch import log
from lrsearch.settings import Settings


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_names_the_job_the_pack_and_the_attempt_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"), process="worker")
    with log.about(job_id="j1", pack_id="p1", attempt=2):
        structlog.get_logger("lrsearch.test").info("trial done", trial=0)
    structlog.get_logger("lrsearch.test").info("idle")
    inside, outside = lines(capsys)
    assert {"job_id": "j1", "pack_id": "p1", "attempt": 2, "trial": 0, "event": "trial done"}.items() <= inside.items()
    assert {
        "process": "worker",
        "pid": os.getpid(),
        "level": "info",
        "logger": "lrsearch.test",
    }.items() <= inside.items()
    assert "job_id" not in outside


def test_lines_of_libraries_carry_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"), process="api")
    with log.about(job_id="j1"):
        logging.getLogger("uvicorn.error").info("listening on %s", 8000)
    (line,) = lines(capsys)
    assert {"event": "listening on 8000", "job_id": "j1", "process": "api", "level": "info"}.items() <= line.items()


def test_an_exception_is_one_line_with_its_traceback_inside(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"), process="api")
    try:
        raise ValueError("a reason")
    except ValueError:
        structlog.get_logger().exception("it failed")
    (line,) = lines(capsys)
    assert "ValueError: a reason" in str(line["exception"])


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json", log_level="warning"), process="api")
    structlog.get_logger().info("small talk")
    logging.getLogger("kombu").info("small talk")
    structlog.get_logger().warning("look here")
    assert ["look here"] == [line["event"] for line in lines(capsys)]


def test_a_value_that_json_does_not_know_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"), process="api")
    structlog.get_logger().info("kept", where={"a"})
    (line,) = lines(capsys)
    assert "{'a'}" == line["where"]


def test_a_person_gets_words_instead_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="console"), process="api")
    structlog.get_logger().info("hello", port=8000)
    shown = capsys.readouterr().err
    assert "hello" in shown
    assert not shown.startswith("{")


@pytest.mark.parametrize("library", ["alembic.runtime.migration", "kombu.connection", "matplotlib.font_manager"])
def test_what_libraries_say_of_themselves_is_left_out(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"), process="api")
    logging.getLogger(library).info("one more plug-in")
    logging.getLogger(library).warning("something is wrong")
    assert ["something is wrong"] == [line["event"] for line in lines(capsys)]
