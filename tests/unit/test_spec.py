"""Validation errors in the user's words: pointer, rule, value, message, action."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import Field, TypeAdapter, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.spec import NonNegativeRate, PositiveInt, Rate, Seed, Share, Spec, action_for, broken, validate


class Round(Spec):
    kind: Literal["round"] = "round"
    radius: Rate = 1.0


class Square(Spec):
    kind: Literal["square"] = "square"
    side: PositiveInt


Shape = Annotated[Round | Square, Field(discriminator="kind")]


class Drawing(Spec):
    one: Shape
    many: Annotated[list[Shape], Field(default_factory=list)]
    by_name: Annotated[dict[str, Shape], Field(default_factory=dict)]
    low: Rate = 1.0
    high: Rate = 2.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise broken("low", "below_high", f"low is {self.low:g}.", "Lower it.")
        if self.one == Round(radius=13):
            raise broken("/one/radius", "unlucky", "radius is 13.", "Take 14.")
        return self


DRAWING = TypeAdapter(Drawing)
ROUND = {"kind": "round"}


def problems(document: Any) -> list[Problem]:
    with pytest.raises(InvalidDocument) as caught:
        validate(DRAWING, document)
    return caught.value.problems


CASES: dict[str, tuple[Any, tuple[str, str, Any]]] = {
    "missing": ({}, ("/one", "missing", None)),
    "no tag": ({"one": {}}, ("/one/kind", "union_tag_not_found", None)),
    "wrong tag": ({"one": {"kind": "oval"}}, ("/one/kind", "union_tag_invalid", "oval")),
    "tag of another type": ({"one": {"kind": ["round"]}}, ("/one/kind", "union_tag_invalid", ["round"])),
    "no object": ({"one": 3}, ("/one", "model_attributes_type", 3)),
    "missing in a member": ({"one": {"kind": "square"}}, ("/one/side", "missing", None)),
    "unknown in a member": ({"one": ROUND | {"side": 1}}, ("/one/side", "extra_forbidden", 1)),
    "in a list": ({"one": ROUND, "many": [ROUND, ROUND | {"radius": -1}]}, ("/many/1/radius", "greater_than", -1)),
    "under a name": (
        {"one": ROUND, "by_name": {"a/b~c": ROUND | {"radius": "x"}}},
        ("/by_name/a~1b~0c/radius", "float_type", "x"),
    ),
    "not a document": ([], ("", "model_type", [])),
    "fields that do not fit": ({"one": ROUND, "low": 3.0}, ("/low", "below_high", 3.0)),
    "a deeper field that does not fit": ({"one": ROUND | {"radius": 13}}, ("/one/radius", "unlucky", 13)),
}


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES)
def test_a_problem_points_at_the_field_and_shows_rule_and_value(document: Any, expected: tuple[str, str, Any]) -> None:
    (problem,) = problems(document)
    assert expected == (problem.pointer, problem.rule, problem.value)
    assert problem.message
    assert problem.action


@pytest.mark.parametrize(
    ("one", "message", "action"),
    [
        ({"kind": "squar"}, "There is no such kind.", "Did you mean 'square'? Use one of 'round', 'square'."),
        ({"kind": "x"}, "There is no such kind.", "Use one of 'round', 'square'."),
        ({}, "This field is missing; it says what the object is.", "Add the field 'kind'"),
    ],
)
def test_a_wrong_or_missing_kind_is_told_without_pydantics_words(one: Any, message: str, action: str) -> None:
    (problem,) = problems({"one": one})
    assert message == problem.message
    assert problem.action.startswith(action)


def test_all_problems_come_together_in_the_order_of_the_fields() -> None:
    found = problems({"one": {"kind": "square", "side": 0}, "low": -1, "extra": 1})
    assert ["/one/side", "/low", "/extra"] == [problem.pointer for problem in found]


def test_a_cross_field_rule_says_its_own_message_and_action() -> None:
    (problem,) = problems({"one": ROUND, "low": 3.0})
    assert ("low is 3.", "Lower it.") == (problem.message, problem.action)


def test_the_default_of_a_field_that_was_left_out_is_not_a_value_received() -> None:
    (problem,) = problems({"one": ROUND, "high": 0.5})
    assert ("/low", None) == (problem.pointer, problem.value)


def test_a_valid_document_becomes_a_frozen_spec() -> None:
    drawing = validate(DRAWING, {"one": ROUND})
    with pytest.raises(Exception, match="frozen"):
        drawing.low = 0.1  # pyright: ignore[reportAttributeAccessIssue] - that is what is tested


NUMBERS = [
    (Rate, 1e-300, [0, -1, float("nan"), float("inf"), "1", True, None, 10**400]),
    (NonNegativeRate, 0, [-1e-9, float("nan"), "0"]),
    (Share, 1, [-0.1, 1.1, float("nan"), "0.5"]),
    (PositiveInt, 1, [0, 1.0, True, "1", None]),
    (Seed, 2**31 - 1, [2**31, -1, 0.0, False]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), NUMBERS)
def test_number_types_take_what_they_say_and_nothing_else(kind: Any, good: Any, bad: list[Any]) -> None:
    class Holder(Spec):
        number: kind

    adapter = TypeAdapter(Holder)
    assert good == validate(adapter, {"number": good}).number
    for value in bad:
        with pytest.raises(InvalidDocument):
            validate(adapter, {"number": value})


def test_the_action_of_a_rule_without_a_row_or_without_its_context_points_to_the_catalog() -> None:
    assert "GET /v1/catalog" in action_for("made_up", {}, ["field"])
    assert "GET /v1/catalog" in action_for("greater_than", {}, ["field"])
