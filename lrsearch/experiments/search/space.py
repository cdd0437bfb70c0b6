"""A search space over the fields of a training: what is drawn, under which names, and the document that it makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.pointers import changed, parts_of
from lrsearch.experiments.search.ranges import RANGE, Choices, FloatRange, IntRange, is_object, is_range
from lrsearch.spec import escape, validate

Range: TypeAlias = FloatRange | IntRange | Choices
Draw: TypeAlias = "Callable[[Dimension], Any]"
"""Chooses a value of a dimension: a number, or the label of an option."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field.

    Attributes:
        label: what Optuna sees: the value itself, or the kind of an object.
        value: what is put into the document.
        inner: ranges within the value, which count only when this option is taken.
    """

    label: Any
    value: Any
    inner: tuple[Dimension, ...] = ()


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that is drawn.

    Attributes:
        name: Optuna's name of the parameter, unique within the space: `/schedule/one_cycle/pct_start`.
        place: pointer into the training's document: `/schedule/pct_start`.
        pointer: where it stands in the job's document.
        range: what it may be.
        options: of choices, in their order.
    """

    name: str
    place: str
    pointer: str
    range: Range
    options: tuple[Option, ...] = ()

    def option(self, label: Any) -> Option:
        """The option of a label; `1` and `true` are not the same."""
        return next(one for one in self.options if one.label == label and type(one.label) is type(label))


@dataclass(frozen=True, slots=True)
class Space:
    """What is searched.

    Attributes:
        dimensions: those that are always drawn, outer places first.
    """

    dimensions: tuple[Dimension, ...]

    def drawn(self, draw: Draw) -> list[tuple[Dimension, Any]]:
        """Every dimension that counts, in order, with what was drawn for it."""
        found: list[tuple[Dimension, Any]] = []
        waiting = list(self.dimensions)
        while waiting:
            dimension = waiting.pop(0)
            value = draw(dimension)
            found.append((dimension, value))
            if dimension.options:
                waiting[:0] = dimension.option(value).inner
        return found

    def everything(self) -> Iterator[Dimension]:
        """Every dimension, also those that count only under some option."""
        waiting = list(self.dimensions)
        while waiting:
            dimension = waiting.pop(0)
            yield dimension
            waiting[:0] = [inner for option in dimension.options for inner in option.inner]

    @property
    def is_conditional(self) -> bool:
        """Whether some dimensions count only under some options."""
        return any(option.inner for dimension in self.everything() for option in dimension.options)

    def points(self, otherwise: int) -> int:
        """Number of all combinations; a range that is not countable has `otherwise` values."""
        return _points(self.dimensions, otherwise)

    def combination(self, number: int, otherwise: int) -> dict[str, Any]:
        """The combination of a number, 0 <= number < points: name -> value, the last dimension varying fastest."""
        found: dict[str, Any] = {}
        _decode(self.dimensions, number, otherwise, found)
        return found

    def document(self, base: dict[str, Any], drawn: Sequence[tuple[Dimension, Any]]) -> dict[str, Any]:
        """The base with the values put in their places, outer places first.

        Raises:
            KeyError: there is no such place.
        """
        result = base
        ordered = sorted(drawn, key=lambda one: len(parts_of(one[0].place)))
        for dimension, value in ordered:
            put = dimension.option(value).value if dimension.options else value
            result = changed(result, dimension.place, put)
        return result


def _points(dimensions: Sequence[Dimension], otherwise: int) -> int:
    count = 1
    for dimension in dimensions:
        count *= _values(dimension, otherwise)
    return count


def _values(dimension: Dimension, otherwise: int) -> int:
    if dimension.options:
        return sum(_points(option.inner, otherwise) for option in dimension.options)
    assert not isinstance(dimension.range, Choices)
    if isinstance(dimension.range, FloatRange):
        return dimension.range.count(otherwise)
    return len(dimension.range.listed(otherwise))


def _decode(dimensions: Sequence[Dimension], number: int, otherwise: int, found: dict[str, Any]) -> None:
    for dimension in reversed(dimensions):
        number, place = divmod(number, _values(dimension, otherwise))
        if not isinstance(dimension.range, Choices):
            found[dimension.name] = dimension.range.listed(otherwise)[place]
            continue
        for option in dimension.options:
            size = _points(option.inner, otherwise)
            if place < size:
                found[dimension.name] = option.label
                _decode(option.inner, place, otherwise, found)
                break
            place -= size


@dataclass(frozen=True, slots=True)
class _Where:
    """Three names of one place: Optuna's, in the training's document, in the job's document."""

    name: str
    place: str
    pointer: str

    def below(self, key: str) -> _Where:
        return _Where(*(f"{above}/{escape(key)}" for above in (self.name, self.place, self.pointer)))


@dataclass(slots=True)
class _Reader:
    """Makes dimensions of ranges and notes what is wrong with those within choices."""

    problems: list[Problem] = field(default_factory=list[Problem])

    def dimension(self, name: str, place: str, pointer: str, given: Range) -> Dimension:
        if not isinstance(given, Choices):
            return Dimension(name, place, pointer, given)
        labels = _labels(given.choices)
        for index, choice in enumerate(given.choices):
            if _is_in(choice, given.choices[:index]):
                message = "This choice is given twice."
                self._note(f"{pointer}/choices/{index}", "repeated_value", choice, message, "Remove one of them.")
        options = [
            self._option(label, choice, name, place, f"{pointer}/choices/{index}")
            for index, (label, choice) in enumerate(zip(labels, given.choices, strict=True))
        ]
        return Dimension(name, place, pointer, given, tuple(options))

    def _option(self, label: Any, choice: Any, name: str, place: str, pointer: str) -> Option:
        inner: list[Dimension] = []
        where = _Where(f"{name}/{escape(str(label))}", place, pointer)
        value = self._without_ranges(choice, where, inner)
        return Option(label, value, tuple(inner))

    def _without_ranges(self, value: Any, where: _Where, inner: list[Dimension]) -> Any:
        """The value with null in the places of ranges, which are added to `inner`."""
        if isinstance(value, list):
            items = enumerate(cast("list[Any]", value))
            return [self._part(item, where.below(str(at)), inner) for at, item in items]
        if is_object(value):
            return {key: self._part(item, where.below(key), inner) for key, item in value.items()}
        return value

    def _part(self, item: Any, where: _Where, inner: list[Dimension]) -> Any:
        if not is_range(item):
            return self._without_ranges(item, where, inner)
        try:
            inner.append(self.dimension(where.name, where.place, where.pointer, validate(RANGE, item)))
        except InvalidDocument as error:
            self.problems += error.below(where.pointer)
        return None

    def _note(self, pointer: str, rule: str, value: Any, message: str, action: str) -> None:
        self.problems.append(Problem(pointer, rule, value, message, action))


def _is_in(choice: Any, others: Sequence[Any]) -> bool:
    return any(choice == other and type(choice) is type(other) for other in others)


def _labels(choices: Sequence[Any]) -> list[Any]:
    """Plain values are their own labels; among objects the kind, numbered where it is there twice."""
    if not any(isinstance(choice, dict | list) for choice in choices):
        return list(choices)
    names = [str(choice.get("kind", "object")) if is_object(choice) else json.dumps(choice) for choice in choices]
    return [name if names.count(name) == 1 else f"{name} {index}" for index, name in enumerate(names)]


def read_space(ranges: Mapping[str, Range]) -> tuple[Space, list[Problem]]:
    """The space of a document, and what is wrong with ranges within choices."""
    reader = _Reader()
    ordered = sorted(ranges.items(), key=lambda one: len(parts_of(one[0])))
    found = [reader.dimension(name, name, f"/space/{escape(name)}", given) for name, given in ordered]
    return Space(tuple(found)), reader.problems
