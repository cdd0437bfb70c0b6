"""What every job that trains has in its document, and the plan that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, model_validator

from lrsearch.controllers import AnyController
from lrsearch.controllers.base import FALLING, RISING
from lrsearch.errors import InvalidDocument, Problem
from lrsearch.experiments.base import Experiment
from lrsearch.experiments.training_fields import UpdateFields, field_problems, group_problems, momenta_of
from lrsearch.schedules import AnySchedule
from lrsearch.spec import PositiveInt, Seed, Spec, broken
from lrsearch.training import catalog
from lrsearch.training.data_order import training_size
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation

MOST_UPDATES: Final = 10_000_000
"""Most updates of one training: its rates alone take 80 MB."""
METRICS: Final[Mapping[str, tuple[str, ...]]] = {
    "classification": ("accuracy",),
    "regression": ("mean_absolute_error",),
}
"""What is measured beside the loss, by task."""

Direction = Literal["minimize", "maximize"]


class HeldOut(Spec):
    """Validate on the last samples of the training set, which are not trained on."""

    share: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.2
    """Share of the training set, above 0 and below 1."""


class OnTest(Spec):
    """Validate on the test set, as many notebooks do; what is chosen by it must not be reported as a test result."""

    on: Literal["test"]


_HELD_OUT: Final = "a held-out share"
_ON_TEST: Final = "the test set"


def _kind_of(value: Any) -> str:
    is_on_test = isinstance(value, OnTest) or (isinstance(value, Mapping) and "on" in value)
    return _ON_TEST if is_on_test else _HELD_OUT


AnyValidation = Annotated[
    Annotated[HeldOut, Tag(_HELD_OUT)] | Annotated[OnTest, Tag(_ON_TEST)], Discriminator(_kind_of)
]
"""`{"share": 0.2}` or `{"on": "test"}`."""


class TrainingFields(Experiment, UpdateFields):
    """What all jobs that train share: what is trained, for how long, and how it is measured."""

    model: ModelSpec
    data: DataSpec
    batch_size: PositiveInt
    """Samples per update; at most the training set."""
    epochs: Annotated[int, Field(ge=1, le=MOST_UPDATES, strict=True)] | None = None
    """Passes over the training set; give this or `steps`."""
    steps: Annotated[int, Field(ge=1, le=MOST_UPDATES, strict=True)] | None = None
    """Updates; give this or `epochs`. Epoch metrics are those of the last whole epoch."""
    validation: AnyValidation | None = HeldOut()
    """What is measured at every epoch's end beside the training loss; null: nothing."""
    controllers: tuple[AnyController, ...] = ()
    """What watches a metric at epoch ends and changes the rate, stops, or keeps the best weights."""
    metric: Annotated[str, Field(min_length=1)] = "val_loss"
    """What the job is judged by: `loss`, `val_loss`, `test_loss`, or the same of accuracy or mean_absolute_error."""
    direction: Direction | None = None
    """Whether smaller or greater is better; left out: as the metric's name says."""
    seed: Seed = 0
    """Seed of the first run; the others have seed+1, ..."""
    engine: Literal["auto", "compiled", "fit"] = "auto"
    """`fit` forces plain model.fit, `compiled` the compiled step loop."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            given = "neither" if self.epochs is None else "both"
            raise broken(
                "epochs",
                "epochs_or_steps",
                f"epochs and steps are two ways to say how long to train; {given} of them is given.",
                "Give exactly one of epochs and steps.",
            )
        return self

    @property
    def is_minimized(self) -> bool:
        """Whether a smaller metric is better."""
        if self.direction is not None:
            return self.direction == "minimize"
        name = self.metric.lower()
        return any(part in name for part in FALLING) or not any(part in name for part in RISING)

    @property
    def judged_by(self) -> str:
        """What settings are chosen by: of a metric on the test set, which must not choose, the validation's, or the training's."""
        name = self.metric.removeprefix("test_")
        return f"val_{name}" if name != self.metric and self.validation is not None else name

    def extra_metrics(self) -> tuple[str, ...]:
        """Names of what is measured beside the loss."""
        row = catalog.datasets().get(self.data.name)
        return METRICS[row.task] if row is not None else ()

    def produced(self) -> list[str]:
        """Names of all metrics that a run of this document ends with."""
        names = ["loss", *self.extra_metrics()]
        validated = [f"val_{name}" for name in names] if self.validation is not None else []
        return names + validated + [f"test_{name}" for name in names]

    def epoch_metrics(self) -> list[str]:
        """Those measured at every epoch's end: what controllers may watch."""
        return [name for name in self.produced() if not name.startswith("test_")]

    def samples(self) -> int:
        """Number of samples trained on.

        Raises:
            ValueError: the validation share leaves nothing.
        """
        share = self.validation.share if isinstance(self.validation, HeldOut) else None
        return training_size(catalog.datasets()[self.data.name].train_size, share)

    def steps_per_epoch(self) -> int:
        """Updates of one pass over the training set."""
        return -(-self.samples() // (self.batch_size * self.accumulation_steps))

    def updates(self) -> int:
        """Updates of one training."""
        return self.steps if self.steps is not None else (self.epochs or 0) * self.steps_per_epoch()

    def problems(self) -> list[Problem]:
        """Everything that keeps the document from being trained as it says."""
        found = catalog.check(self.model, self.data)
        if self.data.name not in catalog.datasets():
            return found
        if share := self._share_problem():
            return [*found, share]
        return (
            found
            + self._length_problems()
            + self._metric_problems()
            + _controller_problems(self)
            + (field_problems(self) if self.model.name in catalog.models() else [])
        )

    def _share_problem(self) -> Problem | None:
        try:
            self.samples()
        except ValueError as error:
            assert isinstance(self.validation, HeldOut)
            action = "Use a share that leaves samples on both sides, for example 0.2."
            return Problem("/validation/share", "leaves_no_data", self.validation.share, str(error), action)
        return None

    def _length_problems(self) -> list[Problem]:
        samples, found = self.samples(), list[Problem]()
        if self.batch_size > samples:
            message = f"batch_size is {self.batch_size}, but {samples} samples of {self.data.name} are trained on."
            action = f"Use a batch_size of at most {samples}."
            found.append(Problem("/batch_size", "at_most_training_set", self.batch_size, message, action))
        if self.updates() > MOST_UPDATES:
            pointer, value = ("/epochs", self.epochs) if self.steps is None else ("/steps", self.steps)
            message = f"One training would make {self.updates()} updates; the most is {MOST_UPDATES}."
            found.append(Problem(pointer, "too_many_updates", value, message, "Train for less, or in larger batches."))
        return found

    def _metric_problems(self) -> list[Problem]:
        names = self.produced()
        if self.metric not in names:
            message = f"A run of this document does not measure {self.metric!r}."
            hint = "" if self.validation is not None else " val_... needs a validation."
            action = f"Use one of {', '.join(names)}.{hint}"
            return [Problem("/metric", "not_measured", self.metric, message, action)]
        if self.steps is not None and self.steps < self.steps_per_epoch() and not self.metric.startswith("test_"):
            message = f"steps is {self.steps}, less than an epoch ({self.steps_per_epoch()}), so {self.metric} is never measured."
            action = f"Use at least {self.steps_per_epoch()} steps, or a metric of the test set."
            return [Problem("/steps", "less_than_an_epoch", self.steps, message, action)]
        return []

    def holds_for(self) -> dict[str, Any]:
        """The setting outside of which the result means little."""
        names = ("model", "data", "batch_size", "epochs", "steps", "validation")
        asked = [name for name in UpdateFields.model_fields if name in self.model_fields_set]
        return self.model_dump(mode="json", include={*names, *asked}, exclude_none=True)


def _controller_problems(document: TrainingFields) -> list[Problem]:
    """Controllers that watch what is not measured, or that would ask for two range tests at once."""
    found: list[Problem] = []
    names = document.epoch_metrics()
    for index, controller in enumerate(document.controllers):
        if controller.monitor not in names:
            message = f"{controller.kind} watches {controller.monitor!r}, which no epoch measures."
            action = f"Watch one of {', '.join(names)}."
            pointer = f"/controllers/{index}/monitor"
            found.append(Problem(pointer, "not_measured", controller.monitor, message, action))
    probing = [index for index, controller in enumerate(document.controllers) if controller.kind == "find_on_plateau"]
    for index in probing[1:]:
        message = "Two find_on_plateau would test at once; a training has one."
        pointer = f"/controllers/{index}/kind"
        found.append(Problem(pointer, "one_range_test", "find_on_plateau", message, "Remove all but one of them."))
    return found


class TrainingSpec(TrainingFields):
    """One training with any seed: the shared fields, an optimizer and a schedule. Sweeps make one for each setting."""

    optimizer: AnyOptimizer
    schedule: AnySchedule | None = None
    """Left out: the constant rate `optimizer.learning_rate`, or if that is left out too, Keras' default."""

    @model_validator(mode="after")
    def _has_one_rate(self) -> Self:
        if self.schedule is not None and self.optimizer.learning_rate is not None:
            raise broken(
                "/optimizer/learning_rate",
                "rate_given_twice",
                f"The schedule sets the rate, and the optimizer's learning_rate is {self.optimizer.learning_rate:g}.",
                "Remove learning_rate, or the schedule.",
            )
        return self

    def problems(self) -> list[Problem]:
        """As `TrainingFields.problems`, and lengths of the schedule that do not fit this training."""
        found = super().problems()
        if not found:
            try:
                self.rates()
            except InvalidDocument as error:
                found += error.below("/schedule")
            found += group_problems(self)
        return found

    @property
    def learning_rate(self) -> float | None:
        """The constant rate; None under a schedule."""
        if self.schedule is not None:
            return None
        return self.optimizer.learning_rate or catalog.optimizers()[self.optimizer.kind].default_lr

    def notes(self) -> dict[str, str]:
        """Flag -> sentence: where the run is not all that the document's words promise elsewhere."""
        _, why = momenta_of(self)
        return {"momentum_not_cycled": f"one_cycle varies the rate only, since {why}."} if why else {}

    def rates(self) -> NDArray[np.float64]:
        """Learning rate of every update: shape (updates,), float64.

        Raises:
            InvalidDocument: lengths of the schedule do not fit this training.
        """
        steps = self.updates()
        if self.schedule is None:
            return np.full(steps, self.learning_rate, dtype=np.float64)
        resolved = self.schedule.resolve(steps_per_epoch=self.steps_per_epoch(), total_steps=steps)
        return resolved(np.arange(steps))

    def plan(self, seed: int) -> Plan:
        """The training with a seed; it ends early only on a loss that is not finite, or by a controller."""
        return self.plan_at(self.rates(), seed)

    def plan_at(self, rates: NDArray[np.float64], seed: int) -> Plan:
        """The same at other rates."""
        return Plan(
            model=self.model,
            data=self.data,
            optimizer=self.optimizer.model_copy(update={"learning_rate": None}),
            batch_size=self.batch_size,
            rates=rates,
            seed=seed % 2**31,
            metrics=self.extra_metrics(),
            validation=_validation(self.validation),
            test=True,
            engine=self.engine,
            accumulation_steps=self.accumulation_steps,
            class_weight=self.class_weights(),
            momenta=momenta_of(self)[0],
            groups=tuple(self.layer_groups.groups) if self.layer_groups else (),
            multipliers=self._multipliers(),
            precision=self.precision,
            augmentation=self.augmentation,
        )

    def _multipliers(self) -> NDArray[np.float64] | None:
        if self.layer_groups is None:
            return None
        return self.layer_groups.multipliers(self.updates(), self.steps_per_epoch())


def _validation(document: HeldOut | OnTest | None) -> Validation | None:
    if document is None:
        return None
    return Validation(document.share if isinstance(document, HeldOut) else None)
