"""The bias table: how far each suggestion rule lands from the known answer, by kind of curve; `python -m benchmarks bias`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict

import numpy as np

from benchmarks.rows import markdown
from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch, ramp_rates
from lrsearch.suggestions import RULES, suggest
from tests.curves.families import BOWLS, FAMILIES, TARGETS

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
    """Shares of false suggestions and of false stops on pure noise."""
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
    return found


def _false_suggestions(draw: Callable[[int], np.ndarray], steps: int, draws: int) -> float:
    lrs = ramp_rates(1e-7, 10.0, steps)
    return sum(suggest(Curve(lrs, draw(steps))).lr is not None for _ in range(draws)) / draws


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


def report(quick: bool = False) -> str:
    """The table and the checks, as Markdown."""
    draws, shares = (3, 20) if quick else (100, 2000)
    lines = [(check["name"], f"{check['value']:.4g} {check['unit']}") for check in checks(shares)]
    legend = f"Distance from the known answer in decades: median ± half of the central 80 %, {draws} curves a cell."
    return "\n\n".join([legend, table(rows(draws)), markdown(("check", "figure"), lines)])
