"""Values made safe to show."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.echo import safe, safe_text

CASES: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (3, 3),
    (2**53, 2**53),
    (2**53 + 1, str(2**53 + 1)),
    (10**5000, "an integer of 16610 bits"),
    (0.5, 0.5),
    (math.nan, "NaN"),
    (math.inf, "Infinity"),
    (-math.inf, "-Infinity"),
    ("\ud800", "\\ud800"),
    ("a\x00b", "a\\x00b"),
    ([1, [math.nan]], [1, ["NaN"]]),
    ({"a": (1, 2)}, {"a": [1, 2]}),
    ({1: 2}, {"1": 2}),
    ([[[[[1]]]]], [[[["..."]]]]),
    (b"\xff", "b'\\xff'"),
]


@pytest.mark.parametrize(("value", "shown"), CASES, ids=range(len(CASES)))
def test_a_value_is_shown_as_json_can_carry_it(value: Any, shown: Any) -> None:
    assert shown == safe(value)


def test_long_things_are_cut_and_counted() -> None:
    assert "x" * 200 + "... (500 characters)" == safe_text("x" * 500)
    assert [*range(20), "... (1000 items)"] == safe(list(range(1000)))
    assert "30 fields" == safe({str(i): i for i in range(30)})["..."]


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=())), inner),
)


@settings(deadline=None, max_examples=50)
@given(ANYTHING)
def test_whatever_comes_becomes_json_in_utf_8(value: Any) -> None:
    json.dumps(safe(value), allow_nan=False, ensure_ascii=False).encode()
