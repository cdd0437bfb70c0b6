"""`lrsearch export`: the trials and curves of a job as tables, CSV or Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lrsearch.cli.talk import Url, service_url

Table = dict[str, list[Any]]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(export)


def export(
    job_id: Annotated[str, typer.Argument(help="Id of a job.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the files; named after the job if left out.")] = None,
    format: Annotated[Literal["csv", "parquet"], typer.Option(help="csv or parquet.")] = "csv",  # noqa: A002 - the option's name
    url: Url = None,
) -> None:
    """Write trials, curves (a row an update) and history (a row an epoch) of a job; prints the files' names."""
    from lrsearch.client import Client
    from lrsearch.settings import load

    with Client(url or service_url(load())) as client:
        trials = client.trials(job_id)
        curves = [client.curve(job_id, trial["number"]) for trial in trials]
    folder = out or Path(job_id)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"trials": trials_table(trials), "curves": curves_table(curves), "history": history_table(curves)}
    for name, table in tables.items():
        file = folder / f"{name}.{format}"
        if format == "csv":
            write_csv(file, table)
        else:
            write_parquet(file, table)
        typer.echo(str(file))


def trials_table(trials: Iterable[Mapping[str, Any]]) -> Table:
    """A row a trial: its number, state, seed and setting, then a column a metric (None where it was not measured)."""
    rows = list(trials)
    table: Table = {
        name: [row[name] for row in rows] for name in ("number", "status", "seed", "stop_reason", "stopped_at")
    }
    table["setting"] = [json.dumps(row["setting"], sort_keys=True) for row in rows]
    metrics = sorted({name for row in rows for name in row["metrics"]})
    return table | {f"metrics/{name}": [_number(row["metrics"].get(name)) for row in rows] for name in metrics}


def curves_table(curves: Iterable[Mapping[str, Any]]) -> Table:
    """A row an update of a trial: the rate it used and the loss of its batch before it, finite or not.

    With the momentum it used where a trial has a schedule that moves it; NaN for the other trials.
    """
    kept = list(curves)
    table: Table = {"trial": [], "seed": [], "step": [], "lr": [], "loss": []}
    is_cycled = any(curve.get("momenta") is not None for curve in kept)
    table |= {"momentum": []} if is_cycled else {}
    for curve in kept:
        steps = len(curve["losses"])
        table["trial"] += [curve["trial"]] * steps
        table["seed"] += [curve["seed"]] * steps
        table["step"] += range(steps)
        table["lr"] += curve["lrs"]
        table["loss"] += curve["losses"]
        if is_cycled:
            table["momentum"] += curve.get("momenta") or [math.nan] * steps
    return table


def history_table(curves: Iterable[Mapping[str, Any]]) -> Table:
    """A row an epoch of a trial, counted from 1, with a column a metric."""
    kept = list(curves)
    metrics = sorted({name for curve in kept for name in curve["history"]})
    table: Table = {"trial": [], "seed": [], "epoch": []} | {name: [] for name in metrics}
    for curve in kept:
        epochs = max((len(values) for values in curve["history"].values()), default=0)
        table["trial"] += [curve["trial"]] * epochs
        table["seed"] += [curve["seed"]] * epochs
        table["epoch"] += range(1, epochs + 1)
        for name in metrics:
            values = [_number(value) for value in curve["history"].get(name, [])]
            table[name] += values + [math.nan] * (epochs - len(values))
    return table


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def write_csv(file: Path, table: Table) -> None:
    """A header line and one line a row; numbers with all their digits, NaN as `nan`."""
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))


def write_parquet(file: Path, table: Table) -> None:
    """One row group."""
    import pyarrow  # 60 MB of memory, so only when somebody asks for Parquet
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(table), file)
