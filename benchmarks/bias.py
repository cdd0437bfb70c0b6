"""The bias table: how far each suggestion rule lands from the known answer, by kind of curve; `python -m benchmarks bias`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TypedDict

import numpy as np

from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch, ramp_rates
from lrsearch.suggestions import RULES, suggest
from tests.curves.families import BOWLS, FAMILIES, TARGETS, cliff

TITLE = "Bias of the suggestion rules"


class Row(TypedDict):
    """One rule on one kind of curve; distances in decades."""

    rule: str
    curve: str
    target: float
    bias: float | None
    spread: float | None
    failures: float


class Check(TypedDict):
    """A figure of its own."""

    name: str
    value: float
    unit: str


def rows(draws: int = 100) -> list[Row]:
    """Bias (median), spread (half of the central 80 %) and share without an answer: rule x kind of curve."""
    return [row for rule in RULES for row in _rows_of(rule, draws)]


def _rows_of(rule: str, draws: int) -> Iterator[Row]:
    for family in FAMILIES:
        yield _row(rule, family.name, TARGETS[rule], family.curve, draws)
    for name, bowl in BOWLS.items():
        target = bowl.largest_stable - np.log10(4.0) if rule == "divergence_over_k" else bowl.best_constant()
        yield _row(rule, name, float(target), bowl.curve, draws)


def _row(rule: str, name: str, target: float, draw: Callable[[int], Curve], draws: int) -> Row:
    given = [answer.lr for answer in (suggest(draw(seed), rule=rule) for seed in range(draws)) if answer.lr is not None]
    failures = 1.0 - len(given) / draws
    if not given:
        return Row(rule=rule, curve=name, target=target, bias=None, spread=None, failures=failures)
    low, middle, high = np.quantile(np.log10(given) - target, [0.1, 0.5, 0.9])
    spread = 0.5 * float(high - low)
    return Row(rule=rule, curve=name, target=target, bias=float(middle), spread=spread, failures=failures)


def checks(draws: int = 2000) -> list[Check]:
    """False suggestions and false stops on pure noise, and the time of each rule on a curve of 10,000 points."""
    rng = np.random.default_rng(0)
    noise: list[tuple[str, Callable[[int], np.ndarray]]] = [
        ("normal", rng.standard_normal),
        ("exponential", rng.standard_exponential),
        ("Student t, 3 degrees", lambda n: rng.standard_t(3, n)),
    ]
    found: list[Check] = []
    for name, draw in noise:
        for steps in (20, 100, 1000):
            share = _false_suggestions(draw, steps, draws if steps < 1000 else draws // 4)
            found.append(Check(name=f"false suggestions, {name} noise, {steps} steps", value=share, unit="share"))
        stops = sum(DivergenceWatch(DivergenceRule()).feed(draw(100)) is not None for _ in range(draws))
        found.append(Check(name=f"false stops, {name} noise, 100 steps", value=stops / draws, unit="share"))
    return found + [_timing(rule) for rule in RULES]


def _false_suggestions(draw: Callable[[int], np.ndarray], steps: int, draws: int) -> float:
    lrs = ramp_rates(1e-7, 10.0, steps)
    return sum(suggest(Curve(lrs, draw(steps))).lr is not None for _ in range(draws)) / draws


def _timing(rule: str) -> Check:
    """The slower of a falling curve and pure noise (every kernel width is tried); best of 5, milliseconds."""
    lrs = ramp_rates(1e-7, 10.0, 10_000)
    noise = np.random.default_rng(0).standard_normal(len(lrs))
    slowest = max(_best_of_5(Curve(lrs, losses), rule) for losses in (cliff(lrs) + 0.3 * noise, noise))
    return Check(name=f"suggest, {rule}, 10,000 points", value=1000.0 * slowest, unit="ms")


def _best_of_5(curve: Curve, rule: str) -> float:
    seconds: list[float] = []
    for _ in range(5):
        start = perf_counter()
        suggest(curve, rule=rule)
        seconds.append(perf_counter() - start)
    return min(seconds)


def table(found: list[Row]) -> str:
    """Markdown: a row a kind of curve, a column a rule; `bias +- spread (share without an answer)`."""
    rules = list(RULES)
    lines = ["| curve | " + " | ".join(rules) + " |", "|---" * (len(rules) + 1) + "|"]
    for name in dict.fromkeys(row["curve"] for row in found):
        cells = [_cell(row) for row in found if row["curve"] == name]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    failed = f" ({row['failures']:.0%} none)" if row["failures"] > 0 else ""
    return "none" if row["bias"] is None else f"{row['bias']:+.2f} ± {row['spread']:.2f}{failed}"


def report() -> str:
    """The table and the checks, as Markdown."""
    lines = [f"| {check['name']} | {check['value']:.4g} {check['unit']} |" for check in checks()]
    legend = "Distance from the known answer in decades: median ± half of the central 80 %, 100 curves a cell."
    return "\n".join([legend, "", table(rows()), "", "| check | figure |", "|---|---|", *lines])
