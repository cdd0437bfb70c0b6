"""The commands of docs/operate.md that back up and restore, as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from api.main import create_app
from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.experiments.base import Context
from lrsearch.experiments.range_test import RangeTest
from lrsearch.settings import Settings
from lrsearch.training.toy_trainer import ToyTrainer
from tests.servers.postgres import PostgresServer, _usable_binaries
from tests.servers.service import range_test

pytestmark = pytest.mark.service
OPERATE = (Path(__file__).parents[3] / "docs" / "operate.md").read_text()


def a_finished_job(url: str) -> str:
    db, document = Database(url), range_test(repeats=2)
    experiment = RangeTest.model_validate(document)
    submitted = jobs.submit(db, experiment, document, workers=1)
    claim = jobs.claim(db, submitted.pack_ids[0], worker_id="w", lease_seconds=60, max_attempts=3)
    assert claim is not None
    experiment.train(claim.trials, Context(ToyTrainer(), lambda records: jobs.record(db, claim, *records)))
    assert jobs.finish(db, claim)
    db.dispose()
    return submitted.job.job_id


def seen_over_http(url: str, job_id: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the API shows of a job: the job, its result, its trials and a curve."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with TestClient(create_app(Settings(home=home)), base_url="http://127.0.0.1:8000") as client:
        assert 200 == client.get(f"/v1/jobs/{job_id}").status_code
        return {
            path: client.get(f"/v1/jobs/{job_id}{path}").json()
            for path in ("", "/result", "/trials", "/trials/1/curve")
        }


def documented(program: str) -> list[str]:
    """The options that docs/operate.md gives to a program inside the postgres container."""
    (line,) = re.findall(
        rf"^docker compose exec -T postgres {program} (.*?) [<>] lrsearch\.dump$", OPERATE, re.MULTILINE
    )
    return shlex.split(line)


@pytest.fixture
def on_server(own_postgres: PostgresServer) -> Callable[[str, str], list[str]]:
    """Makes the documented command address a database of the tests' server."""
    assert own_postgres.folder is not None
    binaries = _usable_binaries(own_postgres.folder)

    def command(program: str, url: str) -> list[str]:
        options = documented(program)
        database = make_url(url).database or ""
        aimed = {"-U": "-U", "lrsearch": database}
        place = ["-h", "127.0.0.1", "-p", str(own_postgres.port)]
        options = [aimed.get(option, option) for option in options]
        options[options.index("-U") + 1] = "postgres"
        return [str(binaries / program), *place, *options]

    return command


def test_a_postgres_dump_restores_into_a_stack_that_has_tables_of_its_own(
    own_postgres: PostgresServer,
    on_server: Callable[[str, str], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new, dump = own_postgres.create_database(), own_postgres.create_database(), tmp_path / "lrsearch.dump"
    job_id, other = a_finished_job(old), a_finished_job(new)
    before = seen_over_http(old, job_id, tmp_path, monkeypatch)
    with dump.open("wb") as output:
        subprocess.run(on_server("pg_dump", old), stdout=output, check=True)
    own_postgres.drop_database(old)
    with dump.open("rb") as given:
        subprocess.run(on_server("pg_restore", new), stdin=given, check=True)
    restored = Database(new)
    restored.migrate()
    assert before == seen_over_http(new, job_id, tmp_path, monkeypatch)
    found = [job.job_id for job in jobs.find(restored)[0]]
    restored.dispose()
    assert [job_id] == found, f"{other} belongs to the database that was restored over"
    own_postgres.drop_database(new)


def test_an_sqlite_backup_taken_while_the_service_writes_restores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = re.findall(r"^python3 (-c .*\.backup\(.*)$", OPERATE, re.MULTILINE)
    home = tmp_path / ".lrsearch"
    home.mkdir()
    url = f"sqlite:///{home / 'lrsearch.db'}"
    writer = Database(url)
    writer.migrate()
    job_id = a_finished_job(url)
    with writer.session():  # the service has the file open, part of it is in the write-ahead log
        subprocess.run([sys.executable, *shlex.split(line)], cwd=tmp_path, check=True)
    before = seen_over_http(url, job_id, home, monkeypatch)
    writer.dispose()
    shutil.rmtree(home)
    home.mkdir()
    shutil.copy(tmp_path / "lrsearch-backup.db", home / "lrsearch.db")
    assert before == seen_over_http(url, job_id, home, monkeypatch)
