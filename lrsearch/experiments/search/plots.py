"""Figures of a search, drawn from its stored result alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lrsearch.experiments.base import Line, PlotSpec, Rank
from lrsearch.experiments.pointers import parts_of

Row = Mapping[str, Any]


def plots_of(result: Mapping[str, Any], subject: str) -> list[PlotSpec]:
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
        found.append(_importance(result, subject))
    return found


def _objective_name(result: Mapping[str, Any], index: int = 0) -> str:
    one = result["objective"][index]
    words = {"end": "", "best": "best ", "auc": "mean "}[one["at"]]
    return words + str(one["metric"]).replace("_", " ")


def _history(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> PlotSpec:
    """Every setting's value by Optuna's number, and the best so far."""
    ordered = sorted(rows, key=lambda row: row["optuna_trial"])
    x = [float(row["optuna_trial"]) for row in ordered]
    y = [math.nan if row["objective"][0] is None else float(row["objective"][0]) for row in ordered]
    choose = min if result["objective"][0]["direction"] == "minimize" else max
    best: list[float] = []
    for value in y:
        known = [one for one in (*best[-1:], value) if math.isfinite(one)]
        best.append(choose(known) if known else math.nan)
    name = _objective_name(result)
    return PlotSpec(
        name="history",
        title=f"{name} of every setting, and the best so far. {subject}",
        x_label="trial (Optuna's number)",
        y_label=name,
        lines=[Line("a setting", x, y, "points"), Line("best so far", x, best, "main")],
    )


def _importance(result: Mapping[str, Any], subject: str) -> PlotSpec:
    ranks = [Rank("/".join(parts_of(name)), share, 0.0, share, 1) for name, share in result["importance"].items()]
    return PlotSpec(
        name="importance",
        title=f"What tells good settings from all (PED-ANOVA). {subject}",
        x_label=f"share in {_objective_name(result)}",
        y_label="",
        ranks=ranks,
    )
