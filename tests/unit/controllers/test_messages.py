"""Every invalid field of every controller: an error that points at it, names the rule and says what to do; and fuzz."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lrsearch.controllers import CONTROLLERS, AnyController, Controller
from lrsearch.errors import InvalidDocument
from lrsearch.spec import validate

ADAPTER: TypeAdapter[Controller] = TypeAdapter(AnyController)
WHOLE = ((-1, "greater_than_equal"), (1.5, "int_type"), ("3", "int_type"), (True, "int_type"))
NUMBER = (("x", "float_parsing"), (float("nan"), "finite_number"))
REFUSED: dict[str, tuple[tuple[Any, str], ...]] = {
    "monitor": (("", "string_too_short"), (3, "string_type")),
    "mode": (("down", "literal_error"), (None, "literal_error")),
    "patience": WHOLE, "cooldown": WHOLE, "start_from_epoch": WHOLE,
    "min_delta": ((-0.1, "greater_than_equal"), ("x", "float_type")),
    "factor": ((0.0, "greater_than"), (1.0, "less_than"), ("x", "float_type")),
    "max_lr": ((0.0, "greater_than"),),
    "steps": ((1, "greater_than_equal"), (2.5, "int_type")),
    "rule": (("magic", "literal_error"),),
    "max_increase": ((0.0, "greater_than"),),
    "max_tests": ((0, "greater_than_equal"), (1.5, "int_type")),
    "baseline": NUMBER, "threshold": NUMBER,
    "restore_best": (("maybe", "bool_parsing"),),
}  # fmt: skip
"""What each field refuses, by name."""

SPECIAL: dict[tuple[str, str], tuple[tuple[Any, str], ...]] = {
    ("reduce_on_plateau", "min_lr"): ((-0.1, "greater_than_equal"), ("x", "float_type")),
    ("find_on_plateau", "min_lr"): ((0.0, "greater_than"), (1.0, "bounds_reversed"), (2.0, "bounds_reversed")),
}


def refusals() -> list[tuple[str, str, Any, str]]:
    found: list[tuple[str, str, Any, str]] = []
    for member in CONTROLLERS:
        kind = member.model_fields["kind"].default
        for name in member.model_fields:
            if name != "kind":
                cases = (*REFUSED.get(name, ()), *SPECIAL.get((kind, name), ()))
                found += [(kind, name, value, rule) for value, rule in cases] or [(kind, name, None, "no case written")]
    return found


@pytest.mark.parametrize(("kind", "field", "value", "rule"), refusals())
def test_a_field_that_is_wrong_is_named_with_rule_and_remedy(kind: str, field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        validate(ADAPTER, {"kind": kind, field: value})
    problem = caught.value.problems[0]
    assert (f"/{field}", rule) == (problem.pointer, problem.rule)
    assert problem.message
    assert problem.action


@pytest.mark.parametrize("kind", [member.model_fields["kind"].default for member in CONTROLLERS])
def test_a_metric_whose_direction_its_name_does_not_tell_asks_for_the_mode(kind: str) -> None:
    with pytest.raises(InvalidDocument, match="'val_score' does not tell") as caught:
        validate(ADAPTER, {"kind": kind, "monitor": "val_score"})
    assert ("/mode", 'Set mode to "min" or "max".') == (
        caught.value.problems[0].pointer,
        caught.value.problems[0].action,
    )
    assert validate(ADAPTER, {"kind": kind, "monitor": "val_score", "mode": "max"})


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400) | st.just([1])
names = st.sampled_from(sorted({name for member in CONTROLLERS for name in member.model_fields})) | st.text(max_size=3)
kinds = st.sampled_from([*(member.model_fields["kind"].default for member in CONTROLLERS), "magic"])


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(kinds, st.dictionaries(names, values, max_size=4), st.lists(st.none() | st.floats(), max_size=6))
def test_any_document_is_refused_or_becomes_a_working_controller(
    kind: str, fields: dict[str, Any], metrics: list[float | None]
) -> None:
    try:
        controller = ADAPTER.validate_python({**fields, "kind": kind})
    except ValidationError:
        return
    assert controller == ADAPTER.validate_json(controller.model_dump_json())
    state = controller.start()
    for epoch, value in enumerate(metrics):
        state.at_epoch_end(epoch, {getattr(controller, "monitor", ""): value}, 0.1)
        if getattr(state.memory, "pending", None) is not None:
            break
    again = controller.start()
    again.restore(state.snapshot())
    assert state.memory == again.memory
