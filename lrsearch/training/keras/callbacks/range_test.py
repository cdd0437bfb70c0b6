"""The learning-rate range test for anybody's `model.fit`."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Mapping
from types import GeneratorType, TracebackType
from typing import Any, Literal, Self

import keras
import tensorflow as tf

from lrsearch.curves import Curve, DivergenceRule, Ended, Ramp, ramp_rates
from lrsearch.suggestions import RuleName, suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training.keras.callbacks.base import FitCallback
from lrsearch.training.keras.callbacks.batch_loss import Assignment, BatchLoss
from lrsearch.training.keras.callbacks.fit_state import FitState
from lrsearch.training.keras.callbacks.group_rates import GroupRates
from lrsearch.training.keras.callbacks.optimizer_access import (
    UpdateCounter,
    accumulation_of,
    begin_whole_update,
    check_one_step,
    optimizer_of,
    settable_rate,
)
from lrsearch.training.keras.callbacks.ramp import MOST_SKIPPED, RampRecorder
from lrsearch.training.layer_groups import LayerGroup

NAME = "RangeTest"


class RangeTest(FitCallback):
    """Trains under a rate that rises from `start_lr` to `end_lr` and records the true loss of every batch.

    The rate of update i is start_lr (end_lr / start_lr)^(i / (steps - 1)); loss i is that of the batch computed with the
    weights before update i. With gradient accumulation an update has the mean loss of its batches.

    Three ways to use it, and what each puts back:

    - `with RangeTest(model) as test: model.fit(..., callbacks=[test])` and `RangeTest().run(model, data)` put everything
      back (see `FitState`), also when the fit raises or Ctrl-C is pressed.
    - `model.fit(..., callbacks=[RangeTest()])` puts everything back after a normal end only: Keras does not call
      `on_train_end` when a fit raises. Call `restore()` yourself then.

    What lies outside the model stays as the fit left it: a Python generator is advanced by the batches it gave, and so
    are the buffers of a shuffling `tf.data` pipeline.

    Args:
        model: the model, for the `with` form; it must be built.
        start_lr, end_lr: first and last rate, 0 < start_lr < end_lr.
        steps: updates, >= 2; the fit is stopped after them.
        ramp: `exponential`, or `linear` for start_lr + (end_lr - start_lr) i / (steps - 1).
        divergence: when to stop early; None: only when the ramp is over.
        rule: the suggestion rule that reads the curve.
        monitor: name of the loss in the logs of a batch; for a `train_step` of your own that calls it otherwise. Its
            metric must be among `model.metrics`, else Keras cannot empty it and it stays a running mean.
        group: layers to be tested by themselves: the rate rises in them alone; None: in all layers.
        others_lr: with `group`, rate of all other layers; 0: they stand still, so that what the loss shows is the group's
            doing.

    Attributes:
        ramp: as given.
        ended: why it ended: `ramp` (all rates), `diverged`, `non_finite`, or `fit` (the fit was over first); None before.

    Example:
        >>> import keras, numpy as np
        >>> keras.utils.set_random_seed(0)
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.random.default_rng(0).normal(size=(64, 2))
        >>> test = RangeTest(steps=50).run(model, (x, x.sum(axis=1)))
        >>> test.suggestion.verdict.value, test.ended
        ('suggestion', 'diverged')
    """

    def __init__(
        self,
        model: keras.Model | None = None,
        *,
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        steps: int = 100,
        ramp: Ramp = "exponential",
        divergence: DivergenceRule | None = DivergenceRule(),  # noqa: B008 - a frozen value
        rule: RuleName = "consensus",
        monitor: str = "loss",
        group: LayerGroup | None = None,
        others_lr: float = 0.0,
    ) -> None:
        super().__init__()
        _check(start_lr, end_lr, steps, ramp)
        _check_group(group, others_lr)
        self.ended: Ended | Literal["ramp", "fit"] | None = None
        self.ramp: Ramp = ramp
        self._rates = ramp_rates(start_lr, end_lr, steps, ramp)
        self._divergence, self._rule, self._monitor = divergence, rule, monitor
        self._group, self._others_lr = group, others_lr
        self._group_rates: GroupRates | None = None
        self._guarded = model
        self._state: FitState | None = None
        self._recorder: RampRecorder | None = None
        self._optimizer: str | None = None

    @property
    def curve(self) -> Curve:
        """Rates and true batch losses of the last test.

        Raises:
            RuntimeError: there was none.
        """
        if self._recorder is None:
            raise RuntimeError(
                "this range test has not run yet: pass it to model.fit(callbacks=[test]), or call test.run(model, data)."
            )
        return self._recorder.curve

    @property
    def suggestion(self) -> Suggestion:
        """What the rule says of the curve: a rate, or a verdict why there is none and what to try next."""
        return suggest(self.curve, rule=self._rule, optimizer=self._optimizer)

    def run(self, model: Any, data: Any, y: Any = None, **fit: Any) -> Self:
        """Make the test by a fit of its own, as many epochs as the ramp needs, and put everything back.

        Args:
            model: a compiled and built model.
            data: what `fit` takes: a pair (x, y) or triple (x, y, sample_weight) as a tuple; a `tf.data.Dataset`,
                `PyDataset` or Python generator; or x alone with `y` given.
            y: labels, when `data` is x alone.
            fit: further arguments of `fit`, such as batch_size or class_weight.

        Returns:
            The test itself, for `.suggestion`, `.curve`.
        """
        x: Any = data
        arguments: dict[str, Any] = fit
        if y is not None:
            arguments = {"y": y, **fit}
        elif isinstance(data, tuple):
            x, *rest = data
            arguments = dict(zip(("y", "sample_weight"), rest, strict=False)) | fit
        before = self._guarded
        self._guarded = model
        try:
            with self:
                callbacks = [*arguments.pop("callbacks", ()), self]
                # one batch an epoch is the least there can be; the test itself ends the fit
                given = {"epochs": accumulation_of(model) * len(self._rates) + MOST_SKIPPED, "verbose": 0}
                if isinstance(x, GeneratorType):
                    given["epochs"] = 1  # in the next one Keras would train on the first two batches again
                if isinstance(x, GeneratorType | tf.data.Dataset):
                    given["shuffle"] = False  # Keras warns that it cannot
                model.fit(x, callbacks=callbacks, **given | arguments)
        finally:
            self._guarded = before
        return self

    def restore(self) -> None:
        """Put everything back as it was before the fit; a second call does nothing."""
        group_rates, self._group_rates = self._group_rates, None
        if group_rates is not None:
            group_rates.remove()
        state, self._state = self._state, None
        if state is not None:
            state.put_back()

    def __enter__(self) -> Self:
        if self._guarded is None:
            raise ValueError("RangeTest does not know which model to restore: write `with RangeTest(model) as test:`.")
        optimizer_of(self._guarded)
        self._recorder = None
        self._state = FitState(self._guarded)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
        # Keras leaves the iterator of an epoch that was stopped in a cycle of references; TensorFlow may wait up to a
        # minute when one that has been idle for long is destroyed (Model::OptimizeLoop, TensorFlow 2.21)
        gc.collect()
        if kind is None and self._recorder is None:
            raise RuntimeError(
                "no fit in the block had the test among its callbacks: model.fit(..., callbacks=[test])."
            )

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check the fit, copy the state, start from the first rate."""
        model = self.fitted
        if self._guarded is not None and model is not self._guarded:
            raise ValueError(
                f"the test guards {self._guarded.name!r} and was passed to the fit of {model.name!r}: make a RangeTest "
                "for each model."
            )
        rate = settable_rate(model, NAME)
        check_one_step(model, NAME, "compile with steps_per_execution=1 for the range test.")
        micro = accumulation_of(model)
        self._check_length(micro)
        if self._state is None:
            self._state = FitState(model)
        begin_whole_update(model)
        if self._group is not None:
            self._group_rates = GroupRates(model, self._group, self._others_lr)
        self.ended = None
        self._optimizer = type(optimizer_of(model)).__name__.lower()
        self._recorder = RampRecorder(self._rates, self._divergence, micro)
        self._counter, self._losses = UpdateCounter(model), BatchLoss(model, self._monitor, NAME)
        self._set_rate = Assignment(model, rate)
        self._tensors: list[Any] = list(tf.unstack(tf.constant(self._rates, "float32")))

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set the rate of the update and empty the metrics."""
        self._set_rate(self._tensors[self._running.updates])
        if self._group_rates is not None:
            self._group_rates.turn(self._running.rate)
        self._losses.begin()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the loss; end the fit with the test."""
        recorder = self._running
        recorder.add(self._losses.read(logs), self._counter.has_updated())
        if not recorder.is_running:
            self.fitted.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Put everything back."""
        recorder = self._running
        self.ended = recorder.ended or "fit"
        self.restore()
        if self.ended == "fit":
            warnings.warn(
                f"the fit was over after {recorder.updates} of the range test's {len(self._rates)} updates, so higher "
                f"rates were not tested: fit for more epochs, or pass RangeTest(steps={max(recorder.updates, 2)}).",
                stacklevel=2,
            )

    @property
    def _running(self) -> RampRecorder:
        assert self._recorder is not None, "Keras calls on_train_begin first"
        return self._recorder

    def _check_length(self, micro: int) -> None:
        """Refuse a fit that is known to be too short."""
        params: Mapping[str, Any] = self.params or {}
        if params.get("steps") is None or params.get("epochs") is None:
            return
        updates = params["steps"] * params["epochs"] // micro
        needed = len(self._rates)
        if updates < needed:
            epochs = math.ceil(needed * micro / params["steps"])
            raise ValueError(
                f"the range test has steps={needed} and the fit only {updates} updates: fit with epochs={epochs} (it is "
                f"stopped when the test is over), or pass RangeTest(steps={max(updates, 2)})."
            )


def _check(start_lr: float, end_lr: float, steps: int, ramp: str) -> None:
    """Refuse a ramp that does not rise."""
    if not (math.isfinite(start_lr) and start_lr > 0):
        raise ValueError(f"start_lr must be a finite number above 0, not {start_lr!r}: use for example 1e-7.")
    if not (math.isfinite(end_lr) and end_lr > start_lr):
        raise ValueError(
            f"end_lr must be finite and above start_lr ({start_lr:g}), not {end_lr!r}: use for example 10."
        )
    if not isinstance(steps, int) or steps < 2:
        raise ValueError(f"steps must be a whole number of at least 2, not {steps!r}: use for example 100.")
    if ramp not in ("exponential", "linear"):
        raise ValueError(f'ramp must be "exponential" or "linear", not {ramp!r}.')


def _check_group(group: LayerGroup | None, others_lr: float) -> None:
    if group is not None and not isinstance(group, LayerGroup):
        raise TypeError(
            f'group must be a LayerGroup, not {group!r}: for example LayerGroup(name="head", depth=(-1, -1)).'
        )
    if group is None and others_lr != 0:
        raise ValueError(f"others_lr is {others_lr!r}, and no group is tested by itself: pass group=, or leave it out.")
    if not (math.isfinite(others_lr) and others_lr >= 0):
        raise ValueError(
            f"others_lr must be a finite number of at least 0, not {others_lr!r}: 0 lets the others stand."
        )
