"""One or two fields of a training varied, by pointer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import Field, TypeAdapter, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.pointers import changed, names_of, parts_of
from lrsearch.experiments.sweep import MOST_TRIALS, Setting, Sweep
from lrsearch.experiments.training import Training
from lrsearch.schedules import AnySchedule
from lrsearch.spec import Spec, broken, validate
from lrsearch.training.plan import AnyOptimizer

VARIABLE: Final = ("batch_size", "controllers", "epochs", "model", "optimizer", "schedule", "steps")
"""Fields that may be varied, with all that is below them; with the others the runs would not be comparable."""
_TRAINING: Final[TypeAdapter[Training]] = TypeAdapter(Training)
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
        if self.low is None or self.high is None:
            return self
        if self.low >= self.high:
            message = f"low is {self.low:g} and high is {self.high:g}."
            raise broken("low", "below_high", message, "Set low below high.")
        if self.spacing == "log" and self.low <= 0:
            message = f"low is {self.low:g}; logarithmic spacing has no place for it."
            raise broken("low", "above_zero_for_log", message, 'Set low above 0, or spacing to "linear".')
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


class HyperparameterSweep(Sweep):
    """Train with every value of a field (of two: with every pair), each with the same seeds, and rank the settings."""

    cites: ClassVar[tuple[str, ...]] = (
        "Schmidt et al. 2021, Descending through a Crowded Valley, arXiv:2007.01547 (ten seeds, the danger zone).",
    )

    kind: Literal["hyperparameter_sweep"] = "hyperparameter_sweep"
    optimizer: AnyOptimizer
    schedule: AnySchedule | None = None
    """Left out: the constant rate `optimizer.learning_rate`, or Keras' default."""
    vary: Annotated[tuple[Vary, ...], Field(min_length=1, max_length=2)]
    """One or two fields."""

    @cached_property
    def _members(self) -> tuple[list[Setting], list[Problem]]:
        found = [problem for index, vary in enumerate(self.vary) for problem in self._pointer_problems(index, vary)]
        if found:
            return [], found
        combinations = list(self._combinations())
        settings: list[Setting] = []
        for combination in combinations if len(combinations) <= MOST_TRIALS else ():
            try:
                settings.append(self._setting(combination))
            except InvalidDocument as error:
                found += [self._moved(problem, combination) for problem in error.problems]
        if not found and len(combinations) > MOST_TRIALS:
            found = [_too_many(len(combinations))]
        return settings, list({(problem.pointer, problem.rule, problem.message): problem for problem in found}.values())

    def members(self) -> tuple[list[Setting], list[Problem]]:
        """A setting for every value or pair of values; every value that its field refuses."""
        return self._members

    def problems(self) -> list[Problem]:
        """As `Sweep.problems`; the shared fields are checked with the values in place, so only the settings are asked."""
        settings, found = self._members
        return found or self.limit_problems(len(settings))

    @cached_property
    def _base(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True, exclude={"kind", "vary", "seeds", "stress_seeds"})

    def _pointer_problems(self, index: int, vary: Vary) -> list[Problem]:
        """A pointer that leads nowhere, or to what must be the same for all runs."""
        pointer, root = f"/vary/{index}/pointer", parts_of(vary.pointer)[0]
        if index and vary.pointer == self.vary[0].pointer:
            message = f"{vary.pointer} is varied twice."
            return [Problem(pointer, "varied_twice", vary.pointer, message, "Name another field, or remove this one.")]
        if root in type(self).model_fields and root not in VARIABLE:
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
            validate(_TRAINING, document)
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
            validate(_TRAINING, changed(self._base, vary.pointer, _NOT_WHOLE))
        except InvalidDocument as error:
            return any(
                problem.rule.startswith("int_") and problem.pointer == vary.pointer for problem in error.problems
            )
        return False

    def _combinations(self) -> Iterator[_Combination]:
        lists = [vary.spaced(is_whole=vary.values is None and self._is_whole(vary)) for vary in self.vary]
        for places in itertools.product(*(range(len(values)) for values in lists)):
            yield _Combination(places, tuple(values[place] for values, place in zip(lists, places, strict=True)))

    def _setting(self, combination: _Combination) -> Setting:
        """The training with these values.

        Raises:
            InvalidDocument: what is wrong with it.
        """
        document = self._base
        for vary, value in zip(self.vary, combination.values, strict=True):
            document = changed(document, vary.pointer, value)
        training = validate(_TRAINING, document)
        if problems := training.problems() + self._repeated(combination):
            raise InvalidDocument(problems)
        pointers = [vary.pointer for vary in self.vary]
        name = ", ".join(f"{n}={_shown(v)}" for n, v in zip(names_of(pointers), combination.values, strict=True))
        return Setting(name, dict(zip(pointers, combination.values, strict=True)), training)

    def _repeated(self, combination: _Combination) -> list[Problem]:
        found: list[Problem] = []
        for vary, place, value in zip(self.vary, combination.places, combination.values, strict=True):
            if vary.values and value in vary.values[:place]:
                message = f"{vary.pointer} has the value {_shown(value)} twice."
                found.append(Problem(vary.pointer, "repeated_value", value, message, "Remove one of them."))
        return found

    def _moved(self, problem: Problem, combination: _Combination) -> Problem:
        """The problem of a setting, pointing at the value in the list that causes it, where one does."""
        for index, (vary, place) in enumerate(zip(self.vary, combination.places, strict=True)):
            if f"{problem.pointer}/".startswith(f"{vary.pointer}/"):
                rest = problem.pointer.removeprefix(vary.pointer)
                place_in_document = f"/vary/{index}/values/{place}{rest}" if vary.values else f"/vary/{index}"
                return replace(problem, pointer=place_in_document)
        return problem

    def setting_flags(self, by_number: Mapping[int, TrialRecord]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """As `Sweep.setting_flags`, and `edge_of_range` for settings at the least or greatest value of a field."""
        flags, notes = super().setting_flags(by_number)
        for vary in self.vary:
            values = [setting.values[vary.pointer] for setting in self.settings]
            if len(set(map(str, values))) < 2 or not all(_is_number(value) for value in values):
                continue
            for setting in self.settings:
                if setting.values[vary.pointer] in (min(values), max(values)):
                    flags.setdefault(setting.name, []).append("edge_of_range")
        notes["edge_of_range"] = "The best value is at the edge of the searched range; a better one may lie outside."
        return {name: list(dict.fromkeys(found)) for name, found in flags.items()}, notes


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if _is_number(value):
        return f"{value:g}" if abs(value) < 1e5 else str(value)
    return value if isinstance(value, str) else json.dumps(value)


def _too_many(settings: int) -> Problem:
    message = f"The values make {settings} settings; the most is {MOST_TRIALS} trials."
    return Problem("/vary", "too_many_trials", settings, message, "Give fewer values.")
