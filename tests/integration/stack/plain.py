"""The containers of docker-compose.yml as plain processes: same commands, same variables, real servers."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import httpx2
import psutil
import psycopg
import yaml
from psycopg import sql

from tests.servers.postgres import PostgresServer
from worker.broker import find_binary, free_port
from worker.children import tethered

ROOT: Final = Path(__file__).parents[3]
BIN: Final = Path(sys.executable).parent
FINAL: Final = ("succeeded", "failed", "cancelled")


def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml, with every `${NAME:-default}` at its default."""
    text = re.sub(r"\$\{[A-Z_]+:-(.*?)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(text)["services"]


class PlainStack:
    """Every container's process, under the name of its service; `worker-b`, `worker-c` are further workers.

    What differs from the containers: host names and paths are those of this machine; Postgres is started by the tests'
    launcher (password authentication on, as in the image); GPU variables are those of compose.cpu.yml.

    Args:
        folder: holds what the volumes hold.
        postgres: a server of our own, running.
        settings: variables over those of the compose file.
    """

    def __init__(self, folder: Path, postgres: PostgresServer, **settings: str) -> None:
        self.folder, self.postgres = folder, postgres
        self.services = services()
        self.database = f"lrsearch_{secrets.token_hex(4)}"
        self.ports = {"redis": free_port(), "api": free_port()}
        self.settings = settings
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "redis", "password", "logs", "tmp"):
            (folder / name).mkdir()

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self.ports['api']}"

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.ports['redis']}/0"

    @property
    def password_file(self) -> Path:
        return self.folder / "password" / "password"

    @property
    def database_url(self) -> str:
        """For looks from outside; the processes get it without the password."""
        return f"postgresql://lrsearch:{self.password_file.read_text()}@127.0.0.1:{self.postgres.port}/{self.database}"

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, with this machine's hosts and paths."""
        given = dict(self.services[name].get("environment", {}))
        here = {
            "DATABASE_URL": f"postgresql://lrsearch@127.0.0.1:{self.postgres.port}/{self.database}",
            "LRSEARCH_DATABASE_PASSWORD_FILE": str(self.password_file),
            "REDIS_URL": self.redis_url,
            "LRSEARCH_HOME": str(self.folder / "state"),
            "LRSEARCH_DATA_DIR": str(self.folder / "state" / "datasets"),
            "LRSEARCH_HOST": "127.0.0.1",
            "LRSEARCH_PORT": str(self.ports["api"]),
            "LRSEARCH_DEVICE": "cpu",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        # As in the image: what libraries want to write goes to /tmp, the rest of its file system is read-only.
        scratch = {"MPLCONFIGDIR": str(self.folder / "tmp" / "matplotlib"), "XDG_CACHE_HOME": str(self.folder / "tmp")}
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TF_CPP_MIN_LOG_LEVEL": "2"} | scratch
        return kept | given | {key: value for key, value in here.items() if key in given} | self.settings

    def command(self, name: str) -> list[str]:
        """The command line of a service's container."""
        service = self.services[name]
        if name == "redis":
            _, *options = service["command"]
            place = ["--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--dir", str(self.folder / "redis")]
            return [str(find_binary()), *options, *place]
        if name == "password":
            return [sys.executable, str(ROOT / "docker/make_password.py"), str(self.password_file)]
        return [str(BIN / "lrsearch"), *service["command"]]

    def once(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a one-shot container to its end."""
        return subprocess.run(
            self.command(name), env=self.environment(name), cwd=self.folder, capture_output=True, text=True, check=False
        )

    def start(self, name: str) -> None:
        """Start a container; `worker-b` is another one of `worker`."""
        service = name if name in self.services else name.split("-", maxsplit=1)[0]
        with (self.folder / "logs" / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                tethered(self.command(service)),
                env=self.environment(service),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, name: str) -> int:
        """What `docker stop` does: SIGTERM, after the grace SIGKILL; the exit code."""
        process = self.processes.pop(name)
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            _end(family)

    def kill(self, name: str) -> None:
        """What the kernel does when memory runs out: SIGKILL for every process of the container."""
        process = self.processes.pop(name)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _end(family)

    def up(self, *, workers: int = 2) -> Self:
        """`docker compose up`: in the order that `depends_on` gives."""
        first_start = self.once("password")
        assert 0 == first_start.returncode, first_start.stderr
        self.make_role()
        self.start("redis")
        self.until(self._broker_answers, 20)
        migrated = self.once("migrate")
        assert 0 == migrated.returncode, migrated.stderr
        self.start("api")
        self.start("reaper")
        for name in self.workers(workers):
            self.start(name)
        self.until(lambda: self.get("/livez").status_code == 200, 30)
        self.until(lambda: sum(self.get("/readyz").json()["workers"].values()) == workers, 60)
        return self

    @staticmethod
    def workers(count: int) -> list[str]:
        return ["worker", *(f"worker-{letter}" for letter in "bcdef")][:count]

    def make_role(self) -> None:
        """What the postgres image does at its first start: role, password and database."""
        hba = self.postgres.data / "pg_hba.conf"
        hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        password, name = sql.Literal(self.password_file.read_text()), sql.Identifier(self.database)
        with self.postgres.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE IF EXISTS lrsearch")
            connection.execute(sql.SQL("CREATE ROLE lrsearch LOGIN PASSWORD {}").format(password))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER lrsearch").format(name))

    def down(self) -> None:
        """Stop everything; drop the database and the role."""
        for name, process in self.processes.items():
            if name != "redis":
                process.terminate()
        for name in sorted(self.processes, key=lambda name: name == "redis"):
            self.stop(name)
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            self.postgres.start()
        with self.postgres.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.database)))
            connection.execute("DROP ROLE IF EXISTS lrsearch")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def _broker_answers(self) -> bool:
        import redis

        with redis.Redis(port=self.ports["redis"]) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=20)

    def submit(self, document: dict[str, Any]) -> str:
        """POST a job; its id."""
        answer = httpx2.post(f"{self.url}/v1/jobs", json=document, timeout=20)
        assert 202 == answer.status_code, answer.text
        return answer.json()["job_id"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/v1/jobs/{job_id}").json()

    def wait_for(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """The job, once it has one of the statuses (a final one, if none is given)."""
        wanted = statuses or FINAL
        self.until(lambda: self.job(job_id).get("status") in wanted, seconds, lambda: str(self.job(job_id)))
        return self.job(job_id)

    def health(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a container's health check."""
        _, _, *arguments = self.services[name]["healthcheck"]["test"]
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read the database from outside."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()  # pyright: ignore[reportArgumentType]

    def until(self, condition: Callable[[], object], seconds: float, tell: Callable[[], str] = lambda: "") -> None:
        """Wait for a condition; connection errors count as not yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except (httpx2.TransportError, KeyError, ValueError):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"Not within {seconds} s. {tell()}\n{self.logs()}")
            time.sleep(0.05)

    def logs(self) -> str:
        """The last lines of every process, for the message of a failed test."""
        files = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)


def _end(family: list[psutil.Process]) -> None:
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
