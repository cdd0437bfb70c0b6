"""Figures of a search, drawn from its stored result alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from lrsearch.experiments.base import Heat, Line, PlotSpec, Rank
from lrsearch.experiments.grid import is_number, shown
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.sweep_plots import is_wide

Row = Mapping[str, Any]
Role = Literal["raw", "main", "muted", "points"]


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
    if result["pareto_front"] is not None:
        return [_front(result, rows, subject), *found, *_slices(result, rows, subject)]
    measured = _measured(rows)
    found += _intermediate(result, rows, subject)
    if measured:
        found += _contour(result, measured, subject) + _parallel(result, measured, subject)
    return found + _slices(result, rows, subject)


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
        y_label=name + (" (log scale)" if is_wide(y) else ""),
        y_log=is_wide(y),
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


def _fields(rows: Sequence[Row]) -> list[str]:
    """Names of the parameters, in the order in which they were drawn."""
    return list(dict.fromkeys(name for row in rows for name in row["values"]))


def _slices(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """The objective over each parameter alone."""
    return [_slice(result, _measured(rows), name, subject) for name in _fields(_measured(rows))]


def _measured(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["objective"][0] is not None]


def _slice(result: Mapping[str, Any], rows: Sequence[Row], name: str, subject: str) -> PlotSpec:
    having = [row for row in rows if name in row["values"]]
    axis = Axis.of([row["values"][name] for row in having])
    y = [float(row["objective"][0]) for row in having]
    best = _best_of(result, having)
    lines = [Line("a setting", [axis.place(row["values"][name]) for row in having], y, "points")]
    if best is not None and not axis.names:
        lines.append(Line("the best one", [axis.place(best["values"][name])] * 2, [min(y), max(y)], "muted"))
    return PlotSpec(
        name=f"slice_{_file_name(name)}",
        title=f"{_objective_name(result)} over {_short(name)}. {subject}",
        x_label=_short(name) + (" (log scale)" if axis.is_log else ""),
        y_label=_objective_name(result) + (" (log scale)" if is_wide(y) else ""),
        x_log=axis.is_log,
        y_log=is_wide(y),
        x_names=axis.names,
        lines=lines,
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the values of a parameter are drawn: numbers where they are, others side by side.

    Attributes:
        names: of the places 0, 1, ..., empty for numbers.
        low, high: least and greatest place.
        is_log: whether ratios count.
    """

    names: tuple[str, ...]
    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> Axis:
        """The axis for these values."""
        if all(is_number(value) for value in values):
            return cls((), float(min(values)), float(max(values)), is_wide([float(value) for value in values]))
        names = tuple(dict.fromkeys(shown(value) for value in values))
        return cls(names, 0.0, max(len(names) - 1.0, 1.0), is_log=False)

    def place(self, value: Any) -> float:
        """Where a value is."""
        return float(self.names.index(shown(value)) if self.names else value)

    def share(self, value: Any) -> float:
        """The same as a share of the axis, 0 to 1; the middle where all are alike."""
        place = self.place(value)
        if self.high <= self.low:
            return 0.5
        if self.is_log:
            return math.log(place / self.low) / math.log(self.high / self.low)
        return (place - self.low) / (self.high - self.low)


def _best_of(result: Mapping[str, Any], rows: Sequence[Row]) -> Row | None:
    sign = 1 if result["objective"][0]["direction"] == "minimize" else -1
    return min(rows, key=lambda row: sign * row["objective"][0], default=None)


def _short(name: str) -> str:
    """A parameter's name in words; one of an option with the option before it."""
    parts = parts_of(name)
    return " ".join(parts[-2:] if len(parts) > 2 else parts[-1:]).replace("_", " ")


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", "_".join(parts_of(name)[-2:]).lower()).strip("_")


def _contour(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """The best value in each cell of the two numbers that matter most."""
    order = list(result["importance"] or _fields(rows))
    numeric = [
        name for name in order if all(is_number(row["values"].get(name)) for row in rows) and _differs(rows, name)
    ]
    if len(numeric) < 2:
        return []
    across, up = numeric[:2]
    x_axis, y_axis = (Axis.of([row["values"][name] for row in rows]) for name in (across, up))
    sign = 1 if result["objective"][0]["direction"] == "minimize" else -1
    cells = [[math.nan] * CELLS for _ in range(CELLS)]
    for row in rows:
        column, line = (_cell(axis, row["values"][name]) for axis, name in ((x_axis, across), (y_axis, up)))
        values = [value for value in (cells[line][column], float(row["objective"][0])) if math.isfinite(value)]
        cells[line][column] = sign * min(sign * value for value in values)
    best = _best_of(result, rows)
    place = None if best is None else (_cell(y_axis, best["values"][up]), _cell(x_axis, best["values"][across]))
    heat = Heat(f"best {_objective_name(result)}", _ticks(x_axis), _ticks(y_axis), cells, place)
    title = f"Best {_objective_name(result)} by {_short(across)} and {_short(up)}. {subject}"
    return [PlotSpec("contour", title, _short(across), _short(up), heat=heat)]


CELLS: Final = 8
"""Cells of the contour to each side."""


def _differs(rows: Sequence[Row], name: str) -> bool:
    return len({row["values"][name] for row in rows}) > 1


def _cell(axis: Axis, value: Any) -> int:
    return min(int(axis.share(value) * CELLS), CELLS - 1)


def _ticks(axis: Axis) -> list[str]:
    """The middle of each cell."""
    shares = [(cell + 0.5) / CELLS for cell in range(CELLS)]
    if axis.is_log:
        return [f"{axis.low * (axis.high / axis.low) ** share:.2g}" for share in shares]
    return [f"{axis.low + share * (axis.high - axis.low):.3g}" for share in shares]


def _intermediate(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """What each setting's first seed measured at epochs' ends, and where pruned ones were ended."""
    curves = [row for row in rows if row["intermediate"]]
    if not curves:
        return []
    best = _best_of(result, _measured(rows))
    lines: list[Line] = []
    groups: list[tuple[Role, str, list[Row]]] = [
        ("raw", "pruned", [row for row in curves if row["state"] == "pruned"]),
        ("muted", "came to the end", [row for row in curves if row["state"] != "pruned" and row is not best]),
        ("main", "the best one", [row for row in curves if row is best]),
    ]
    for role, label, chosen in groups:
        for index, row in enumerate(chosen):
            values = [math.nan if value is None else float(value) for value in row["intermediate"]]
            epochs = [epoch + 1.0 for epoch in range(len(values))]
            lines.append(Line(label, epochs, values, role, is_in_legend=index == 0))
    is_log = is_wide([value for line in lines for value in line.y])
    metric = str(result["objective"][0]["metric"]).replace("_", " ")
    return [
        PlotSpec(
            name="intermediate_values",
            title=f"{metric} of each setting's first seed over the epochs. {subject}",
            x_label="epoch",
            y_label=metric + (" (log scale)" if is_log else ""),
            y_log=is_log,
            lines=lines,
        )
    ]


def _parallel(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """A line a setting through all that was drawn for it, ending at its value; the best tenth stands out."""
    names = [name for name in _fields(rows) if all(name in row["values"] for row in rows)]
    if len(names) < 3:
        return []
    columns = [[row["values"][name] for row in rows] for name in names]
    columns.append([float(row["objective"][0]) for row in rows])
    axes = [Axis.of(column) for column in columns]
    sign = 1 if result["objective"][0]["direction"] == "minimize" else -1
    ranked = sorted(range(len(rows)), key=lambda at: sign * rows[at]["objective"][0], reverse=True)
    few = max(1, len(rows) // 10)
    lines: list[Line] = []
    seen: set[str] = set()
    for rank, at in enumerate(ranked):
        role, label = _standing(len(rows) - 1 - rank, few)
        shares = [axis.share(column[at]) for axis, column in zip(axes, columns, strict=True)]
        lines.append(Line(label, list(range(len(axes))), shares, role, is_in_legend=label not in seen))
        seen.add(label)
    labels = [_short(name) for name in names] + [_objective_name(result)]
    ticks = tuple(f"{label}\n{_ends(axis)}" for label, axis in zip(labels, axes, strict=True))
    title = f"Every setting through its values to its {_objective_name(result)}. {subject}"
    return [PlotSpec("parallel_coordinates", title, "", "share of each range", x_names=ticks, lines=lines)]


def _standing(place: int, few: int) -> tuple[Role, str]:
    """How the setting of a place, 0 the best, is drawn."""
    if place == 0:
        return "main", "the best one"
    return ("muted", f"the best {few}") if place < few else ("raw", "a setting")


def _ends(axis: Axis) -> str:
    """What the foot and the head of an axis stand for."""
    if axis.names:
        return f"{axis.names[0]} to {axis.names[-1]}"
    return f"{axis.low:.3g} to {axis.high:.3g}" + (" (log)" if axis.is_log else "")


def _front(result: Mapping[str, Any], rows: Sequence[Row], subject: str) -> PlotSpec:
    """Both objectives of every setting, and the Pareto front."""
    both = [row["objective"] for row in rows if None not in row["objective"]]
    front = [one["objective"] for one in result["pareto_front"]]
    return PlotSpec(
        name="pareto_front",
        title=f"Both objectives; nothing beats the front in both. {subject}",
        x_label=_objective_name(result, 0),
        y_label=_objective_name(result, 1),
        lines=[
            Line("a setting", [one[0] for one in both], [one[1] for one in both], "points"),
            Line("Pareto front", [one[0] for one in front], [one[1] for one in front], "main"),
        ],
    )
