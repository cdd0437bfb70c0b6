"""What a tuning concludes, from the results of its children alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lrsearch.experiments.composite import Child
from lrsearch.experiments.keras_code import training_code
from lrsearch.experiments.numbers import summed
from lrsearch.experiments.statistics import LEVEL
from lrsearch.experiments.tune.candidates import SPACING
from lrsearch.experiments.tune.document import KERAS_DEFAULT, STAGES
from lrsearch.experiments.tune.stages import finalists as finalists_of
from lrsearch.experiments.tune.stages import searches_by_arm

if TYPE_CHECKING:
    from lrsearch.experiments.tune.document import Tune

GRID: Final = (1e-5, 1.0)
"""Rates between which the grid that the job is compared with would lie: what a user without a range test would try."""
_NOTHING: Final[dict[str, Any]] = {"leaderboard": [], "tests": [], "curves": [], "flag_notes": {}}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the confirmation says.

    Attributes:
        verdict: `better_than_default`, `no_difference`, `default_is_better`, or `incomplete` without a confirmation.
        setting: name of the recommended setting, None where the evidence carries none.
        why: one sentence or two.
    """

    verdict: str
    setting: str | None
    why: str


def concluded(tune: Tune, children: Sequence[Child]) -> dict[str, Any]:
    """See `Tune.conclude_children`."""
    last = _confirmed(children) or _NOTHING
    finalists = [str(one["name"]) for one in finalists_of(tune, children)]
    decision = decided(last["leaderboard"], last["tests"], finalists, tune.metric, tune.seeds)
    notes: dict[str, str] = {**last["flag_notes"], **_notes(tune, children, decision)}
    chosen = _contender(children, decision, finalists)
    row = next((one for one in last["leaderboard"] if chosen and one["setting"] == chosen["name"]), None)
    return {
        "kind": tune.kind,
        "verdict": decision.verdict,
        "why": decision.why,
        "metric": tune.metric,
        "direction": "minimize" if tune.is_minimized else "maximize",
        "leaderboard": last["leaderboard"],
        "tests": last["tests"],
        "recommendation": None if decision.setting is None else {"setting": decision.setting, "why": decision.why},
        "optimizer": None if chosen is None else _optimizer(tune, chosen),
        "schedule": None if chosen is None else chosen.get("schedule"),
        "expected": None if row is None else _expected(row, tune),
        "compared_with": [one["setting"] for one in last["leaderboard"] if chosen and one["setting"] != chosen["name"]],
        "flags": list(notes),
        "flag_notes": notes,
        "seeds": tune.seeds,
        "curves": last["curves"],
        "stages": _stages(children),
        "funnel": _funnel(tune, children),
        "cost": _cost(tune, children),
        "holds_for": tune.holds_for(),
        "code": None if chosen is None else training_code(tune.training_of(_plain(chosen))),
        "engine": next((child.result["engine"] for child in reversed(children) if child.result), None),
        "environment": _environment(children),
        "seconds": _seconds(children),
        "updates": sum(child.result["updates"] for child in children if child.result),
    }


def _confirmed(children: Sequence[Child]) -> Mapping[str, Any] | None:
    return next((child.result for child in children if child.stage == "confirmation" and child.result), None)


def decided(
    leaderboard: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    finalists: Sequence[str],
    metric: str,
    seeds: int,
) -> Decision:
    """The recommendation: the finalist chosen before the confirmation, unless another one is distinguishably better.

    So its metric, from seeds it was not chosen by, has no winner's curse.

    Args:
        leaderboard: of the confirmation, best first, those with diverged runs last.
        tests: of all pairs.
        finalists: names, the one the search chose first.
        metric: name of the metric.
        seeds: runs of each.
    """
    if not leaderboard:
        return Decision("incomplete", None, "The job ended before its confirmation; nothing is recommended.")
    rows = {str(row["setting"]): row for row in leaderboard}
    order = list(rows)
    differs = {frozenset((str(test["a"]), str(test["b"]))) for test in tests if test["p_holm"] < 1 - LEVEL}
    default = next(name for name in order if name not in finalists)
    chosen = finalists[0]
    for name in order:
        is_first = name in finalists and order.index(name) < order.index(chosen)
        if is_first and (frozenset((name, chosen)) in differs or rows[chosen]["diverged"]):
            chosen = name
            break
    is_ahead = order.index(chosen) < order.index(default)
    is_sure = frozenset((chosen, default)) in differs or bool(rows[default]["diverged"]) != bool(
        rows[chosen]["diverged"]
    )
    told = f"{_told(rows[chosen], metric)} over {seeds} fresh seeds, against {_told(rows[default], metric, short=True)}"
    if is_sure and is_ahead:
        others = [name for name in order if name not in (chosen, default) and frozenset((chosen, name)) not in differs]
        same = f" {', '.join(others)}: no difference from it could be shown." if others else ""
        return Decision("better_than_default", chosen, f"{chosen}: {told} of {default}.{same}")
    if is_sure:
        return Decision("default_is_better", default, f"{default} is better than the best found, {chosen}: {told}.")
    return Decision(
        "no_difference", None, f"No difference could be shown between {chosen} and {default}: {told}. Either will do."
    )


def _told(row: Mapping[str, Any], metric: str, *, short: bool = False) -> str:
    stated = _stated(row, metric)
    if stated["mean"] is None:
        return f"no {metric} (it diverged)"
    if short or stated["interval"] is None:
        return f"{stated['mean']:.4g}"
    low, high = stated["interval"]
    return f"{metric} {stated['mean']:.4g} [{low:.4g}, {high:.4g}]"


def _stated(row: Mapping[str, Any], metric: str) -> Mapping[str, Any]:
    """Mean and interval of a metric on a leaderboard's row, None where it has none."""
    return row["metrics"].get(metric) or {"mean": None, "interval": None}


def _contender(children: Sequence[Child], decision: Decision, finalists: Sequence[str]) -> dict[str, Any] | None:
    """Document of what code is given for: the recommended one; without a difference, Keras' default."""
    confirmation = next((child for child in children if child.stage == "confirmation"), None)
    if confirmation is None or decision.verdict == "incomplete":
        return None
    contenders: list[dict[str, Any]] = [dict(one) for one in confirmation.document["contenders"]]
    default = next(one for one in contenders if one["name"] not in finalists)
    return next((one for one in contenders if one["name"] == decision.setting), default)


def _plain(contender: Mapping[str, Any]) -> dict[str, Any]:
    return {name: contender[name] for name in ("optimizer", "schedule") if contender.get(name) is not None}


def _optimizer(tune: Tune, contender: Mapping[str, Any]) -> dict[str, Any]:
    training = tune.training_of(_plain(contender))
    rate = {} if training.learning_rate is None else {"learning_rate": training.learning_rate}
    return {**contender["optimizer"], **rate}


def _expected(row: Mapping[str, Any], tune: Tune) -> dict[str, Any]:
    stated = _stated(row, tune.metric)
    return {"metric": tune.metric, "mean": stated["mean"], "interval": stated["interval"], "seeds": tune.seeds}


def _notes(tune: Tune, children: Sequence[Child], decision: Decision) -> dict[str, str]:
    """Flag -> its sentence, for what is doubtful about the way to the answer."""
    found: dict[str, str] = {}
    for optimizer, child in zip(tune.optimizers, (one for one in children if one.stage == "range_test"), strict=False):
        if child.result is not None and child.result["suggestion"]["lr"] is None:
            found["no_suggestion"] = (
                f"The range tests of {optimizer.kind} suggest no rate ({child.result['verdict']}): it was raced around "
                "Keras' default."
            )
    if any("edge_of_range" in (child.result or {}).get("flags", ()) for child in children if child.stage == "search"):
        found["edge_of_range"] = "A searched value ended at the edge of its range; a better one may lie outside."
    if decision.verdict == "no_difference":
        found["no_difference"] = (
            f"The best found and {KERAS_DEFAULT} rate are not distinguishable with {tune.seeds} seeds."
        )
    return found


def _stages(children: Sequence[Child]) -> list[dict[str, Any]]:
    """What each stage was made of and cost."""
    found: list[dict[str, Any]] = []
    for name in STAGES:
        mine = [child for child in children if child.stage == name]
        if mine:
            updates = sum(child.result["updates"] for child in mine if child.result)
            seconds = [child.seconds for child in mine if child.seconds is not None]
            row: dict[str, Any] = {"stage": name, "jobs": [child.job_id for child in mine], "updates": updates}
            found.append(row | {"wall_seconds": sum(seconds) if seconds else None})
    return found


def _funnel(tune: Tune, children: Sequence[Child]) -> list[dict[str, Any]]:
    """Everything that was tried, step by step, with what it was judged by: the figure's numbers."""
    arms = {id(child): arm for arm, child in searches_by_arm(tune, children).items()}
    found: list[dict[str, Any]] = []
    for child in children:
        match child.stage if child.result is not None else "":
            case "race":
                found += [
                    _step(tune, f"race, {one['updates']} updates", one["contenders"]) for one in _of(child, "rungs")
                ]
            case "search":
                rows = [{"setting": arms[id(child)], "metric": one["objective"][0]} for one in _of(child, "settings")]
                found.append(_step(tune, f"search, {arms[id(child)]}", rows))
            case "confirmation":
                rows = [{**row, "metric": _stated(row, tune.metric)["mean"]} for row in _of(child, "leaderboard")]
                found.append(_step(tune, "confirmation", rows) | {"metric": tune.metric})
            case _:
                pass
    return found


def _of(child: Child, name: str) -> list[Mapping[str, Any]]:
    return list((child.result or {})[name])


def _step(tune: Tune, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    candidates = [{"setting": row["setting"], "metric": row["metric"]} for row in rows]
    return {"step": name, "metric": tune.judged_by, "candidates": candidates}


def _environment(children: Sequence[Child]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in children:
        found = (child.result or {}).get("environment") or found
    return found


def _seconds(children: Sequence[Child]) -> dict[str, float]:
    return summed((child.result or {}).get("seconds", {}) for child in children)


def _cost(tune: Tune, children: Sequence[Child]) -> dict[str, Any]:
    """Updates and seconds of the job, and of the full grid it replaces: every rate with every schedule and optimizer."""
    updates = sum(child.result["updates"] for child in children if child.result)
    seconds = sum(_seconds(children).values())
    low, high = GRID
    rates = round(math.log10(high / low) / SPACING) + 1
    settings = rates * tune.arms
    once = settings * tune.updates()
    each = _each(children)
    return {
        "updates": updates,
        "seconds": seconds,
        "grid": {
            "what": (
                f"{rates} rates from {low:g} to {high:g}, {1 / SPACING:g} a decade as in the race, with "
                f"{len(tune.schedules)} schedules and {len(tune.optimizers)} optimizers, whole runs"
            ),
            "settings": settings,
            "seeds": tune.seeds,
            "updates_one_seed": once,
            "updates": once * tune.seeds,
            "estimated_seconds_one_seed": None if each is None else once * each,
            "estimated_seconds": None if each is None else once * tune.seeds * each,
        },
    }


def _each(children: Sequence[Child]) -> float | None:
    """Seconds of an update in the confirmation: whole runs, stacked, as those of the grid would be."""
    last = _confirmed(children)
    return None if last is None or not last["updates"] else sum(last["seconds"].values()) / last["updates"]
