"""The documents of a tuning's child jobs, made from what the stages before found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lrsearch.errors import InvalidDocument
from lrsearch.experiments.composite import Child
from lrsearch.experiments.contenders import name_of
from lrsearch.experiments.tune.candidates import at_rate, rates_around, space_around, template
from lrsearch.experiments.tune.document import KERAS_DEFAULT, RANGE_TEST_STEPS, REDUCTION, RUNGS
from lrsearch.experiments.tuning import RANGE_TESTS
from lrsearch.training import catalog

if TYPE_CHECKING:
    from lrsearch.experiments.tune.document import Tune

Row = Mapping[str, Any]


def documents_of(tune: Tune, stage: str, children: Sequence[Child]) -> list[dict[str, Any]]:
    """The documents of a stage; none where there is nothing to do in it."""
    match stage:
        case "range_test":
            return _range_tests(tune)
        case "race":
            return [_race(tune, children)]
        case "search":
            return _searches(tune, children)
        case _:
            return [_confirmation(tune, children)]


def _optimizer(tune: Tune, index: int) -> dict[str, Any]:
    return tune.optimizers[index].model_dump(mode="json", exclude_none=True)


def _range_tests(tune: Tune) -> list[dict[str, Any]]:
    fields = {"kind": "range_test", "steps": RANGE_TEST_STEPS, "repeats": RANGE_TESTS}
    return [
        tune.shared("range_test") | fields | {"optimizer": _optimizer(tune, index)}
        for index in range(len(tune.optimizers))
    ]


def centres(tune: Tune, children: Sequence[Child]) -> list[float]:
    """The rate around which each optimizer is raced: its suggestion, or without one Keras' default."""
    tests = [child for child in children if child.stage == "range_test"]
    found: list[float] = []
    for optimizer, child in zip(tune.optimizers, tests, strict=True):
        lr = None if child.result is None else child.result["suggestion"]["lr"]
        found.append(catalog.optimizers()[optimizer.kind].default_lr if lr is None else float(lr))
    return found


def _race(tune: Tune, children: Sequence[Child]) -> dict[str, Any]:
    rates, race_seeds, _ = tune.size
    contenders = [
        contender
        for index, centre in enumerate(centres(tune, children))
        for schedule in range(len(tune.schedules))
        for lr in rates_around(centre, rates)
        for contender in _named(
            tune, at_rate(_optimizer(tune, index), template(tune.schedules[schedule]), lr), schedule
        )
    ]
    fields = {"rungs": RUNGS, "reduction": REDUCTION, "seeds": race_seeds}
    race = {"kind": "successive_halving", "metric": tune.judged_by, "contenders": contenders}
    return tune.trained("race") | race | fields | {"survivors": min(tune.survivors, len(contenders))}


def _named(tune: Tune, made: dict[str, Any], schedule: int) -> list[dict[str, Any]]:
    """The contender with a name that tells its arm; nothing for rates that the schedule refuses."""
    try:
        name = name_of(tune.training_of(made))
    except InvalidDocument:
        return []
    kinds = [template(one)["kind"] for one in tune.schedules]
    number = f" #{kinds[: schedule + 1].count(kinds[schedule])}" if kinds.count(kinds[schedule]) > 1 else ""
    arm, _, rate = name.rpartition(" ")
    return [{"name": f"{arm}{number} {rate}", **made}]


def arm(row: Row) -> str:
    """Optimizer and schedule of a raced row: its name without the rate."""
    return str(row["setting"]).rpartition(" ")[0]


def made_of(row: Row) -> dict[str, Any]:
    """Optimizer and schedule of a raced row as parts of a document."""
    return {pointer.removeprefix("/"): value for pointer, value in row["values"].items()}


def raced(tune: Tune, children: Sequence[Child]) -> list[Row]:
    """The best row of each surviving arm, best first: those of the last rung, then of the ones before."""
    race = next((child for child in children if child.stage == "race"), None)
    best: dict[str, Row] = {}
    for rung in reversed(race.result["rungs"]) if race is not None and race.result is not None else ():
        for row in rung["contenders"]:
            best.setdefault(arm(row), row)
    return list(best.values())[: tune.survivors]


def _searched(tune: Tune, children: Sequence[Child]) -> list[tuple[Row, dict[str, Any]]]:
    """The surviving rows that a search can go around, with its space."""
    spaces = [(row, space_around(made_of(row), float(row["learning_rate"]))) for row in raced(tune, children)]
    return [(row, space) for row, space in spaces if space is not None]


def _searches(tune: Tune, children: Sequence[Child]) -> list[dict[str, Any]]:
    document = tune.trained("search")
    objective = {"metric": tune.judged_by, "at": "end", "direction": document.pop("direction")}
    fields: dict[str, Any] = {"kind": "search", "objective": objective, "budget": {"trials": tune.size[2]}}
    if tune.updates() < 2 * tune.steps_per_epoch():
        fields["pruner"] = {"kind": "none"}  # there is no epoch before the last to judge by
    found: list[dict[str, Any]] = []
    for row, space in _searched(tune, children):
        found.append(document | fields | {"optimizer": _without_rate(made_of(row)["optimizer"]), "space": space})
    return found


def _without_rate(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in optimizer.items() if key != "learning_rate"}


def searches_by_arm(tune: Tune, children: Sequence[Child]) -> dict[str, Child]:
    """Arm -> its search, of those that were made."""
    searches = [child for child in children if child.stage == "search"]
    return {arm(row): child for (row, _), child in zip(_searched(tune, children), searches, strict=False)}


def finalists(tune: Tune, children: Sequence[Child]) -> list[dict[str, Any]]:
    """What is confirmed: each survivor as its search found it (else as it was raced), the one to beat first."""
    searches = searches_by_arm(tune, children)
    found = [_finalist(tune, row, searches.get(arm(row))) for row in raced(tune, children)]
    return [contender for _, contender in sorted(found, key=_value)]


def _value(found: tuple[float, dict[str, Any]]) -> float:
    return found[0]


def _finalist(tune: Tune, row: Row, search: Child | None) -> tuple[float, dict[str, Any]]:
    """What it was judged by, smaller being better, and the contender."""
    sign = 1.0 if tune.is_minimized else -1.0
    best = None if search is None or search.result is None else search.result.get("best")
    made, value = made_of(row), row["metric"]
    if best is not None:
        document, value = best["document"], best["objective"][0]
        made = {name: document[name] for name in ("optimizer", "schedule") if document.get(name) is not None}
    rate = name_of(tune.training_of(made)).rpartition(" ")[2]
    return math.inf if value is None else sign * value, {"name": f"{arm(row)} {rate}", **made}


def _confirmation(tune: Tune, children: Sequence[Child]) -> dict[str, Any]:
    chosen = finalists(tune, children)
    optimizer = _without_rate(chosen[0]["optimizer"])
    default = {"name": f"{KERAS_DEFAULT}, {optimizer['kind']}", "optimizer": optimizer}
    fields = {"kind": "comparison", "metric": tune.metric, "seeds": tune.seeds, "contenders": [*chosen, default]}
    return tune.trained("confirmation") | fields
