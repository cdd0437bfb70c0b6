"""The command line: one file a group of commands; it starts processes by command line and imports none of them."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from typing import Final

import typer

from lrsearch.cli import demo, export, insights, service, talk
from lrsearch.errors import InvalidDocument, LrsearchError, Misconfigured, Unavailable

EXIT_CODES: Final = {Misconfigured: 2, Unavailable: 75}
"""Starting again does not help after a 2, and later does after a 75 (EX_TEMPFAIL); every other error is a 1."""

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
export.register(app)
insights.register(app)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"lrsearch {installed_version('lrsearch')}")


def main() -> None:
    """Entry point: 0; 1 for a refused or failed job; 2 for settings that cannot work; 75 for a server that is away.

    Whatever the package raises on purpose is told in one sentence, on standard error.
    """
    try:
        app()
    except LrsearchError as error:
        typer.echo(f"lrsearch: {_told(error)}", err=True)
        sys.exit(EXIT_CODES.get(type(error), 1))
    except KeyboardInterrupt:
        sys.exit(130)


def _told(error: LrsearchError) -> str:
    """What is wrong and what to do about it."""
    if not isinstance(error, InvalidDocument):
        return str(error)
    return "; ".join(
        f"{one.pointer}{':' * bool(one.pointer)} {one.message} {one.action}".strip() for one in error.problems
    )
