"""Figures of comparisons, drawn from the stored result alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lrsearch.experiments.base import Band, Heat, Line, Mark, PlotSpec, Rank, Whiskers
from lrsearch.experiments.numbers import floats, number

LOG_SPAN: Final = 20.0
"""Greatest / least value from which a positive axis is logarithmic."""
EXPLODED: Final = 1e12
"""Greatest / least value beyond which the greatest are outliers to be cut off, not to be shown."""
CURVE_LOG_SPAN: Final = 5.0
"""The same for loss curves, whose fall would hide what happens at the end."""
MOST_PANELS: Final = 12
"""Settings shown side by side; of more, the best ones."""
MOST_LINES: Final = 8
"""Settings with a colour of their own in one figure; of more, the best ones."""

Row = Mapping[str, Any]


def plots_of(result: Mapping[str, Any], subject: str) -> list[PlotSpec]:
    """Every figure the result has numbers for.

    Args:
        result: of a sweep.
        subject: model, data and batch size, for the titles.
    """
    rows: list[Row] = result["leaderboard"]
    if not rows:
        return []
    metric = str(result["metric"])
    found = [_ranking(rows, metric, subject)]
    fields = _numeric_fields(rows)
    if len(fields) == 1 and len(rows) > 1:
        found.append(_over_value(rows, fields[0], metric, subject))
    if len(fields) == 2:
        found.append(_heat_map(rows, fields, metric, str(result["direction"]), subject))
    if curves := in_order(result):
        found += [learning_curves(curves, metric, subject), learning_rates(curves, subject)]
    return found


def in_order(result: Mapping[str, Any]) -> list[Row]:
    """The curves of the best settings, in the order of the document."""
    first = {row["setting"]: min(row["trials"], default=0) for row in result["leaderboard"]}
    return sorted(result["curves"][:MOST_PANELS], key=lambda curve: first.get(curve["setting"], 0))


def _numeric_fields(rows: Sequence[Row]) -> list[str]:
    """Pointers whose values are numbers in every setting and differ; none where settings differ in more than numbers."""
    if any(isinstance(value, dict) for row in rows for value in row["values"].values()):
        return []
    found: list[str] = []
    for pointer in rows[0]["values"]:
        values = [row["values"].get(pointer) for row in rows]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            found += [pointer] if len(set(values)) > 1 else []
    return found


def _summary(row: Row, metric: str) -> tuple[float, float, float]:
    """Mean and interval; NaN where there is none."""
    stated = row["metrics"].get(metric, {})
    low, high = stated.get("interval") or (None, None)
    mean = stated.get("mean")
    return number(mean), number(low), number(high)


def _ranking(rows: Sequence[Row], metric: str, subject: str) -> PlotSpec:
    ranks = [
        Rank(
            row["setting"],
            *_summary(row, metric),
            row["group"],
            f"{row['diverged']} of {len(row['trials'])} diverged" if row["diverged"] else "",
        )
        for row in rows
    ]
    values = [rank.value for rank in ranks]
    return PlotSpec(
        name="ranking",
        title=f"{_headed(metric)}, best first; settings of one group are not distinguishable from its first. {subject}",
        x_label=f"{words(metric)}, mean over the seeds with its 95 % interval",
        y_label="",
        x_log="loss" in metric and is_wide(values),
        ranks=ranks,
    )


def is_wide(values: Sequence[float], span: float = LOG_SPAN) -> bool:
    """Whether positive values span so much that only a logarithmic axis shows them, and not so much that they exploded."""
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and span <= max(finite) / min(finite) <= EXPLODED


def words(metric: str) -> str:
    """A metric's name as an axis says it.

    Example:
        >>> words("val_accuracy")
        'validation accuracy'
    """
    for prefix, word in (("val_", "validation "), ("test_", "test ")):
        if metric.startswith(prefix):
            return word + metric.removeprefix(prefix).replace("_", " ")
    return "training " + metric.replace("_", " ")


def _headed(metric: str) -> str:
    """The metric's words as the head of a title."""
    name = words(metric)
    return name[:1].upper() + name[1:]


def _over_value(rows: Sequence[Row], pointer: str, metric: str, subject: str) -> PlotSpec:
    ordered = sorted(rows, key=lambda row: row["values"][pointer])
    x = [float(row["values"][pointer]) for row in ordered]
    means, lows, highs = zip(*(_summary(row, metric) for row in ordered), strict=True)
    single = [
        value for row in ordered for value in row["metrics"].get(metric, {}).get("values", []) if value is not None
    ]
    seeds = [
        float(row["values"][pointer])
        for row in ordered
        for value in row["metrics"].get(metric, {}).get("values", [])
        if value is not None
    ]
    return PlotSpec(
        name=f"metric_over_{pointer.rpartition('/')[2]}",
        title=f"{_headed(metric)} after training, by {short(pointer)}. {subject}",
        x_label=short(pointer) + (" (log scale)" if is_wide(x) else ""),
        y_label=words(metric) + (" (log scale)" if "loss" in metric and is_wide(single) else ""),
        x_log=is_wide(x),
        y_log="loss" in metric and is_wide(single),
        lines=[Line("one seed", seeds, single, "points"), Line("mean", x, list(means), "muted", is_in_legend=False)],
        whiskers=[Whiskers("mean with 95 % interval", x, means, lows, highs)],
        marks=[
            Mark(f"{row['diverged']} diverged", float(row["values"][pointer]), "warning")
            for row in ordered
            if row["diverged"]
        ],
    )


def short(pointer: str) -> str:
    """The last name of a pointer, in words.

    Example:
        >>> short("/optimizer/learning_rate")
        'learning rate'
    """
    return pointer.rpartition("/")[2].replace("_", " ")


def _heat_map(rows: Sequence[Row], fields: Sequence[str], metric: str, direction: str, subject: str) -> PlotSpec:
    (across, up), by_place = fields, {tuple(row["values"][field] for field in fields): row for row in rows}
    x = sorted({row["values"][across] for row in rows})
    y = sorted({row["values"][up] for row in rows})
    values = [[_cell(by_place.get((left, low)), metric) for left in x] for low in y]
    best = rows[0]["values"]
    place = None if rows[0]["diverged"] else (y.index(best[up]), x.index(best[across]))
    return PlotSpec(
        name="heat_map",
        title=f"{_headed(metric)} after training (to {direction}), by {short(across)} and {short(up)}. {subject}",
        x_label=short(across),
        y_label=short(up),
        heat=Heat(words(metric), [f"{value:g}" for value in x], [f"{value:g}" for value in y], values, place),
    )


def _cell(row: Row | None, metric: str) -> float:
    return math.nan if row is None or row["diverged"] else _summary(row, metric)[0]


def learning_curves(curves: Sequence[Row], metric: str, subject: str) -> PlotSpec:
    """A panel a setting: training and validation over the epochs, mean and interval over the seeds."""
    base = metric.removeprefix("val_").removeprefix("test_")
    names = [name for name in (base, f"val_{base}") if any(name in curve["metrics"] for curve in curves)]
    values = [value for curve in curves for name in names for value in curve["metrics"].get(name, {}).get("mean", [])]
    is_log = "loss" in base and is_wide([value for value in values if value is not None], CURVE_LOG_SPAN)
    panels = [_panel(curve, names, is_log=is_log) for curve in curves]
    fields: dict[str, Any] = {
        "x_label": "epoch",
        "y_label": base.replace("_", " ") + (" (log scale)" if is_log else ""),
        "y_log": is_log,
    }
    ends = [end for curve in curves for name in names for end in curve["metrics"].get(name, {}).get("low", [])]
    what = (
        "over the epochs"
        if all(end is None for end in ends)
        else "over the epochs, mean and 95 % interval over the seeds"
    )
    title = f"{base.replace('_', ' ').capitalize()} {what}. {subject}"
    if len(panels) == 1:
        return PlotSpec("learning_curves", title, **fields, lines=panels[0].lines, bands=panels[0].bands)
    return PlotSpec("learning_curves", title, **fields, panels=panels)


def _panel(curve: Row, names: Sequence[str], *, is_log: bool) -> PlotSpec:
    lines: list[Line] = []
    bands: list[Band] = []
    for name in names:
        if stated := curve["metrics"].get(name):
            label = "validation" if name.startswith("val_") else "training"
            lines.append(Line(label, curve["epochs"], floats(stated["mean"])))
            bands.append(Band(label, curve["epochs"], floats(stated["low"]), floats(stated["high"]), of=label))
    return PlotSpec(curve["setting"], curve["setting"], "epoch", "", y_log=is_log, lines=lines, bands=bands)


def learning_rates(curves: Sequence[Row], subject: str) -> PlotSpec:
    """The rate of every update, a line a setting; settings of equal rates share one."""
    lines: dict[tuple[float, ...], list[str]] = {}
    steps: dict[tuple[float, ...], Sequence[float]] = {}
    for curve in curves:
        key = tuple(curve["lrs"])
        lines.setdefault(key, []).append(curve["setting"])
        steps[key] = curve["steps"]
    drawn = [Line(_label(names), steps[rates], list(rates)) for rates, names in list(lines.items())[:MOST_LINES]]
    is_log = any(rate > 0 for line in drawn for rate in line.y)
    return PlotSpec(
        name="learning_rates",
        title=f"Learning rate of every update. {subject}",
        x_label="update",
        y_label="learning rate" + (" (log scale)" if is_log else ""),
        y_log=is_log,
        lines=drawn,
    )


def _label(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
