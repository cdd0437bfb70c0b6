"""Figures of a search over its parameters: slices, the contour of two, parallel coordinates of all."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lrsearch.experiments.base import Heat, Line, PlotSpec, Role
from lrsearch.experiments.grid import is_number, shown
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.search.rows import (
    Result,
    Row,
    Scale,
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

CELLS: Final = 8
"""Cells of the contour to each side, at most."""


def fields_of(rows: Sequence[Row]) -> list[str]:
    """Names of the parameters, in the order in which they were drawn."""
    return list(dict.fromkeys(name for row in rows for name in row["values"]))


def slices(result: Result, rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """The objective over each parameter alone, where it differs; pruned settings where they stood when they were ended."""
    return [_slice(result, rows, name, subject) for name in fields_of(rows) if _differs(rows, name)]


def _slice(result: Result, rows: Sequence[Row], name: str, subject: str) -> PlotSpec:
    having = [row for row in rows if name in row["values"]]
    scale = Scale.of([row["values"][name] for row in having])
    pruned = [row for row in having if row["state"] == "pruned"]
    lines = [Line("a setting", *_points(result, scale, name, measured(having)), "points")]
    if pruned:
        lines.insert(0, Line("pruned, where it stood", *_points(result, scale, name, pruned), "faint"))
    values = [value for line in lines for value in line.y if math.isfinite(value)]
    best = None if result["pareto_front"] is not None else best_of(result, having)
    if best is not None and not scale.names:
        at = scale.place(best["values"][name])
        lines.append(Line("the best of these", [at, at], [min(values), max(values)], "muted"))
    return PlotSpec(
        name=f"slice_{_file_name(name)}",
        title=title(f"{objective_name(result)} over {short(name)}", subject),
        x_label=label(short(name), is_log=scale.is_log),
        y_label=label(objective_name(result), is_log=is_log(values)),
        x_log=scale.is_log,
        y_log=is_log(values),
        x_names=scale.names,
        lines=lines,
    )


def _points(result: Result, scale: Scale, name: str, rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    return [scale.place(row["values"][name]) for row in rows], [value_when_ended(result, row) for row in rows]


def _differs(rows: Sequence[Row], name: str) -> bool:
    return len({shown(row["values"][name]) for row in rows if name in row["values"]}) > 1


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", "_".join(parts_of(name)[-2:]).lower()).strip("_")


@dataclass(frozen=True, slots=True)
class _Cells:
    """A parameter's axis cut into cells: one a value where there are few, else equal shares of the scale."""

    scale: Scale
    values: Sequence[float]

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Cells:
        distinct = sorted({float(value) for value in values})
        return cls(Scale.of(list(values)), distinct if len(distinct) <= CELLS else ())

    def cell(self, value: Any) -> int:
        return self.values.index(float(value)) if self.values else min(int(self.scale.share(value) * CELLS), CELLS - 1)

    def ticks(self) -> list[str]:
        """The values, or the middle of each cell."""
        if self.values:
            return [f"{value:.4g}" for value in self.values]
        shares, scale = [(cell + 0.5) / CELLS for cell in range(CELLS)], self.scale
        if scale.is_log:
            return [f"{scale.low * (scale.high / scale.low) ** share:.2g}" for share in shares]
        return [f"{scale.low + share * (scale.high - scale.low):.3g}" for share in shares]


def contour(result: Result, rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """The best value in each cell of the two numbers that matter most; none with fewer than two numbers that differ.

    Args:
        result: of the search.
        rows: settings that came to their end.
        subject: model and data.
    """
    order = list(result["importance"] or fields_of(rows))
    numeric = [
        name for name in order if all(is_number(row["values"].get(name)) for row in rows) and _differs(rows, name)
    ]
    if len(numeric) < 2:
        return []
    across, up = numeric[:2]
    x_cells, y_cells = (_Cells.of([row["values"][name] for row in rows]) for name in (across, up))
    cells = [[math.nan] * len(x_cells.ticks()) for _ in y_cells.ticks()]
    sign = better(result)
    for row in rows:
        column, line = x_cells.cell(row["values"][across]), y_cells.cell(row["values"][up])
        values = [value for value in (cells[line][column], float(row["objective"][0])) if math.isfinite(value)]
        cells[line][column] = sign * min(sign * value for value in values)
    best = best_of(result, rows)
    place = None if best is None else (y_cells.cell(best["values"][up]), x_cells.cell(best["values"][across]))
    heat = Heat(f"best {objective_name(result)}", x_cells.ticks(), y_cells.ticks(), cells, place)
    told = f"Best {objective_name(result)} by {short(across)} and {short(up)}"
    return [PlotSpec("contour", title(told, subject), short(across), short(up), heat=heat)]


def parallel(result: Result, rows: Sequence[Row], subject: str) -> list[PlotSpec]:
    """A line a setting through all that was drawn for it, ending at its value; the best tenth stands out.

    Args:
        result: of the search.
        rows: settings that came to their end.
        subject: model and data.
    """
    names = [name for name in fields_of(rows) if all(name in row["values"] for row in rows)]
    if len(names) < 3:
        return []
    columns = [[row["values"][name] for row in rows] for name in names]
    columns.append([float(row["objective"][0]) for row in rows])
    scales = [Scale.of(column) for column in columns]
    ranked = sorted(range(len(rows)), key=lambda at: better(result) * rows[at]["objective"][0], reverse=True)
    few = max(1, len(rows) // 10)
    lines: list[Line] = []
    seen: set[str] = set()
    for rank, at in enumerate(ranked):
        role, standing = _standing(len(rows) - 1 - rank, few)
        shares = [scale.share(column[at]) for scale, column in zip(scales, columns, strict=True)]
        lines.append(Line(standing, list(range(len(scales))), shares, role, is_in_legend=standing not in seen))
        seen.add(standing)
    labels = [short(name) for name in names] + [objective_name(result)]
    ticks = tuple(f"{one}\n{scale.ends()}" for one, scale in zip(labels, scales, strict=True))
    told = title(f"Every setting through its values to its {objective_name(result)}", subject)
    return [PlotSpec("parallel_coordinates", told, "", "share of each range", x_names=ticks, lines=lines)]


def _standing(place: int, few: int) -> tuple[Role, str]:
    """How the setting of a place, 0 the best, is drawn."""
    if place == 0:
        return "main", "the best one"
    return ("muted", f"the best {few}") if place < few else ("raw", "a setting")
