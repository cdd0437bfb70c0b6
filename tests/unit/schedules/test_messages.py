"""Every invalid field of every schedule: an error that points at it, names the rule and says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.schedules import SCHEDULES, AnySchedule, Schedule
from lrsearch.spec import validate

ADAPTER: TypeAdapter[Schedule] = TypeAdapter(AnySchedule)
GOLDEN = Path(__file__).parent / "golden"

RATE = ((0, "greater_than"), (-1.0, "greater_than"), ("0.1", "float_type"), (float("nan"), "finite_number"))
RATE_OR_ZERO = ((-1e-9, "greater_than_equal"), (None, "float_type"), (float("inf"), "finite_number"))
LENGTH = (
    (0, "greater_than_equal"),
    (1.5, "int_type"),
    ("3", "int_type"),
    (True, "int_type"),
    (2**53 + 1, "less_than_equal"),
)
LENGTH_OR_ZERO = ((-1, "greater_than_equal"), *LENGTH[1:])
DECAY = ((0.0, "greater_than"), (1.1, "less_than_equal"), ("x", "float_type"))
FLAG = (("maybe", "bool_parsing"), (2, "bool_parsing"))
POSITIVE = ((0, "greater_than_equal"), (1.5, "int_type"))
ABOVE = ((1.0, "bounds_reversed"),)
"""A lower bound above an upper one of 0.1 or less."""

COMMON: dict[str, tuple[tuple[Any, str], ...]] = {
    "lr": RATE, "max_lr": RATE, "start_lr": RATE_OR_ZERO, "end_lr": RATE_OR_ZERO, "min_lr": RATE_OR_ZERO,
    "base_lr": RATE_OR_ZERO, "total_steps": LENGTH, "decay_steps": LENGTH, "every_steps": LENGTH,
    "warmup_steps": LENGTH, "cycle_steps": LENGTH, "half_cycle_steps": LENGTH, "unit_steps": POSITIVE,
    "steps_per_epoch": POSITIVE, "decay_rate": DECAY, "drop": DECAY, "peak_decay": DECAY, "gamma": DECAY,
    "staircase": FLAG, "decay_floor": FLAG, "decay": RATE_OR_ZERO,
    "power": ((0, "greater_than"), ("2", "float_type")),
    "cycle_mult": ((0.5, "greater_than_equal"), (1e7, "less_than_equal")),
    "boundaries": ((7, "tuple_type"), ([1] * 5000, "too_long"), ([], "boundary_count"), ([1, 2, 3, 4], "boundary_count")),
    "pct_start": ((-0.1, "greater_than_equal"), (1.1, "less_than_equal")),
    "div_factor": ((0.9, "greater_than_equal"),), "final_div_factor": ((0.9, "greater_than_equal"),),
    "phases": ((1, "literal_error"), ("2", "literal_error")), "convention": (("keras", "literal_error"),),
    "shape": (("round", "literal_error"),),
    "max_momentum": ((1.0, "less_than"),), "min_momentum": ((-0.1, "greater_than_equal"), (0.96, "bounds_reversed")),
    "cut_frac": ((0.0, "greater_than"), (1.0, "less_than")), "ratio": ((0.5, "greater_than_equal"),),
    "flat_frac": ((-0.1, "greater_than_equal"), (1.0, "less_than")),
    "decay_frac": ((0.0, "greater_than"), (1.1, "less_than_equal")),
}  # fmt: skip
"""What each field refuses, by name."""

SPECIAL: dict[tuple[str, str], tuple[tuple[Any, str], ...]] = {
    ("cosine", "min_lr"): ((0.2, "bounds_reversed"),),
    ("warm_restarts", "min_lr"): ((1.5, "bounds_reversed"),),
    ("flat_cosine", "min_lr"): ((0.2, "bounds_reversed"),),
    ("warmup_stable_decay", "min_lr"): ((1.5, "bounds_reversed"),),
    ("rex", "min_lr"): ((3.5, "bounds_reversed"),),
    ("triangular", "base_lr"): ABOVE,
    ("triangular2", "base_lr"): ABOVE,
    ("exp_range", "base_lr"): ((2.5, "bounds_reversed"),),
    ("warmup_stable_decay", "warmup_steps"): (*LENGTH_OR_ZERO, (91, "no_room_for_decay")),
    ("warmup", "warmup_steps"): (*LENGTH, (100, "no_room_for_schedule")),
    ("warmup", "schedule"): (({"lr": 1}, "union_tag_not_found"), ({"kind": "magic"}, "union_tag_invalid"), (3, "model_attributes_type")),
    ("sequential", "schedules"): ((3, "tuple_type"), ([], "too_short"), ([{"kind": "constant", "lr": 1.0}] * 65, "too_long")),
    ("piecewise", "lrs"): ((3, "tuple_type"), ([], "too_short"), ([1.0] * 5000, "too_long")),
    ("piecewise", "boundaries"): (([5, 5], "not_increasing"), ([{"epochs": 2}, {"epochs": 1}], "not_increasing")),
}  # fmt: skip


def first_document(kind: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{kind}.json").read_text())["cases"][0]["schedule"]


def refusals() -> list[tuple[str, str, Any, str]]:
    found: list[tuple[str, str, Any, str]] = []
    for member in SCHEDULES:
        kind = member.model_fields["kind"].default
        for name in member.model_fields:
            if name != "kind":
                common = () if (kind, name) == ("warmup_stable_decay", "warmup_steps") else COMMON.get(name, ())
                cases = (*common, *SPECIAL.get((kind, name), ()))
                found += [(kind, name, value, rule) for value, rule in cases] or [(kind, name, None, "no case written")]
    return found


@pytest.mark.parametrize(("kind", "field", "value", "rule"), refusals(), ids=lambda v: str(v)[:20])
def test_a_field_that_is_wrong_is_named_with_rule_and_remedy(kind: str, field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        validate(ADAPTER, first_document(kind) | {field: value})
    problem = caught.value.problems[0]
    assert rule == problem.rule
    assert problem.pointer.startswith(f"/{field}")
    assert problem.message
    assert problem.action


DOCUMENTS = (
    ({"kind": "linear"}, "/start_lr", "missing", "Add the field 'start_lr'."),
    ({"kind": "constant", "lr": 0.1, "rate": 1}, "/rate", "extra_forbidden", "Remove 'rate'"),
    ({"kind": "cosin", "max_lr": 0.1}, "/kind", "union_tag_invalid", "Use one of"),
    ({"lr": 0.1}, "/kind", "union_tag_not_found", "Add the field 'kind'"),
    ({"kind": "linear", "start_lr": 1, "total_steps": {"epochs": 0}}, "/total_steps/epochs", "greater_than", "above 0"),
    ({"kind": "linear", "start_lr": 1, "total_steps": {"epochs": 1e308}}, "/total_steps/epochs", "less_than_equal", "at most"),
    ({"kind": "linear", "start_lr": 1, "total_steps": {"epochs": "3"}}, "/total_steps/epochs", "float_type", "number"),
    ({"kind": "linear", "start_lr": 1, "total_steps": {"epoch": 3}}, "/total_steps/epochs", "missing", "epochs"),
    ({"kind": "linear", "start_lr": 1, "total_steps": {"epochs": 3, "steps": 1}}, "/total_steps/steps", "extra_forbidden", "Remove"),
    ({"kind": "piecewise", "boundaries": [0], "lrs": [1, 2]}, "/boundaries/0", "greater_than_equal", "at least 1"),
    ({"kind": "piecewise", "boundaries": [5], "lrs": [1, 0]}, "/lrs/1", "greater_than", "above 0"),
    ({"kind": "one_cycle", "max_lr": 1, "phases": 3, "pct_start": 0.6}, "/pct_start", "no_room_for_phases", "phases 2"),
    ({"kind": "warmup", "warmup_steps": 5, "schedule": {"kind": "rex", "max_lr": 0}}, "/schedule/max_lr", "greater_than", "above"),
    (
        {"kind": "sequential", "boundaries": [5, 5], "schedules": [{"kind": "constant", "lr": 1}] * 3},
        "/boundaries", "not_increasing", "Sort the boundaries",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("document", "pointer", "rule", "action"), DOCUMENTS, ids=lambda v: str(v)[:30])
def test_a_document_that_is_wrong_says_where_and_what_to_do(
    document: Any, pointer: str, rule: str, action: str
) -> None:
    with pytest.raises(InvalidDocument) as caught:
        validate(ADAPTER, document)
    problem = caught.value.problems[0]
    assert (pointer, rule) == (problem.pointer, problem.rule)
    assert action in problem.action


@pytest.mark.parametrize("kind", [member.model_fields["kind"].default for member in SCHEDULES])
def test_a_required_field_that_is_missing_is_named(kind: str) -> None:
    document = first_document(kind)
    member = next(member for member in SCHEDULES if member.model_fields["kind"].default == kind)
    for name, field in member.model_fields.items():
        if field.is_required():
            with pytest.raises(InvalidDocument) as caught:
                validate(ADAPTER, {key: value for key, value in document.items() if key != name})
            assert f"/{name}" in {problem.pointer for problem in caught.value.problems}
