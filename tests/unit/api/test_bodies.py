"""Strict JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import bodies
from api.errors import Refused

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))), inner)
    ),
)


@settings(deadline=None, max_examples=50)
@given(JSON)
def test_valid_json_is_read_as_python_reads_it(value: Any) -> None:
    parsed = bodies.parse(json.dumps(value).encode())
    assert (value, []) == (parsed.value, parsed.problems)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        bodies.parse(body)
    except Refused as refused:
        status = refused.status
    else:
        status = 400
    assert 400 == status


def test_a_byte_order_mark_is_no_fault() -> None:
    assert {"a": 1} == bodies.parse(b'\xef\xbb\xbf{"a": 1}').value


def test_problems_point_at_names_with_slashes() -> None:
    parsed = bodies.parse(b'{"a/b": {"c~d": [1, NaN]}}')
    assert ["/a~1b/c~0d/1"] == [problem.pointer for problem in parsed.problems]


def test_a_name_that_comes_three_times_is_told_once() -> None:
    parsed = bodies.parse(b'{"a": 1, "a": 2, "a": 3, "b": {"c": 1, "c": 1}}')
    assert ["/a", "/b/c"] == [problem.pointer for problem in parsed.problems]


def test_the_canonical_form_does_not_depend_on_the_order_of_fields() -> None:
    assert bodies.canonical({"a": 1, "b": 2}) == bodies.canonical({"b": 2, "a": 1})
    with pytest.raises(ValueError):
        bodies.canonical({"a": float("nan")})
