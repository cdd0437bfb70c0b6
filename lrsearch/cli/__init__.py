"""The command line: one file a group of commands; it starts processes by command line and imports none of them."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version

import typer

from lrsearch.cli import demo, service, talk
from lrsearch.errors import LrsearchError, Misconfigured, Unavailable

app = typer.Typer(
    name="lrsearch",
    help="Which learning rate, which schedule, which optimizer? A service that answers with evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
service.register(app)
talk.register(app)
demo.register(app)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"lrsearch {installed_version('lrsearch')}")


def main() -> None:
    """Entry point: 0; 1 for a refused or failed job; 2 for settings that cannot work; each with one sentence."""
    try:
        app()
    except (Misconfigured, Unavailable) as error:
        typer.echo(f"lrsearch: {error}", err=True)
        sys.exit(2)
    except LrsearchError as error:
        typer.echo(f"lrsearch: {error}", err=True)
        sys.exit(1)
