"""What the race of a range test with `confirm: true` says: its place in the job, its part of the result, its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import numpy as np
from pydantic import BeforeValidator

from lrsearch.errors import Problem
from lrsearch.experiments.base import Line, Mark, PlotSpec, Span, TrialRecord
from lrsearch.experiments.evidence import seconds_of
from lrsearch.experiments.held_out_check import LEAST_HELD_OUT, knowing_nothing
from lrsearch.experiments.numbers import finite_or_none, floats
from lrsearch.experiments.race import Race, RaceResult
from lrsearch.suggestions.base import Suggestion, Verdict, nothing
from lrsearch.training import catalog
from lrsearch.training.data_order import kept_samples

RULE: Final = "race"
"""What stands as the rule beside a rate that the race chose."""

CERTAIN: Final = 0.05
"""Distance of the interval's ends from the winner, decades."""
LEVEL: Final = 0.94
"""Share of the regret benchmark's default races in whose interval every rate had a regret under 0.05, rounded down."""
AROUND: Final = 0.25
"""Distance of the bounds from a winner whose rule has none, decades; those of `consensus`."""


def _switched(value: Any) -> Any:
    return {} if value is True else None if value is False else value


Confirm = Annotated[Race | None, BeforeValidator(_switched, json_schema_input_type=bool | Race | None)]
"""`true`: a race with its defaults; an object: one with these fields; `false` or null: none."""


def confirm_problems(race: Race, row: catalog.DatasetRow) -> list[Problem]:
    """A share that holds out nothing, or leaves nothing to train on."""
    kept = kept_samples(row.train_size, race.held_out)
    if race.held_out == 0 or 0 < kept < row.train_size:
        return []
    message = f"confirm.held_out {race.held_out:g} of {row.train_size} samples leaves {kept} to train on."
    action = "Use a share that leaves samples on both sides, for example 0.2, or 0 to judge by training losses."
    return [Problem("/confirm/held_out", "leaves_data", race.held_out, message, action)]


def confirmed(
    race: Race, records: Sequence[TrialRecord], asked: Suggestion, data: str
) -> tuple[Suggestion, RaceResult]:
    """The suggestion after the race: its winner, or none where nothing was learned that holds on held-out samples."""
    result = race.judge(records, knowing_nothing(records, data))
    row = catalog.datasets()[data]
    held_out = row.train_size - kept_samples(row.train_size, race.held_out)
    if race.held_out and held_out < LEAST_HELD_OUT:
        why = f"The race holds out {held_out} samples, too few to tell: use more data, or a greater confirm.held_out."
        return nothing(Verdict.UNCONFIRMED, why), replace(result, lr=None, why=why)
    if result.lr is None:
        refused = nothing(Verdict.UNCONFIRMED, result.why)
        return (refused if asked.lr is not None else asked), result
    factor = 1.0 if asked.lr is None else result.lr / asked.lr
    around, near = 10.0**AROUND, 10.0**CERTAIN
    low = result.lr / around if asked.min_lr is None else asked.min_lr * factor
    high = result.lr * around if asked.max_lr is None else asked.max_lr * factor
    # the level is that of the default race; any other's was not measured
    level = LEVEL if race == Race() else None
    interval = (result.lr / near, result.lr * near)
    return Suggestion(result.lr, low, high, Verdict.SUGGESTION, result.why, interval, level), result


def as_json(race: Race, result: RaceResult, asked: Suggestion, records: Sequence[TrialRecord]) -> dict[str, Any]:
    """The `confirmation` of a result."""
    return {
        "lr": result.lr,
        "asked_lr": asked.lr,
        "asked_verdict": asked.verdict.value,
        "why": result.why,
        "is_at_edge": result.is_at_edge,
        "judged_by": "val_loss" if race.held_out else "loss",
        "candidates": [
            {"lr": float(lr), "losses": finite_or_none(losses), "place": float(place), "round": int(number)}
            for lr, losses, place, number in zip(result.rates, result.losses, result.places, result.rounds, strict=True)
        ],
        "control": finite_or_none(result.control),
        "steps": race.steps,
        "seeds": race.seeds,
        "rounds": int(result.rounds.max()),
        "updates": result.updates,
        "further_updates": result.further_updates,
        "seconds": seconds_of(records),
    }


def race_plot(confirmation: Mapping[str, Any], subject: str) -> PlotSpec:
    """Loss at the end of the race over the candidates' rates: every seed, their mean, the untrained model, the winner."""
    rows: list[Mapping[str, Any]] = confirmation["candidates"]
    rates = [row["lr"] for row in rows]
    losses = np.array([floats(row["losses"]) for row in rows], dtype=np.float64)
    finite = np.isfinite(losses)
    mean = np.where(finite.all(axis=1), losses.sum(axis=1, where=finite) / max(losses.shape[1], 1), np.nan)
    lines = [
        Line("seeds", rates, column.tolist(), "points", is_in_legend=index == 0)
        for index, column in enumerate(losses.T)
    ]
    lines.append(Line(f"mean of {losses.shape[1]} seeds", rates, mean.tolist(), "main"))
    control = [loss for loss in confirmation["control"] if loss is not None]
    if control:
        level = float(np.mean(control))
        lines.append(Line("untrained", [rates[0], rates[-1]], [level, level], "muted"))
    marks = [] if confirmation["lr"] is None else [Mark(f"winner {confirmation['lr']:.2g}", confirmation["lr"])]
    return PlotSpec(
        name="race",
        title=f"Race after {confirmation['steps']} updates: {subject}",
        x_label="learning rate (log scale)",
        y_label="loss on held-out data" if confirmation["judged_by"] == "val_loss" else "training loss",
        x_log=True,
        lines=lines,
        spans=_further_spans(rows),
        marks=marks,
    )


def _further_spans(rows: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The rates that further rounds added, below and above the first candidates; results of older versions know one round."""
    first = [row["lr"] for row in rows if row.get("round", 1) == 1]
    below, above = (
        [row["lr"] for row in rows if row["lr"] < first[0]],
        [row["lr"] for row in rows if row["lr"] > first[-1]],
    )
    ends = [(below[0], first[0])] if below else []
    ends += [(first[-1], above[-1])] if above else []
    return [Span("added, since the best was at the edge", low, high) for low, high in ends]
