"""`lrsearch demo`: one job on an embedded service of its own, over HTTP, from the document to the plot."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from lrsearch.errors import LrsearchError


class JobError(LrsearchError):
    """The job ended without a result."""

    code = "job_failed"


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(demo)


def demo(
    job: Annotated[Path, typer.Argument(help="File with a job document, for example examples/range_test_digits.json.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the plots; LRSEARCH_HOME/demo if left out.")] = None,
) -> None:
    """Start a service, run one job on it over HTTP, show bounds and plot, stop the service."""
    from lrsearch.cli.embedded import EmbeddedService
    from lrsearch.cli.show import console, read_document
    from lrsearch.settings import load

    document, screen = read_document(job), console()
    folder = out or load().home / "demo"
    home = Path(tempfile.mkdtemp(prefix="lrsearch-demo-"))
    started = time.monotonic()
    try:
        with EmbeddedService(home) as service:
            screen.print(f"The service answers at {service.url} after {time.monotonic() - started:.1f} s.")
            run(service.url, document, folder, job.stem, screen)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run(url: str, document: dict[str, Any], folder: Path, name: str, screen: Any) -> None:
    """Submit the document, follow the job, show its result, write its plots.

    Args:
        url: of a running service.
        document: the job.
        folder: for the plots; made if need be.
        name: what the plots' file names begin with.
        screen: a rich console.

    Raises:
        ServiceError: the document is refused.
        JobError: the job did not succeed.
    """
    from lrsearch.cli.show import follow, show_result, waited
    from lrsearch.client import Client

    with Client(url) as client:
        started = time.monotonic()
        job_id = client.submit(document)["job_id"]
        job = follow(client, job_id, screen)
        if job["status"] != "succeeded":
            raise JobError(f"The job {job['status']}: {(job['error'] or {}).get('message', 'no error was recorded')}")
        elapsed = time.monotonic() - started
        show_result(client.result(job_id), elapsed, screen, waited_seconds=waited(job))
        folder.mkdir(parents=True, exist_ok=True)
        for plot in client.plots(job_id):
            file = folder / f"{name}-{plot['name']}.png"
            file.write_bytes(client.plot(job_id, plot["name"]))
            screen.print(f"Plot: {file}", soft_wrap=True)
