"""Figures of a search, drawn from its stored result alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lrsearch.experiments.base import Line, PlotSpec, Rank, Role
from lrsearch.experiments.numbers import columns, floats
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.search.rows import (
    Result,
    Row,
    best_of,
    better,
    is_log,
    label,
    measured,
    objective_name,
    short,
    title,
    value_when_ended,
)
from lrsearch.experiments.search.space_plots import contour, parallel, slices


def plots_of(result: Result, subject: str) -> list[PlotSpec]:
    """Every figure the result has numbers for.

    Args:
        result: of a search.
        subject: model and data, for the titles.
    """
    rows: list[Row] = result["settings"]
    if not rows:
        return []
    found = [_history(result, rows, subject)]
    if result["importance"]:
        found.append(_importance(result, rows, subject))
    if result["pareto_front"] is not None:
        return [_front(result, rows, subject), *found, *slices(result, measured(rows), subject)]
    found += _intermediate(result, rows, subject)
    if ended := measured(rows):
        found += contour(result, ended, subject) + parallel(result, ended, subject)
    return found + slices(result, rows, subject)


def _history(result: Result, rows: Sequence[Row], subject: str) -> PlotSpec:
    """Every setting's value by Optuna's number, pruned ones where they stood, and the best so far."""
    ordered = sorted(rows, key=lambda row: row["optuna_trial"])
    best: list[float] = []
    for row in ordered:
        known = [one for one in best[-1:] if math.isfinite(one)]
        known += [] if row["objective"][0] is None else [float(row["objective"][0])]
        best.append(better(result) * min(better(result) * one for one in known) if known else math.nan)
    pruned = [row for row in ordered if row["state"] == "pruned"]
    lines = [
        *([Line("pruned, where it stood", *_by_number(result, pruned), "faint")] if pruned else []),
        Line("a setting", *_by_number(result, measured(ordered)), "points"),
        Line("best so far", _numbers(ordered), best, "main"),
    ]
    is_high = is_log([value for line in lines for value in line.y])
    return PlotSpec(
        name="history",
        title=title(f"{objective_name(result)} of every setting, and the best so far", subject),
        x_label="trial (Optuna's number)",
        y_label=label(objective_name(result), is_log=is_high),
        y_log=is_high,
        lines=lines,
    )


def _numbers(rows: Sequence[Row]) -> list[float]:
    return [float(row["optuna_trial"]) for row in rows]


def _by_number(result: Result, rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return _numbers(rows), [value_when_ended(result, row) for row in rows]


def _importance(result: Result, rows: Sequence[Row], subject: str) -> PlotSpec:
    """Shares of what all settings have, and below them of what only those of some option have."""
    ranks = [Rank(short(name), share, 0.0, share, 1) for name, share in result["importance"].items()]
    for option, shares in result.get("importance_within", {}).items():
        *above, taken = parts_of(option)
        count = sum(f"{row['values'].get('/' + '/'.join(above))}" == taken for row in measured(rows))
        inner = {name: share for name, share in shares.items() if name.startswith(f"{option}/")}
        ranks += [
            Rank(short(name), share, 0.0, share, 2, note=f"among the {count} with {taken}")
            for name, share in inner.items()
        ]
    return PlotSpec(
        name="importance",
        title=title("What tells good settings from all (PED-ANOVA)", subject),
        x_label=f"share in {objective_name(result)}",
        y_label="",
        ranks=ranks,
        x_limits=(0.0, 1.0),
        group_names=("of all settings", "of those that have it"),
    )


def _intermediate(result: Result, rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """What each setting's first seed measured at epochs' ends, and where pruned ones were ended."""
    curves = [row for row in rows if row["intermediate"]]
    if not curves:
        return []
    best = best_of(result, rows)
    lines: list[Line] = []
    groups: list[tuple[Role, str, list[Row]]] = [
        ("raw", "pruned", [row for row in curves if row["state"] == "pruned"]),
        ("muted", "came to the end", [row for row in curves if row["state"] != "pruned" and row is not best]),
        ("main", "the best one", [row for row in curves if row is best]),
    ]
    for role, standing, chosen in groups:
        for index, row in enumerate(chosen):
            values = floats(row["intermediate"])
            epochs = [epoch + 1.0 for epoch in range(len(values))]
            lines.append(Line(standing, epochs, values, role, is_in_legend=index == 0))
    is_high = is_log([value for line in lines for value in line.y])
    metric = str(result["objective"][0]["metric"]).replace("_", " ")
    return [
        PlotSpec(
            name="intermediate_values",
            title=title(f"{metric} of each setting's first seed over the epochs", subject),
            x_label="epoch",
            y_label=label(metric, is_log=is_high),
            y_log=is_high,
            lines=lines,
        )
    ]


def _front(result: Result, rows: Sequence[Row], subject: str) -> PlotSpec:
    """Both objectives of every setting, and the Pareto front as the best of one that comes with so much of the other."""
    both = [tuple(row["objective"]) for row in rows if None not in row["objective"]]
    front = list(dict.fromkeys(tuple(one["objective"]) for one in result["pareto_front"]))
    beaten = [one for one in both if one not in front]
    x_log, y_log = (_is_log_loss(result, index, [one[index] for one in both]) for index in (0, 1))
    return PlotSpec(
        name="pareto_front",
        title=title("Both objectives; nothing beats the front in both", subject),
        x_label=label(objective_name(result, 0), is_log=x_log),
        y_label=label(objective_name(result, 1), is_log=y_log),
        x_log=x_log,
        y_log=y_log,
        lines=[
            Line("a setting that another one beats", *columns(beaten), "faint"),
            Line("the front", *columns(_stairs(result, front, both)), "muted"),
            Line("a setting on the front", *columns(front), "points"),
        ],
    )


def _is_log_loss(result: Result, index: int, values: Sequence[float]) -> bool:
    """Whether an objective's axis is logarithmic: of losses that span much; scores end at 1."""
    return result["objective"][index]["direction"] == "minimize" and is_log(values)


def _stairs(
    result: Result, front: Sequence[tuple[float, float]], both: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """The edge of what was reached: from the worst of one objective over every point of the front to the worst of the other."""
    first, second = (1 if one["direction"] == "minimize" else -1 for one in result["objective"])
    if not front:
        return []
    worst = [sign * max(sign * one[index] for one in both) for index, sign in enumerate((first, second))]
    level, stairs = worst[1], list[tuple[float, float]]()
    for x, y in sorted(front, key=lambda one: first * one[0]):
        stairs += [(x, level), (x, y)]
        level = y
    return [*stairs, (worst[0], level)]
