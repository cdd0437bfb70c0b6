"""`lrsearch insights`: which suggestion rule held, by optimizer and model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lrsearch.cli.talk import Url, service_url, show_json
from lrsearch.settings import load


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(insights)


def insights(
    *,
    model: Annotated[str | None, typer.Option(help="Only range tests of this model.")] = None,
    data: Annotated[str | None, typer.Option(help="Only range tests on this data set.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Only range tests with this optimizer.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only answers of this rule.")] = None,
    metric: Annotated[str | None, typer.Option(help="What the rules read: loss, accuracy or val_loss.")] = None,
    trained: Annotated[str | None, typer.Option(help="Judge by trainings that are constant, or scheduled.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the service answered.")] = False,
    url: Url = None,
) -> None:
    """Print which suggestion rule held, by what later trainings of the same model and data ended with."""
    from lrsearch.client import Client

    given = {"model": model, "data": data, "optimizer": optimizer, "rule": rule, "metric": metric, "trained": trained}
    with Client(url or service_url(load())) as client:
        found = client.rule_insights(**{name: value for name, value in given.items() if value is not None})
    if as_json:
        show_json(found)
    else:
        _show(found)


def _show(found: Mapping[str, Any]) -> None:
    from rich.table import Table

    from lrsearch.cli.show import console

    if not found["rules"]:
        typer.echo("No range test that these options leave has finished yet.")
        return
    columns = (
        "optimizer",
        "model",
        "rule",
        "held",
        "median",
        "p90",
        "worst",
        "tasks",
        "judged",
        "no rate",
        "no evidence",
    )
    table = Table(*columns, title=f"Regret of the rules, by {found['outcomes']} trainings")
    place = (None, None)
    for row in (*found["rules"], *found["groups"]):
        if (row["optimizer"], row["model"]) != place:
            place = (row["optimizer"], row["model"])
            table.add_section()
        counts = (str(row[name]) for name in ("tasks", "judged", "without_rate", "without_evidence"))
        figures = (_figure(row[name]) for name in ("median", "p90", "worst"))
        table.add_row(row["optimizer"] or "all", row["model"] or "all", row["rule"], _held(row), *figures, *counts)
    console().print(table)


def _held(row: Mapping[str, Any]) -> str:
    if row["held"] is None:
        return "-"
    between = row["held_interval"]
    return f"{row['held']:.0%}" + (f" ({between[0]:.0%} to {between[1]:.0%})" if between else "")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
