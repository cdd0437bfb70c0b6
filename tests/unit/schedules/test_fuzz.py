"""Whatever document comes: a ValidationError, or a schedule that resolves and has finite rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from schemathesis import GenerationMode

from lrsearch.errors import InvalidDocument
from lrsearch.schedules import SCHEDULES, AnySchedule, Schedule, Sequential, Warmup

ADAPTER: TypeAdapter[Schedule] = TypeAdapter(AnySchedule)
STEPS = np.array([-7, 0, 1, 2.5, 49, 50, 51, 1e4])
FIELDS = sorted({name for member in SCHEDULES for name in member.model_fields} - {"kind"})
KINDS = [member.model_fields["kind"].default for member in SCHEDULES]
RELAXED = settings(deadline=None, suppress_health_check=list(HealthCheck))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("epochs"), inner, max_size=3)
    ),
    max_leaves=5,
)
plausible = st.sampled_from([0, 1, 2, 3, 10, 100, 0.0, 0.1, 0.5, 1.0, 2.0, 1e-300, 1e308, 2**53]) | st.builds(
    lambda epochs: {"epochs": epochs}, st.sampled_from([0.1, 1, 3, 2.5, 1e300])
)
lists = st.lists(plausible, max_size=4)


def documents(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    values = plausible | lists | json_values | inner | st.lists(inner, max_size=3)
    return st.builds(
        lambda kind, fields: {"kind": kind, **fields},
        st.sampled_from([*KINDS, "warmup", "sequential", "magic"]),
        st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), values, max_size=8),
    )


def well_formed(member: type[Schedule]) -> st.SearchStrategy[Any]:
    names = [name for name in member.model_fields if name != "kind"]
    required = {name: plausible for name in names if member.model_fields[name].is_required()}
    return st.fixed_dictionaries(
        {"kind": st.just(member.model_fields["kind"].default)} | required,
        optional={name: plausible for name in names if name not in required},
    )


def check(document: Any) -> bool:
    """Whether the document is one; if so, its schedule must work."""
    try:
        schedule = ADAPTER.validate_python(document)
    except ValidationError:
        return False
    assert schedule == ADAPTER.validate_json(schedule.model_dump_json())
    try:
        resolved = schedule.resolve(steps_per_epoch=7, total_steps=50)
    except InvalidDocument:
        return True
    rates = resolved(STEPS)
    assert rates.shape == STEPS.shape
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()
    return True


def requests(mode: GenerationMode) -> st.SearchStrategy[Any]:
    """Documents made from the JSON Schema of the union by schemathesis: that fit it, or that break it."""
    schema = ADAPTER.json_schema(ref_template="#/components/schemas/{model}")
    members = schema.pop("$defs")
    for member in members.values():  # a default in the schema, but needed to tell the members apart
        member["required"] = [*member.get("required", ()), *({"kind"} & set(member["properties"]))]
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    call = {"requestBody": body, "responses": {"200": {"description": "a schedule"}}}
    document = {"openapi": "3.1.0", "info": {"title": "schedules", "version": "1"}, "paths": {"/": {"post": call}}}
    made = schemathesis.openapi.from_dict({**document, "components": {"schemas": members}})
    return made["/"]["POST"].as_strategy(generation_mode=mode).map(lambda case: case.body)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=str)
def test_what_schemathesis_makes_of_the_schema_is_refused_or_becomes_a_working_schedule(mode: GenerationMode) -> None:
    accepted: set[str] = set()

    @settings(RELAXED, max_examples=150 if mode is GenerationMode.POSITIVE else 50, phases=[Phase.generate])
    @given(requests(mode))
    def holds(document: Any) -> None:
        if check(document):
            accepted.add(document["kind"])

    holds()
    assert (len(accepted) > 10) == (mode is GenerationMode.POSITIVE), accepted


@settings(RELAXED, max_examples=60)
@given(st.recursive(json_values, documents, max_leaves=6))
def test_any_json_is_refused_or_becomes_a_working_schedule(document: Any) -> None:
    check(document)


@settings(RELAXED, max_examples=200)
@given(st.sampled_from([m for m in SCHEDULES if m not in (Warmup, Sequential)]).flatmap(well_formed))
def test_any_well_formed_schedule_is_refused_or_works(document: Any) -> None:
    check(document)


@pytest.mark.long
@settings(RELAXED, max_examples=2_000)
@given(st.recursive(json_values, documents, max_leaves=12))
def test_any_json_is_refused_or_works_in_the_long_run(document: Any) -> None:
    check(document)


@pytest.mark.long
@settings(RELAXED, max_examples=10_000)
@given(st.sampled_from([m for m in SCHEDULES if m not in (Warmup, Sequential)]).flatmap(well_formed))
def test_any_well_formed_schedule_works_in_the_long_run(document: Any) -> None:
    check(document)
