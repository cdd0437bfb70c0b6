"""Commands that talk to a running service over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lrsearch.settings import Settings, load

Url = Annotated[
    str | None,
    typer.Option(envvar="LRSEARCH_URL", help="Address of the service; that of LRSEARCH_HOME's service if left out."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (submit, status):
        app.command()(command)


def submit(
    file: Annotated[Path, typer.Argument(help="File with a job document.")],
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end and print the result.")] = False,
    url: Url = None,
) -> None:
    """Submit a job document; prints the job, or with --wait its result, as JSON."""
    from lrsearch.cli.show import read_document
    from lrsearch.client import Client

    with Client(url or service_url(load())) as client:
        job = client.submit(read_document(file), wait=wait)
        show_json(client.result(job["job_id"]) if wait and job["status"] == "succeeded" else job)
    if wait and job["status"] != "succeeded":
        raise typer.Exit(1)


def status(job_id: Annotated[str | None, typer.Argument(help="Id of a job.")] = None, url: Url = None) -> None:
    """Print one job as JSON, or one line for each of the newest jobs."""
    from lrsearch.client import Client

    with Client(url or service_url(load())) as client:
        if job_id is not None:
            show_json(client.job(job_id))
            return
        for job in client.jobs(limit=20):
            progress = job["progress"]
            typer.echo(f"{job['job_id']}  {job['kind']}  {job['status']}  {progress['done']}/{progress['total']}")


def show_json(value: object) -> None:
    """Print a value for a person and for `jq` alike."""
    typer.echo(json.dumps(value, indent=2))


def service_url(settings: Settings) -> str:
    """The address in the state file of `settings.home`, else the one the settings name."""
    try:
        return json.loads((settings.home / "service.json").read_text(encoding="utf-8"))["url"]
    except (OSError, ValueError, KeyError):
        return f"http://{settings.host}:{settings.port}"
