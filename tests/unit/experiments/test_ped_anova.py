import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import TypeAdapter

from lrsearch.experiments.search.importance import importance_of
from lrsearch.experiments.search.ranges import AnyRange
from lrsearch.experiments.search.space import read_space

RANGES: dict[str, dict[str, Any]] = {
    "/rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "/momentum": {"type": "float", "low": 0.0, "high": 0.9},
    "/batch": {"type": "int", "low": 16, "high": 250, "step": 16},
    "/units": {"type": "int", "low": 4, "high": 512, "log": True},
    "/kind": {"choices": ["a", "b", None]},
    "/fixed": {"choices": ["only"]},
}


@pytest.mark.parametrize("settings", [8, 9, 40, 300])
def test_importances_are_those_of_optuna(settings: int) -> None:
    ranges = {name: TypeAdapter[Any](AnyRange).validate_python(one) for name, one in RANGES.items()}
    space, _ = read_space(ranges)
    rng = np.random.default_rng(settings)
    tried = [({name: _drawn(one, rng) for name, one in RANGES.items()}, float(rng.normal())) for _ in range(settings)]
    tried = [(values, noise + abs(np.log10(values["/rate"]) + 2) + (values["/kind"] == "b")) for values, noise in tried]
    ours = importance_of(space, tried)
    assert ours is not None
    assert 1.0 == pytest.approx(sum(ours.values()))
    assert sorted(ours.values(), reverse=True) == list(ours.values())
    assert pytest.approx(_optunas(tried), rel=1e-6, abs=1e-12) == ours


def _drawn(one: dict[str, Any], rng: np.random.Generator) -> Any:
    if "choices" in one:
        return one["choices"][rng.integers(len(one["choices"]))]
    if one.get("log"):
        value = float(np.exp(rng.uniform(np.log(one["low"]), np.log(one["high"]))))
        return round(value) if one["type"] == "int" else value
    if one["type"] == "int":
        return int(one["low"] + one["step"] * rng.integers((one["high"] - one["low"]) // one["step"] + 1))
    return float(rng.uniform(one["low"], one["high"]))


def _optunas(tried: list[tuple[dict[str, Any], float]]) -> dict[str, float]:
    def distribution(name: str) -> BaseDistribution:
        one, seen = RANGES[name], [values[name] for values, _ in tried]
        if "choices" in one:
            return CategoricalDistribution(one["choices"])
        if one["type"] == "int":
            return IntDistribution(one["low"], one["high"], log=one.get("log", False), step=one.get("step", 1))
        return FloatDistribution(min(seen), max(seen), log=one.get("log", False))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study()
        distributions = {name: distribution(name) for name in RANGES}
        for values, cost in tried:
            study.add_trial(optuna.trial.create_trial(value=cost, params=values, distributions=distributions))
        return optuna.importance.get_param_importances(study)
