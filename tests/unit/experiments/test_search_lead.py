"""What a prior tries before the sampler is asked, on losses that are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest
from pydantic import TypeAdapter

from lrsearch.experiments.search.lead import CLOSE, LED, STEP, Begun, Lead, next_point
from lrsearch.experiments.search.ranges import AnyRange
from lrsearch.experiments.search.space import Space, read_space

RATE, SCHEDULE = "/optimizer/learning_rate", "/schedule"


def space_of(choices: list[Any] | None = None, more: Mapping[str, Any] | None = None) -> Space:
    rate = {"type": "float", "low": 1e-5, "high": 10.0, "log": True}
    document = {RATE: rate} | ({SCHEDULE: {"choices": choices}} if choices else {}) | dict(more or {})
    return read_space({name: TypeAdapter(AnyRange).validate_python(one) for name, one in document.items()})[0]


def followed(space: Space, begin: list[dict[str, Any]], loss: Callable[[Mapping[str, Any]], float]) -> list[Begun]:
    """Everything that is tried, one setting after the other."""
    lead = Lead(space, [begin], settings=1000)
    begun: list[Begun] = []
    while (values := lead.values(len(begun), begun)) is not None:
        begun.append(Begun(values, loss(values)))
    return begun


def bowl(best: float) -> Callable[[Mapping[str, Any]], float]:
    return lambda values: (math.log10(values[RATE]) - best) ** 4


@pytest.mark.parametrize("best", [-3.6, -2.0, -1.0, 0.4])
def test_the_best_rate_is_found_to_a_tenth_of_a_decade_wherever_it_is(best: float) -> None:
    begun = followed(space_of(), [{RATE: 0.01}], bowl(best))
    found = min(begun, key=lambda one: one.order)
    assert best == pytest.approx(math.log10(found.values[RATE]), abs=CLOSE)
    assert len(begun) <= 12


def test_another_option_that_is_better_at_the_best_rate_is_followed() -> None:
    def loss(values: Mapping[str, Any]) -> float:
        is_cosine = values[SCHEDULE] == "cosine"
        return (math.log10(values[RATE]) - (-1.0 if is_cosine else -2.0)) ** 2 + (0.0 if is_cosine else 0.3)

    begin = [{RATE: 1e-3, SCHEDULE: "cosine"}, {RATE: 1e-3, SCHEDULE: "null"}]
    begun = followed(space_of([None, {"kind": "cosine"}]), begin, loss)
    found = min(begun, key=lambda one: one.order)
    assert found.values[SCHEDULE] == "cosine"
    assert pytest.approx(-1.0, abs=CLOSE) == math.log10(found.values[RATE])


def test_everything_but_the_rate_is_kept() -> None:
    momentum = {"/optimizer/momentum": {"type": "float", "low": 0.0, "high": 0.9}}
    begun = [Begun({RATE: 0.1, "/optimizer/momentum": 0.5}, 1.0)]
    assert 0.5 == (next_point(space_of(more=momentum), begun) or {})["/optimizer/momentum"]


def test_what_runs_is_not_tried_again_by_others() -> None:
    begun = [Begun({RATE: 0.1}, 1.0)]
    for _ in range(6):
        values = next_point(space_of(), begun)
        assert values is not None
        begun.append(Begun(values, None))
    places = sorted(math.log10(one.values[RATE]) for one in begun)
    assert min(b - a for a, b in pairwise(places)) >= CLOSE - 1e-6
    assert math.log10(0.1) + STEP in [pytest.approx(one) for one in places]


def test_nothing_is_led_where_nothing_came_to_an_end() -> None:
    assert next_point(space_of(), [Begun({RATE: 0.1}, math.inf), Begun({RATE: 0.2}, None)]) is None


def test_a_rate_stays_within_its_ends() -> None:
    begun = followed(space_of(), [{RATE: 0.01}], lambda values: -math.log10(values[RATE]))
    assert 10.0 == max(one.values[RATE] for one in begun)


def test_further_first_points_are_taken_until_something_has_ended() -> None:
    lead = Lead(space_of(), [[{RATE: 0.1}], [{RATE: 0.4}], [{RATE: 0.05}]], settings=100)
    running = [Begun({RATE: 0.1}, None)]
    assert [{RATE: 0.4}, {RATE: 0.05}, None] == [lead.values(slot, running) for slot in (1, 2, 3)]
    assert lead.values(LED, [Begun({RATE: 0.1}, 1.0)]) is None


def test_half_of_a_small_budget_is_the_samplers() -> None:
    lead = Lead(space_of(), [[{RATE: 0.1}]], settings=6)
    begun = [Begun({RATE: 0.1}, 1.0)]
    assert [True, True, True, False] == [lead.values(slot, begun) is not None for slot in range(4)]
