"""Job kind `search`: an adaptive study over fields of a training, on as many workers as there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.base import Context, Estimate, PlotSpec, TrialRecord
from lrsearch.experiments.search.budget import AnyStop, Budget
from lrsearch.experiments.search.corners import corners, lowest, with_value
from lrsearch.experiments.search.objective import Objective
from lrsearch.experiments.search.open_schedule import FixedSchedule
from lrsearch.experiments.search.prior import STEPS, RatePrior, by_optimizer, labels_of, range_tests, read_prior
from lrsearch.experiments.search.pruners import AnyPruner, SuccessiveHalving
from lrsearch.experiments.search.ranges import AnyRange, FloatRange, is_object
from lrsearch.experiments.search.samplers import AnySampler, Grid, Tpe
from lrsearch.experiments.search.settings import OPTIMIZER, is_rate, training_of
from lrsearch.experiments.search.space import Dimension, Space, read_space
from lrsearch.experiments.sweep import MOST_TRIALS, Seeds
from lrsearch.experiments.tasks import Task
from lrsearch.experiments.training import Training
from lrsearch.experiments.training_document import TrainingFields
from lrsearch.experiments.tuning import RANGE_TESTS
from lrsearch.spec import PositiveInt, broken
from lrsearch.training import catalog
from lrsearch.training.plan import AnyOptimizer

MOST_TOGETHER: Final = 16
"""Settings asked for at once, at most, where the document does not say."""
LEARNS: Final = 10
"""A batch is at most one part in so many of the budget, so that the sampler learns between batches."""
Pointer = Annotated[str, Field(pattern="^/")]


class Search(TrainingFields):
    """Search the best values of fields of a training with Optuna: sampler, pruner, objective, budget, seeds as repeats.

    A setting is one Optuna trial; its `seeds` runs are our trials `first + setting * seeds + seed`, where `first` counts
    the range tests of the prior. Settings are asked for in batches that the engine runs stacked; pruned runs leave the
    stack. The rate `/optimizer/learning_rate` is the greatest rate of a schedule that leaves its own out.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Akiba et al. 2019, Optuna: A Next-generation Hyperparameter Optimization Framework, arXiv:1907.10902.",
        "Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, arXiv:1810.05934.",
    )

    keeps_study: ClassVar[bool] = True

    kind: Literal["search"] = "search"
    batch_size: PositiveInt | None = None  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    """Samples per update; left out where the space has it."""
    optimizer: AnyOptimizer | None = None
    """Left out where the space has it."""
    schedule: FixedSchedule | None = None
    """Left out: the constant rate `optimizer.learning_rate`, or what the space says. Without its greatest rate: the searched one."""
    space: Annotated[dict[Pointer, AnyRange], Field(min_length=1, max_length=100)]
    """Pointer to a field -> its range."""
    sampler: AnySampler = Tpe()
    """How the next setting is chosen."""
    pruner: AnyPruner = SuccessiveHalving()
    """Which runs are ended early."""
    objective: Objective | Annotated[tuple[Objective, ...], Field(min_length=2, max_length=2)]
    """What is optimized; two make a Pareto front."""
    budget: Budget
    """What the search may cost."""
    stop: AnyStop | None = None
    """When to stop before the budget is used up; null: never."""
    prior: Literal["range_test"] | None = None
    """`range_test`: three range tests bound the learning rate and give the first points."""
    seeds: Seeds = 1
    """Runs of each setting, with seeds seed, seed+1, ...; nothing is recommended under 3."""
    together: Annotated[int, Field(ge=1, le=64, strict=True)] | None = None
    """Settings asked for and run at once; left out: a tenth of the budget, at most 16, and 1 for images."""

    @model_validator(mode="before")
    @classmethod
    def _metric_is_the_objective(cls, document: Any) -> Any:
        """`metric` and `direction` say the same as the objective, for everybody who reads them."""
        if not is_object(document) or "metric" in document:
            return document
        objective = document.get("objective")
        first: Any = objective[0] if isinstance(objective, list | tuple) and objective else objective  # pyright: ignore[reportUnknownVariableType]
        metric = first.metric if isinstance(first, Objective) else is_object(first) and first.get("metric")
        return document | {"metric": metric} if isinstance(metric, str) else document

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        given = [name for name in ("epochs", "steps") if getattr(self, name) is not None or f"/{name}" in self.space]
        if len(given) != 1:
            raise broken(
                "epochs",
                "epochs_or_steps",
                f"epochs and steps are two ways to say how long to train; {' and '.join(given) or 'none'} is given.",
                "Give exactly one of epochs and steps, in the document or in the space.",
            )
        return self

    @model_validator(mode="after")
    def _metric_agrees(self) -> Self:
        if self.metric != self.objectives[0].metric:
            raise broken(
                "metric",
                "objective_says",
                f"metric is {self.metric!r} and the objective is {self.objectives[0].metric!r}.",
                "Remove metric: the objective says it.",
            )
        return self

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """One or two."""
        return (self.objective,) if isinstance(self.objective, Objective) else self.objective

    @cached_property
    def _read(self) -> tuple[Space, list[Problem]]:
        space, found = read_space(self.space)
        return (by_optimizer(space) if self.prior else space), found

    @property
    def search_space(self) -> Space:
        """The space as it is drawn from, before the prior narrows it."""
        return self._read[0]

    def base_document(self) -> dict[str, Any]:
        """The document of a training with all the fields that this job shares with one."""
        shared = {name for name in Training.model_fields if name not in {"kind", "direction"}}
        document = self.model_dump(mode="json", by_alias=True, include=shared)
        for name in ("batch_size", "optimizer", "epochs", "steps"):
            if document[name] is None:
                del document[name]
        return document | {"kind": "training", "direction": self.objectives[0].direction}

    def setting(self, drawn: list[tuple[Dimension, Any]]) -> Training:
        """The training of what was drawn.

        Raises:
            InvalidDocument: what is wrong with it.
        """
        return training_of(self.search_space, self.base_document(), drawn)

    @cached_property
    def checked(self) -> tuple[list[Training], list[Problem]]:
        """Trainings at the corners of the space, and everything that is wrong with any of them."""
        found: list[Problem] = []
        trainings: list[Training] = []
        for drawn in corners(self.search_space):
            try:
                trainings.append(self.setting(drawn))
            except InvalidDocument as error:
                found += error.problems
        return trainings, list({(one.pointer, one.rule): one for one in found}.values())

    def problems(self) -> list[Problem]:
        """Everything that is wrong, together: fields of the space, ends, sampler, pruner, objective, size."""
        from lrsearch.experiments.search.checks import problems_of

        return problems_of(self, self._read[1])

    @cached_property
    def most_epochs(self) -> int:
        """Whole epochs of the longest run at the corners of the space."""
        return max(one.updates() // one.steps_per_epoch() for one in self.checked[0])

    @cached_property
    def most_updates(self) -> int:
        """Updates of the longest run at the corners of the space."""
        return max((one.updates() for one in self.checked[0]), default=0)

    @property
    def first(self) -> int:
        """Number of the first trial of the first setting: the range tests come before."""
        return 0 if self.prior is None else RANGE_TESTS * len(labels_of(self.search_space))

    @cached_property
    def settings(self) -> int:
        """Greatest number of settings: that of the budget, of the grid, or as many as updates and the limit allow."""
        most = max((min(self.limits.trials or MOST_TRIALS, MOST_TRIALS) - self.first) // self.seeds, 0)
        if self.budget.trials is not None:
            most = self.budget.trials
        elif self.budget.updates is not None:
            least = min((one.steps_per_epoch() for one in self.checked[0]), default=1)
            most = min(most, max(1, self.budget.updates // (least * self.seeds)))
        return min(most, self.search_space.points(0)) if isinstance(self.sampler, Grid) else most

    @property
    def trials(self) -> int:
        """Greatest number of trials."""
        return self.first + self.settings * self.seeds

    @cached_property
    def batch(self) -> int:
        """Settings asked for at once."""
        if self.together is not None:
            return self.together
        row = catalog.models().get(self.model.name)
        if row is not None and row.input_rank > 1:
            return 1
        return max(1, min(MOST_TOGETHER, self.settings // LEARNS))

    @cached_property
    def _tested(self) -> list[tuple[str | None, Training]]:
        """The trainings that range tests are made of, by label of the optimizer."""
        optimizer = next((one for one in self.search_space.dimensions if one.place == OPTIMIZER), None)
        found: list[tuple[str | None, Training]] = []
        for label in labels_of(self.search_space):
            draw = lowest if optimizer is None or label is None else with_value(self.search_space, optimizer, label)
            found.append((label, self.setting(self.search_space.drawn(draw))))
        return found

    def range_tests(self) -> list[Task]:
        """The prior's trials: the first ones of the job, with seeds beyond those of the settings."""
        return [
            task
            for index, (label, training) in enumerate(self._tested)
            for task in range_tests(label, training, index * RANGE_TESTS, self.seed + self.seeds)
        ]

    def priors(self, records: Mapping[int, TrialRecord]) -> list[RatePrior]:
        """What the range tests said; nothing before all of them are recorded."""
        if self.prior is None or any(number not in records for number in range(self.first)):
            return []
        limits = next(one.range for one in self.search_space.everything() if is_rate(one))
        assert isinstance(limits, FloatRange)
        return [
            read_prior(label, training, [records[index * RANGE_TESTS + n] for n in range(RANGE_TESTS)], limits)
            for index, (label, training) in enumerate(self._tested)
        ]

    def place(self, number: int) -> tuple[int, int]:
        """Setting and seed, both counted from 0, of a trial that is no range test."""
        return divmod(number - self.first, self.seeds)

    def numbers(self, slot: int) -> list[int]:
        """Trials of a setting."""
        start = self.first + slot * self.seeds
        return list(range(start, start + self.seeds))

    def estimate(self) -> Estimate:
        """Updates when nothing is pruned, or the budget's."""
        updates = self.most_updates * self.settings * self.seeds + self.first * STEPS
        if self.budget.updates is not None:
            updates = min(updates, self.budget.updates)
        return Estimate(updates, self.trials, None)

    def packs(self, workers: int) -> list[list[int]]:
        """A pack for each worker, without trials: it takes settings as it goes; with a prior one, for the range tests."""
        if self.prior is not None:
            return [list(range(self.first))]
        return [[] for _ in range(min(workers, self.settings))]

    @cached_property
    def shared_trials(self) -> list[list[int]]:  # pyright: ignore[reportIncompatibleMethodOverride] - read only
        """The trials of each setting."""
        return [self.numbers(slot) for slot in range(self.settings)]

    def may_join(self, recorded: AbstractSet[int]) -> bool:
        """Whether what the settings need of the range tests is there."""
        return all(number in recorded for number in range(self.first))

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Take settings, ask, train and tell until none is left or the budget is used up."""
        from lrsearch.experiments.search.shard import Shard

        Shard(self, context).run(trials)

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """Best setting, leaderboard, importance, cost, and every setting's numbers for the figures."""
        from lrsearch.experiments.search.conclusion import concluded

        return concluded(self, records)

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """History, importance, slices, contour, intermediate values, parallel coordinates; for two objectives the front."""
        from lrsearch.experiments.search.plots import plots_of

        return plots_of(result, f"{self.model.name} on {self.data.name}")
