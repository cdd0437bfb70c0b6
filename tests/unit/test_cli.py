from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lrsearch.cli.talk import service_url
from lrsearch.settings import Settings

LRSEARCH = str(Path(sys.executable).with_name("lrsearch"))
HEAVY = ("celery", "sqlalchemy", "fastapi", "uvicorn", "numpy", "keras", "tensorflow", "rich.progress", "api", "worker")


def lrsearch(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"REDIS_URL", "DATABASE_URL"}}
    return subprocess.run(
        [LRSEARCH, *arguments], env=inherited | settings, capture_output=True, text=True, check=False, timeout=60
    )


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line on standard error, with the words."""
    assert code == done.returncode, done.stderr
    assert 1 == len(done.stderr.strip().splitlines()), done.stderr
    for word in words:
        assert word in done.stderr


def test_the_command_line_loads_nothing_heavy_to_show_its_commands() -> None:
    script = f"import sys, lrsearch.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "[]\n" == done.stdout


def test_help_lists_every_command() -> None:
    done = lrsearch("--help")
    assert 0 == done.returncode
    for command in ("up", "demo", "api", "worker", "reaper", "migrate", "submit", "status", "version"):
        assert f" {command} " in done.stdout


def test_version_is_one_line() -> None:
    assert "lrsearch 0.1.0\n" == lrsearch("version").stdout


def test_a_setting_that_cannot_be_read_is_named_with_its_value() -> None:
    assert_refused(lrsearch("migrate", LRSEARCH_PORT="eighty"), 2, "LRSEARCH_PORT", "'eighty'", "correct or unset")


def test_a_database_of_another_kind_is_refused() -> None:
    assert_refused(lrsearch("migrate", DATABASE_URL="mysql://host/name"), 2, "DATABASE_URL", "sqlite", "postgresql")


@pytest.mark.service
def test_migrate_makes_the_tables_and_may_be_repeated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'some.db'}"
    assert (0, 0) == tuple(lrsearch("migrate", DATABASE_URL=url).returncode for _ in range(2))
    assert (tmp_path / "some.db").stat().st_size > 0


@pytest.mark.service
def test_a_part_of_the_service_without_a_broker_names_the_setting(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'some.db'}"
    lrsearch("migrate", DATABASE_URL=url)
    for command in ("worker", "reaper"):
        assert_refused(lrsearch(command, DATABASE_URL=url, LRSEARCH_HOME=str(tmp_path)), 2, "REDIS_URL is not set")


def test_a_demo_of_a_file_that_is_not_there_names_it() -> None:
    assert_refused(lrsearch("demo", "no/such/file.json"), 1, "lrsearch: no/such/file.json cannot be read", "examples/")


@pytest.mark.parametrize(("content", "words"), [("{", "is not JSON"), ("[1]", "holds no JSON object")])
def test_a_demo_of_a_file_without_a_document_says_what_is_wrong(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "job.json"
    file.write_text(content)
    assert_refused(lrsearch("demo", str(file)), 1, words, "job.json")


def test_submit_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text("{}")
    assert_refused(lrsearch("submit", str(file), "--url", "http://127.0.0.1:1"), 75, "127.0.0.1:1", "lrsearch up")


def test_commands_talk_to_the_service_of_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text(json.dumps({"url": "http://127.0.0.1:4711"}))
    assert "http://127.0.0.1:4711" == service_url(Settings(home=tmp_path, port=8000))


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_without_a_running_service_the_settings_name_the_address(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "service.json").write_text(content)
    assert "http://127.0.0.1:8123" == service_url(Settings(home=tmp_path, port=8123))
