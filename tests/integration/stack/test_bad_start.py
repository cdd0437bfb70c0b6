"""A process that cannot work says why in one sentence, and its exit code says whether starting again will help."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.integration.stack.plain import BIN
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer
from worker.broker import free_port

pytestmark = pytest.mark.service
WRONG, AWAY = 2, 75
"""Exit codes: a setting to correct; a server that may come back."""


@dataclass(frozen=True)
class Place:
    """Servers that work, and a folder."""

    home: Path
    database_url: str
    redis_url: str

    def environment(self, **changes: str | None) -> dict[str, str]:
        good = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LRSEARCH_HOME": str(self.home),
            "LRSEARCH_PORT": str(free_port()),
            "LRSEARCH_TRAINER": "toy",
            "PYTHONDONTWRITEBYTECODE": "1",  # a limit on file sizes would leave half-written ones in this checkout
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def place(own_postgres: PostgresServer, redis_url: str, tmp_path: Path) -> Iterator[Place]:
    url = own_postgres.create_database()
    yield Place(tmp_path, url, redis_url)
    own_postgres.drop_database(url)


def sentence(command: str, environment: dict[str, str], code: int, *, largest_file: int | None = None) -> str:
    """What the command says on standard error: one line, no traceback, and the exit code."""
    limit = "" if largest_file is None else f"ulimit -f {largest_file}; "
    shell = ["sh", "-c", f"{limit}exec {BIN / 'lrsearch'} {command}"]
    ended = subprocess.run(shell, env=environment, cwd=environment["HOME"], capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    lines = ended.stderr.strip().splitlines()
    assert (1, code) == (len(lines), ended.returncode), ended.stderr + ended.stdout
    assert lines[0].startswith("lrsearch: ")
    return lines[0]


@pytest.mark.parametrize(
    ("command", "url", "said"),
    [
        ("migrate", "nonsense", "DATABASE_URL cannot be read; write sqlite:///"),
        ("api", "mysql://user:secret@host/name", "DATABASE_URL names 'mysql'"),
    ],
)
def test_a_database_url_that_is_none_is_refused_without_showing_it(
    command: str, url: str, said: str, place: Place
) -> None:
    told = sentence(command, place.environment(DATABASE_URL=url), WRONG)
    assert said in told
    assert "secret" not in told


@pytest.mark.parametrize("command", ["migrate", "worker"])
def test_a_database_that_is_away_is_named_without_its_password(command: str, place: Place) -> None:
    url = f"postgresql://lrsearch:secret@127.0.0.1:{free_port()}/lrsearch"
    told = sentence(command, place.environment(DATABASE_URL=url), AWAY)
    assert "does not answer" in told
    assert "secret" not in told


def test_a_database_that_does_not_exist_is_a_setting_to_correct(place: Place) -> None:
    told = sentence("worker", place.environment(DATABASE_URL=place.database_url + "_not"), WRONG)
    assert "does not exist" in told
    assert "DATABASE_URL" in told


def test_a_password_file_that_is_missing_is_named(place: Place) -> None:
    told = sentence("migrate", place.environment(LRSEARCH_DATABASE_PASSWORD_FILE="/nowhere/password"), WRONG)
    assert "/nowhere/password cannot be read (No such file or directory)" in told


@pytest.mark.parametrize("command", ["api", "migrate"])
def test_a_database_that_is_newer_than_the_program_is_refused(command: str, place: Place) -> None:
    with psycopg.connect(place.database_url) as connection:
        connection.execute("UPDATE lrsearch_alembic_version SET version_num = 'of_tomorrow'")
    told = sentence(command, place.environment(), WRONG)
    assert "'of_tomorrow', which this program does not know: it was made by a newer version" in told


def test_a_database_without_tables_says_how_to_make_them(place: Place, own_postgres: PostgresServer) -> None:
    empty = own_postgres.create_database(is_migrated=False)
    assert "lrsearch migrate" in sentence("api", place.environment(DATABASE_URL=empty), WRONG)
    own_postgres.drop_database(empty)


@pytest.mark.parametrize(
    ("command", "url", "code", "said"),
    [
        ("worker", None, WRONG, "REDIS_URL is not set"),
        ("reaper", "http://localhost", WRONG, "REDIS_URL must begin with"),
        ("api", "redis://:secret@127.0.0.1:1/0", AWAY, "The broker does not answer"),
    ],
)
def test_a_broker_that_cannot_be_used_is_told(
    command: str, url: str | None, code: int, said: str, place: Place
) -> None:
    told = sentence(command, place.environment(REDIS_URL=url), code)
    assert said in told
    assert "secret" not in told


def test_a_broker_that_refuses_the_password_is_a_setting_to_correct(place: Place) -> None:
    port = place.redis_url.rpartition(":")[2]
    told = sentence("reaper", place.environment(REDIS_URL=f"redis://:wrong@127.0.0.1:{port}"), WRONG)
    assert "The broker refuses us" in told
    assert "wrong@" not in told


def test_a_full_disk_is_told_at_the_start(place: Place) -> None:
    told = sentence("worker", place.environment(), WRONG, largest_file=1)
    assert f"{place.home}/artifacts cannot be written" in told
    assert "free some space" in told


def test_a_full_disk_is_told_when_the_embedded_service_starts(place: Place) -> None:
    environment = place.environment(DATABASE_URL=None, REDIS_URL=None)
    told = sentence("up", environment, WRONG, largest_file=1)
    assert str(place.home) in told


@pytest.mark.parametrize("command", ["worker", "up"])
def test_a_gpu_that_is_asked_for_and_not_there_is_told(command: str, place: Place) -> None:
    if any(sign.exists() for sign in (Path("/dev/nvidiactl"), Path("/dev/dxg"))):
        pytest.skip("this machine has a GPU")
    told = sentence(command, place.environment(LRSEARCH_DEVICE="gpu", LRSEARCH_TRAINER="keras"), WRONG)
    assert "LRSEARCH_DEVICE is gpu, but this machine has no NVIDIA driver" in told


@pytest.mark.parametrize(
    ("command", "name", "value"),
    [("api", "LRSEARCH_PORT", "eighty"), ("worker", "LRSEARCH_DEVICE", "tpu")],
)
def test_a_value_that_a_setting_cannot_take_is_named_with_its_variable(
    command: str, name: str, value: str, place: Place
) -> None:
    told = sentence(command, place.environment(**{name: value}), WRONG)
    assert f"{name} is '{value}'" in told


def test_an_api_that_others_could_reach_without_keys_does_not_start(place: Place) -> None:
    told = sentence("api", place.environment(LRSEARCH_HOST="0.0.0.0"), WRONG)
    assert "LRSEARCH_AUTH=none" in told
