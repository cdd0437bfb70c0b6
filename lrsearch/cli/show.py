"""What the commands show: progress while a job runs, the bounds by rule when it is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lrsearch.client import Client
from lrsearch.errors import InvalidDocument, Problem

WIDTH: Final = 120
"""Columns of the tables where no terminal says how wide it is."""

WORTH_TELLING_SECONDS: Final = 0.1
"""A wait shorter than this is not worth a word."""


def console() -> Console:
    """Standard output, wide enough for the tables also where it is a file."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=WIDTH)


def read_document(path: Path) -> dict[str, Any]:
    """The job document in a file.

    Raises:
        InvalidDocument: there is no such file, or it holds no JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, f"{path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise _unreadable(path, f"{path} is not JSON ({error}).") from None
    if not isinstance(document, dict):
        raise _unreadable(path, f"{path} holds no JSON object.")
    return document


def _unreadable(path: Path, message: str) -> InvalidDocument:
    action = "Name a file with a job document; examples/ has some."
    return InvalidDocument([Problem("", "json_object", str(path), message, action)])


def follow(client: Client, job_id: str, screen: Console) -> Mapping[str, Any]:
    """Show the progress of a job until it ends; its last state."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("updates"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=screen, transient=screen.is_terminal) as progress:
        task = progress.add_task("queued", total=None)

        def update(job: Mapping[str, Any]) -> None:
            reason = job["waiting_because"]
            description = f"{job['status']}: {reason}" if reason else str(job["status"])
            done = job["progress"]
            progress.update(task, description=description, completed=done["done"], total=done["total"] or None)

        return client.wait(job_id, update)


def show_result(
    result: Mapping[str, Any], elapsed_seconds: float, screen: Console, *, waited_seconds: float = 0.0
) -> None:
    """Bounds by rule or leaderboard, what they amount to, and the seconds spent.

    Args:
        result: of a job.
        elapsed_seconds: from its submission to its result.
        screen: where to write.
        waited_seconds: those of them in which no worker had begun; a service that has just started loads TensorFlow then.
    """
    if "rules" in result:
        _show_bounds(result, screen)
    else:
        _show_leaderboard(result, screen)
    if result.get("cost"):
        screen.print(_cost(result["cost"]), markup=False)
    if result.get("code"):
        screen.print(f"Code of {_of_what(result)}:\n\n{result['code']}", markup=False, highlight=False, soft_wrap=True)
    phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in result["seconds"].items())
    waited = f"waiting for a worker {waited_seconds:.1f} s, " if waited_seconds >= WORTH_TELLING_SECONDS else ""
    screen.print(f"Seconds: {elapsed_seconds:.1f} from POST to result ({waited}{phases}; {result['updates']} updates)")


def waited(job: Mapping[str, Any]) -> float:
    """Seconds from a job's submission to its first attempt; 0 where it has not begun."""
    if job["started_at"] is None:
        return 0.0
    created, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
    return (started - created).total_seconds()


def _cost(cost: Mapping[str, Any]) -> str:
    """One line: what the job cost, and the grid it replaces."""
    grid = cost["grid"]
    seconds = grid["estimated_seconds"]
    estimated = "" if seconds is None else f", some {seconds:,.0f} s of training"
    return (
        f"Cost: {cost['updates']:,} updates, {cost['seconds']:,.0f} s. The grid it replaces ({grid['what']}, with "
        f"{grid['seeds']} seeds) takes {grid['updates']:,} updates{estimated}."
    )


def _of_what(result: Mapping[str, Any]) -> str:
    """What the code trains."""
    if result.get("recommendation") and "setting" in result["recommendation"]:
        return str(result["recommendation"]["setting"])
    best = result.get("best")
    return f"the best setting, {best['setting']}" if best else "what was suggested, or Keras' default"


def _show_leaderboard(result: Mapping[str, Any], screen: Console) -> None:
    metric = result["metric"]
    table = Table(
        "group", "setting", metric, "95 % interval", "diverged", title=f"Leaderboard, to {result['direction']}"
    )
    for row in result["leaderboard"]:
        stated = row["metrics"].get(metric, {"mean": None, "interval": None})
        interval = "-" if stated["interval"] is None else " to ".join(f"{end:.4g}" for end in stated["interval"])
        mean = "-" if stated["mean"] is None else f"{stated['mean']:.4g}"
        table.add_row(str(row["group"]), row["setting"], mean, interval, str(row["diverged"]))
    screen.print(table)
    recommendation = result["recommendation"]
    said = recommendation["why"] if recommendation else "none; the evidence does not carry one."
    screen.print(f"Recommendation: {said}")
    for flag, why in result["flag_notes"].items():
        screen.print(f"Flag {flag}: {why}")


def _show_bounds(result: Mapping[str, Any], screen: Console) -> None:
    table = Table("rule", "learning rate", "from", "to", "verdict", "why", title="Learning-rate bounds by rule")
    for row in result["rules"]:
        table.add_row(
            row["rule"], _rate(row["lr"]), _rate(row["min_lr"]), _rate(row["max_lr"]), row["verdict"], row["why"]
        )
    screen.print(table)
    suggestion = result["suggestion"]
    rate = "no learning rate" if suggestion["lr"] is None else f"learning rate {_rate(suggestion['lr'])}"
    screen.print(f"Verdict: {result['verdict']}: {rate}, by the rule {suggestion['rule']}. {suggestion['why']}")


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2e}"
