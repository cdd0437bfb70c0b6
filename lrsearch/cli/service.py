"""Commands that run the service, or one part of it: each container's command is one of these."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lrsearch.settings import load, service_root

Home = Annotated[Path | None, typer.Option(help="State folder (LRSEARCH_HOME); .lrsearch if left out.")]
Port = Annotated[
    int | None, typer.Option(help="Port of the API (LRSEARCH_PORT); 0 takes a free one.", min=0, max=65535)
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (up, api, worker, reaper, migrate):
        app.command()(command)


def up(home: Home = None, port: Port = None) -> None:
    """The embedded service in the foreground: broker, database, API, worker, reaper. Ctrl-C stops it."""
    chosen = {"LRSEARCH_HOME": home, "LRSEARCH_PORT": port}
    become("worker.supervisor", {name: str(value) for name, value in chosen.items() if value is not None})


def worker() -> None:
    """A worker: trains what the queue hands it. Needs REDIS_URL and DATABASE_URL of a running service."""
    become("worker.solo")


def reaper() -> None:
    """The reaper: re-queues what a dead worker held and sends lost messages again."""
    become("worker.reaper")


def migrate() -> None:
    """Bring the database to this version's tables."""
    from lrsearch.db import Database

    database = Database(load().resolved_database_url())
    database.migrate()
    typer.echo(f"{database.name} is up to date.")


def api(
    fd: Annotated[int | None, typer.Option(help="Serve on this inherited listening socket.", hidden=True)] = None,
    gate: Annotated[int | None, typer.Option(help="Wait for the end of this inherited pipe.", hidden=True)] = None,
) -> None:
    """The API alone. Needs REDIS_URL and DATABASE_URL of a running service."""
    from lrsearch.cli.api_server import serve

    settings = load()
    if fd is None:  # the supervisor has started and checked the servers itself
        from lrsearch.startup import require_servers

        require_servers(settings)
    sys.path.insert(0, str(service_root()))
    serve(settings, fd, gate)


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process that must find the packages `api`, `worker` and `migrations`."""
    path = [str(service_root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)} | dict(changes or {})


def command(module: str) -> list[str]:
    """The command line that runs `module` in this Python; -P keeps the working folder's own packages out."""
    return [sys.executable, "-P", "-m", module]


def become(module: str, changes: Mapping[str, str] | None = None) -> NoReturn:
    """Replace this process by `module`: same pid, so signals and exit codes are its own."""
    sys.stdout.flush()
    os.execve(sys.executable, command(module), environment(changes))
