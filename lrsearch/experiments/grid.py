"""Fields of a training varied by pointer: values listed or spaced, every combination a setting."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.ends import check_ends
from lrsearch.experiments.pointers import changed, names_of, parts_of
from lrsearch.experiments.sweep import MOST_TRIALS, Setting
from lrsearch.experiments.training import TRAINING, Training
from lrsearch.spec import Spec, broken, validate

VARIABLE: Final = (
    *("accumulation_steps", "augmentation", "batch_size", "class_weight", "controllers", "epochs", "layer_groups"),
    *("model", "optimizer", "precision", "schedule", "steps"),
)
"""Fields that may be varied, with all that is below them; with the others the runs would not be comparable."""
_NOT_WHOLE: Final = 1.5


class Vary(Spec):
    """A field and its values: listed, or `points` from `low` to `high`."""

    pointer: Annotated[str, Field(pattern="^/")]
    """JSON pointer to the field, for example /optimizer/learning_rate."""
    values: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MOST_TRIALS)] | None = None
    """The values; give these, or low, high and points."""
    low: float | None = None
    """Least value."""
    high: float | None = None
    """Greatest value."""
    points: Annotated[int, Field(ge=2, le=MOST_TRIALS, strict=True)] | None = None
    """Number of values; for a whole-number field they are rounded, and repeated ones left out."""
    spacing: Literal["log", "linear"] = "log"
    """Whether the ratios or the differences of neighbours are equal."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        given = [name for name in ("low", "high", "points") if getattr(self, name) is not None]
        if (self.values is None) == (not given) or (self.values is None and len(given) < 3):
            raise broken(
                "values",
                "values_or_range",
                f"values is {'left out' if self.values is None else 'given'}, and of low, high and points: "
                f"{', '.join(given) or 'none'}.",
                "Give values, or all three of low, high and points.",
            )
        return self

    @model_validator(mode="after")
    def _rises(self) -> Self:
        check_ends(self.low, self.high, is_log=self.spacing == "log", otherwise='spacing to "linear"')
        return self

    def spaced(self, *, is_whole: bool) -> tuple[Any, ...]:
        """The values of the field."""
        if self.values is not None:
            return self.values
        assert self.low is not None
        assert self.high is not None
        assert self.points is not None
        space = np.geomspace if self.spacing == "log" else np.linspace
        values = space(self.low, self.high, self.points)
        if is_whole:
            return tuple(dict.fromkeys(round(value) for value in values.tolist()))
        return tuple(float(f"{value:.10g}") for value in values.tolist())


@dataclass(frozen=True, slots=True)
class _Combination:
    """A value for each varied field, and its place in the list of each."""

    places: tuple[int, ...]
    values: tuple[Any, ...]


class Grid:
    """Every combination of the values of some fields, as settings.

    Args:
        base: document of a training, in which the values are put.
        vary: at most two fields; none: the base alone is a setting.
        pointer: where `vary` stands in the job's document.
    """

    def __init__(self, base: dict[str, Any], vary: Sequence[Vary], pointer: str = "/vary") -> None:
        self._base, self._vary, self._pointer = base, vary, pointer

    def settings(self) -> tuple[list[Setting], list[Problem]]:
        """The settings, and everything that is wrong: each value that its field refuses, at its place in the list."""
        found = [problem for index, vary in enumerate(self._vary) for problem in self._pointer_problems(index, vary)]
        if found:
            return [], found
        combinations = list(self._combinations())
        if len(combinations) > MOST_TRIALS:
            return [], [self._too_many(len(combinations))]
        settings: list[Setting] = []
        for combination in combinations:
            try:
                settings.append(self._setting(combination))
            except InvalidDocument as error:
                found += [self._moved(problem, combination) for problem in error.problems]
        return settings, list({(problem.pointer, problem.rule, problem.message): problem for problem in found}.values())

    def _pointer_problems(self, index: int, vary: Vary) -> list[Problem]:
        """A pointer that leads nowhere, or to what must be the same for all runs."""
        pointer, root = f"{self._pointer}/{index}/pointer", parts_of(vary.pointer)[0]
        if index and vary.pointer == self._vary[0].pointer:
            message = f"{vary.pointer} is varied twice."
            return [Problem(pointer, "varied_twice", vary.pointer, message, "Name another field, or remove this one.")]
        if root in Training.model_fields | {"schema": None} and root not in VARIABLE:
            message = f"{vary.pointer} cannot be varied: runs that differ in it are not comparable."
            action = f"Vary something below {', '.join(VARIABLE)}."
            return [Problem(pointer, "not_varied", vary.pointer, message, action)]
        if self._is_a_field(vary):
            return []
        message = f"{vary.pointer} names no field of this document."
        action = "Correct the pointer; its parts are names of fields and positions in lists, as in /optimizer/momentum."
        return [Problem(pointer, "no_such_field", vary.pointer, message, action)]

    def _is_a_field(self, vary: Vary) -> bool:
        try:
            value = vary.values[0] if vary.values else vary.low
            document = changed(self._base, vary.pointer, value)
            validate(TRAINING, document)
        except KeyError:
            return False
        except InvalidDocument as error:
            return not any(
                problem.rule == "extra_forbidden" and f"{vary.pointer}/".startswith(f"{problem.pointer}/")
                for problem in error.problems
            )
        return True

    def _is_whole(self, vary: Vary) -> bool:
        """Whether the field takes whole numbers only."""
        try:
            validate(TRAINING, changed(self._base, vary.pointer, _NOT_WHOLE))
        except InvalidDocument as error:
            return any(
                problem.rule.startswith("int_") and problem.pointer == vary.pointer for problem in error.problems
            )
        return False

    def _combinations(self) -> Iterator[_Combination]:
        lists = [vary.spaced(is_whole=vary.values is None and self._is_whole(vary)) for vary in self._vary]
        for places in itertools.product(*(range(len(values)) for values in lists)):
            yield _Combination(places, tuple(values[place] for values, place in zip(lists, places, strict=True)))

    def _setting(self, combination: _Combination) -> Setting:
        """The training with these values.

        Raises:
            InvalidDocument: what is wrong with it.
        """
        document = self._base
        for vary, value in zip(self._vary, combination.values, strict=True):
            document = changed(document, vary.pointer, value)
        training = validate(TRAINING, document)
        if problems := training.problems() + self._repeated(combination):
            raise InvalidDocument(problems)
        pointers = [vary.pointer for vary in self._vary]
        name = ", ".join(f"{n}={shown(v)}" for n, v in zip(names_of(pointers), combination.values, strict=True))
        return Setting(name, dict(zip(pointers, combination.values, strict=True)), training)

    def _repeated(self, combination: _Combination) -> list[Problem]:
        found: list[Problem] = []
        for vary, place, value in zip(self._vary, combination.places, combination.values, strict=True):
            if vary.values and value in vary.values[:place]:
                message = f"{vary.pointer} has the value {shown(value)} twice."
                found.append(Problem(vary.pointer, "repeated_value", value, message, "Remove one of them."))
        return found

    def _moved(self, problem: Problem, combination: _Combination) -> Problem:
        """The problem of a setting, pointing at the value in the list that causes it, where one does."""
        for index, (vary, place) in enumerate(zip(self._vary, combination.places, strict=True)):
            if f"{problem.pointer}/".startswith(f"{vary.pointer}/"):
                if vary.values:
                    return problem.moved(f"{self._pointer}/{index}/values/{place}", of=vary.pointer)
                return replace(problem, pointer=f"{self._pointer}/{index}")
        return problem

    def _too_many(self, settings: int) -> Problem:
        message = f"The values make {settings} settings; the most is {MOST_TRIALS} trials."
        return Problem(self._pointer, "too_many_trials", settings, message, "Give fewer values.")


def is_number(value: Any) -> bool:
    """Whether it is a number and no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """A value as names of settings show it."""
    if is_number(value):
        return str(value) if isinstance(value, int) else f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
