"""Job kind `tune`: range tests, a race, a search around its survivors, and a confirmation with fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, TypeAdapter

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.base import Estimate, PlotSpec
from lrsearch.experiments.composite import Child, Composite, Stage
from lrsearch.experiments.naming import distinct_names
from lrsearch.experiments.sweep import MOST_TRIALS
from lrsearch.experiments.training import Training, checked
from lrsearch.experiments.training_document import Direction, TrainingFields
from lrsearch.experiments.tune.budget import TuneBudget
from lrsearch.experiments.tune.candidates import at_rate, template
from lrsearch.experiments.tuning import RANGE_TESTS
from lrsearch.schedules import SCHEDULES
from lrsearch.spec import did_you_mean, validate
from lrsearch.training.plan import AnyOptimizer

STAGES: Final = ("range_test", "race", "search", "confirmation")
"""Names of the stages, in their order."""
SEEDS: Final[Mapping[str, int]] = {"range_test": 0, "race": 1_000, "search": 2_000, "confirmation": 10_000}
"""First seed of each stage, above the document's: no stage sees the weights and data orders of another."""
RANGE_TEST_STEPS: Final = 100
"""Updates of each range test."""
RUNGS: Final = 2
"""Rungs of the race: a ninth and a third of a whole run."""
REDUCTION: Final = 3
KERAS_DEFAULT: Final = "Keras' default"
"""Name of the setting that everything is compared with, before its optimizer's."""
_OPTIMIZERS: Final[TypeAdapter[list[AnyOptimizer]]] = TypeAdapter(list[AnyOptimizer])


class Tune(TrainingFields, Composite):
    """Find rate, schedule and optimizer for a model and data, and say how sure the answer is.

    1. Range tests of each optimizer. 2. Rates around each suggestion, under every schedule, raced by successive
    halving. 3. A search around the best rate of each surviving pair of optimizer and schedule. 4. What the searches
    found, and Keras' default rate, trained with seeds that nothing was chosen by. Each stage is made of jobs of its own.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Smith 2017, Cyclical Learning Rates for Training Neural Networks, arXiv:1506.01186.",
        "Jamieson and Talwalkar 2016, Non-stochastic Best Arm Identification, arXiv:1502.07943.",
        "Akiba et al. 2019, Optuna: A Next-generation Hyperparameter Optimization Framework, arXiv:1907.10902.",
    )

    kind: Literal["tune"] = "tune"
    optimizers: Annotated[list[AnyOptimizer], Field(min_length=1, max_length=50)] = Field(
        default_factory=lambda: validate(_OPTIMIZERS, [{"kind": "adam"}, {"kind": "sgd", "momentum": 0.9}])
    )
    """What is tried, each without a rate."""
    schedules: Annotated[list[str | dict[str, Any]], Field(min_length=1, max_length=50)] = Field(
        default=["constant", "cosine", "one_cycle"]
    )
    """Kinds, or whole schedules, whose greatest rate is replaced and whose other rates keep their ratio to it."""
    budget: TuneBudget = TuneBudget()
    """What each stage may cost."""
    seeds: Annotated[int, Field(ge=3, le=1_000, strict=True)] = 10
    """Runs of each confirmed setting; at least 3, and under 6 it is flagged."""

    def problems(self) -> list[Problem]:
        """What is wrong with shared fields, optimizers and schedules, then with the budget and the limits."""
        return super().problems() or self._list_problems() or self._size_problems()

    def _list_problems(self) -> list[Problem]:
        documents = [one.model_dump(mode="json", exclude_none=True) for one in self.optimizers]
        found = distinct_names(documents, "/optimizers")[1]
        for index, optimizer in enumerate(self.optimizers):
            if optimizer.learning_rate is not None:
                message = f"The optimizer's learning_rate is {optimizer.learning_rate:g}, but tuning finds the rate."
                pointer = f"/optimizers/{index}/learning_rate"
                action = "Remove learning_rate; Keras' default is compared in any case."
                found.append(Problem(pointer, "set_by_tune", optimizer.learning_rate, message, action))
        for index, schedule in enumerate(self.schedules):
            found += self._schedule_problems(index, schedule)
        return found

    def _schedule_problems(self, index: int, schedule: str | dict[str, Any]) -> list[Problem]:
        pointer = f"/schedules/{index}"
        kinds = [str(one.model_fields["kind"].default) for one in SCHEDULES]
        if schedule in self.schedules[:index]:
            message = "This is the same as one before it."
            return [Problem(pointer, "repeated_value", schedule, message, "Remove one of them.")]
        kind = schedule if isinstance(schedule, str) else schedule.get("kind")
        if kind not in kinds:
            place = pointer if isinstance(schedule, str) else f"{pointer}/kind"
            action = f"{did_you_mean(str(kind), kinds)}Use one of {', '.join(kinds)}."
            return [Problem(place, "unknown_schedule", kind, f"There is no schedule {kind!r}.", action)]
        try:
            self.training_of(at_rate({"kind": "sgd"}, template(schedule), 0.01))
        except InvalidDocument as error:
            return [self._schedule_problem(pointer, schedule, problem) for problem in error.problems]
        return []

    @staticmethod
    def _schedule_problem(pointer: str, schedule: str | dict[str, Any], problem: Problem) -> Problem:
        if isinstance(schedule, str):
            field = problem.pointer.rpartition("/")[2]
            message = f"The schedule {schedule!r} has no default for {field!r}: {problem.message}"
            action = f'Give it as an object, {{"kind": "{schedule}", "{field}": ...}}.'
            return Problem(pointer, "needs_fields", schedule, message, action)
        return problem.moved("", of="/schedule").moved(pointer)

    def _size_problems(self) -> list[Problem]:
        found: list[Problem] = []
        budget, least = self.budget.updates, self.updates_of(*self.size)
        if budget is not None and least > budget:
            message = f"updates is {budget}, and the least that these stages can do is {least}."
            action = f"Give at least {least}, or fewer optimizers, schedules, seeds, epochs or survivors."
            found.append(Problem("/budget/updates", "budget_too_small", budget, message, action))
        if self.updates() < REDUCTION**RUNGS:
            name = "epochs" if self.steps is None else "steps"
            message = f"A run makes {self.updates()} updates, and the first rung of the race a ninth of them."
            action = f"Train for at least {REDUCTION**RUNGS} updates."
            found.append(Problem(f"/{name}", "too_short_to_race", getattr(self, name), message, action))
        if self.steps is not None and self.steps < self.steps_per_epoch():
            message = (
                f"steps is {self.steps}, less than an epoch ({self.steps_per_epoch()}): the search is never judged."
            )
            action = f"Use at least {self.steps_per_epoch()} steps."
            found.append(Problem("/steps", "less_than_an_epoch", self.steps, message, action))
        limit = min(self.limits.trials or MOST_TRIALS, MOST_TRIALS)
        if self.estimate().trials > limit:
            pointer = "/limits/trials" if limit == self.limits.trials else "/seeds"
            message = f"The stages make {self.estimate().trials} trials; the limit is {limit}."
            found.append(Problem(pointer, "too_many_trials", limit, message, "Give fewer of everything, or raise it."))
        epochs = -(-self.estimate().updates // self.steps_per_epoch())
        if self.limits.epochs is not None and epochs > self.limits.epochs:
            message = f"The stages make {epochs} epochs; the limit is {self.limits.epochs}."
            action = f"Raise it to {epochs}, or give a budget of updates."
            found.append(Problem("/limits/epochs", "too_many_epochs", self.limits.epochs, message, action))
        return found

    @property
    def arms(self) -> int:
        """Pairs of optimizer and schedule."""
        return len(self.optimizers) * len(self.schedules)

    @property
    def survivors(self) -> int:
        """Arms that are searched around and confirmed."""
        return min(self.budget.survivors, self.arms)

    @cached_property
    def size(self) -> tuple[int, int, int]:
        """Rates, race seeds and search trials: the greatest within the budget, or the least there are."""
        sizes = list(self.budget.sizes())
        budget = self.budget.updates
        fitting = (one for one in sizes if budget is None or self.updates_of(*one) <= budget)
        return next(fitting, sizes[-1])

    def stage_updates(self, rates: int, race_seeds: int, search_trials: int) -> dict[str, int]:
        """Updates of each stage, at most."""
        n, whole = self.arms * rates, self.updates()
        raced = n * (whole // REDUCTION**2) + self._second_rung(n) * (whole // REDUCTION)
        return {
            "range_test": len(self.optimizers) * RANGE_TESTS * RANGE_TEST_STEPS,
            "race": raced * race_seeds,
            "search": self.survivors * search_trials * whole,
            "confirmation": (self.survivors + 1) * (self.seeds + 2) * whole,
        }

    def _second_rung(self, first: int) -> int:
        """Candidates that the race's second rung has of those in its first, at most."""
        return min(first, max(math.ceil(first / REDUCTION), self.survivors))

    def updates_of(self, rates: int, race_seeds: int, search_trials: int) -> int:
        """Updates of all stages, at most."""
        return sum(self.stage_updates(rates, race_seeds, search_trials).values())

    def estimate(self) -> Estimate:
        """Updates and trials of all stages, at most: diverged and pruned runs make fewer."""
        rates, race_seeds, search_trials = self.size
        n = self.arms * rates
        trials = len(self.optimizers) * RANGE_TESTS + (n + self._second_rung(n)) * race_seeds
        trials += self.survivors * search_trials + (self.survivors + 1) * (self.seeds + 2)
        return Estimate(self.updates_of(*self.size), trials, None)

    def next_stage(self, children: Sequence[Child]) -> Stage | None:
        """The documents of the stage after those of the children; a stage without any is passed over."""
        from lrsearch.experiments.tune.stages import documents_of

        done = {child.stage for child in children}
        last = max((place for place, name in enumerate(STAGES) if name in done), default=-1)
        to_come = self.stage_updates(*self.size)
        for place, name in enumerate(STAGES[last + 1 :], last + 1):
            if documents := documents_of(self, name, children):
                return Stage(name, documents, sum(to_come[one] for one in STAGES[place + 1 :]))
        return None

    def shared(self, stage: str) -> dict[str, Any]:
        """What the documents of all children have in common."""
        names = {"model", "data", "batch_size", "engine", "labels"}
        limits = self.limits.model_dump(include={"wall_seconds", "memory_bytes"}, exclude_none=True)
        seed = (self.seed + SEEDS[stage]) % 2**31
        return self.model_dump(mode="json", include=names) | {"schema": 1, "limits": limits, "seed": seed}

    def trained(self, stage: str) -> dict[str, Any]:
        """The same of those that train: length, validation, direction; controllers do not race."""
        document = self.model_dump(mode="json", include={"epochs", "steps", "validation", "controllers"})
        direction: Direction = "minimize" if self.is_minimized else "maximize"
        kept = {name: value for name, value in document.items() if value is not None and name != "controllers"}
        if stage in {"search", "confirmation"} and self.controllers:
            kept["controllers"] = document["controllers"]
        return self.shared(stage) | kept | {"validation": document["validation"], "direction": direction}

    def training_of(self, made: Mapping[str, Any]) -> Training:
        """The training of an optimizer and a schedule.

        Raises:
            InvalidDocument: what is wrong with it.
        """
        return checked({**self.trained("race"), "kind": "training", "metric": self.metric, **made})

    def conclude_children(self, children: Sequence[Child]) -> dict[str, Any]:
        """The recommendation with its evidence, what each stage found, and what it all cost."""
        from lrsearch.experiments.tune.conclusion import concluded

        return concluded(self, children)

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """The funnel of candidates, the final comparison, and the cost beside that of the grid."""
        from lrsearch.experiments.tune.plots import plots_of_tune

        return plots_of_tune(result, f"{self.model.name} on {self.data.name}, batch {self.batch_size}")
