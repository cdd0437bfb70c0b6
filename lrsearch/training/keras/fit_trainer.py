"""The reference engine: plain `model.fit` with a callback that sets the rates and records the true batch losses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras import weights
from lrsearch.training.keras.environment import environment, release_memory
from lrsearch.training.keras.prepared import (
    Prepared,
    Split,
    Splits,
    class_numbers,
    class_weights,
    likeness,
    prepare,
    splits_of,
)
from lrsearch.training.plan import Plan
from lrsearch.training.recorder import CHUNK_SECONDS, Arrays, Recorder
from lrsearch.training.scratch import release, taken
from lrsearch.training.trainer import Observer, Run, go_on

EVALUATION_BATCH = 1_024
"""Samples a batch when validating and testing; bounds the memory of a convolution's activations."""


class FitTrainer:
    """Trains each plan by one call of `model.fit`; plans alike, also of later calls, share the compiled model.

    The rate is assigned to the optimizer's variable before each batch, so nothing is traced again. Metrics are reset
    before each batch, so that what Keras reports is the batch's own value and not a running mean.
    """

    name = "fit"

    def __init__(self, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self._chunk_seconds = chunk_seconds
        self._warm: tuple[str, Prepared] | None = None

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan, one after the other; see `Trainer.train`."""
        return [self._train(index, plan, observer) for index, plan in enumerate(plans)]

    def _prepared(self, plan: Plan) -> Prepared:
        """The plan's compiled model: the last one, where it is alike, else a new one in its place."""
        kind = likeness(plan)
        if self._warm is None or self._warm[0] != kind:
            self._warm = None
            release_memory()
            self._warm = kind, prepare(plan)
        return self._warm[1]

    def _train(self, index: int, plan: Plan, observer: Observer) -> Run:
        began = time.perf_counter()
        prepared = self._prepared(plan)
        prepared.reset(plan.seed)
        splits = splits_of(plan, prepared.data)
        order = DataOrder(len(splits.train[0]), plan.update_size, plan.seed)
        batches = _BatchSource(splits.train, order, class_weights(plan, splits.train[1]))
        live = _LiveModel(plan, prepared, splits, batches)
        facts = environment() | {"xla": False, "xla_why": "model.fit is the reference engine", "stack": 1}
        facts |= prepared.data.route.facts() if prepared.data.route is not None else {}
        recorder = Recorder(
            plan, index, order, live, observer, facts={"engine": self.name, **facts}, chunk_seconds=self._chunk_seconds
        )
        live.pause = recorder.breathe
        built = time.perf_counter()
        recorder.settle()
        if recorder.is_running:
            _fit(plan, prepared, recorder, batches)
        trained = time.perf_counter()
        final = live.measure(splits.test, "test") if recorder.should_test else {}
        seconds = {"build": built - began, "train": trained - built, "test": time.perf_counter() - trained}
        return recorder.run(final=final, engine_facts=facts, seconds=seconds)


def _fit(plan: Plan, prepared: Prepared, recorder: Recorder, batches: _BatchSource) -> None:
    """Run what is left of the plan as one Keras epoch: epochs are the recorder's, so a run can go on in the middle."""
    quiet: Any = 0  # Keras' stub knows the strings only
    callbacks = [_Recording(plan, prepared, recorder)]
    data = _Batches(batches, recorder.step, plan.steps)
    prepared.model.fit(data, shuffle=False, verbose=quiet, callbacks=callbacks)


class _Recording(keras.callbacks.Callback):
    """Sets the rate of each update and hands its loss to the recorder."""

    def __init__(self, plan: Plan, prepared: Prepared, recorder: Recorder) -> None:
        super().__init__()
        self._plan, self._trained, self._dials, self._recorder = plan, prepared.model, prepared.dials, recorder

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._trained.reset_metrics()
        self._dials.turn(self._plan, self._recorder.step, self._recorder.rate)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        values = {name: np.array([value], dtype=np.float64) for name, value in (logs or {}).items()}
        loss = values.pop("loss")
        self._recorder.add(loss, values)
        if not self._recorder.is_running:
            self._trained.stop_training = True


class _BatchSource:
    """The batches of all steps, with a weight for each sample where classes have one; read from disk where data is streamed."""

    def __init__(self, data: Split, order: DataOrder, class_weights: NDArray[np.float32] | None) -> None:
        self._data, self._order, self._class_weights = data, order, class_weights
        self._epoch: tuple[int, Any] = (-1, None)

    def at(self, step: int) -> tuple[Any, ...]:
        epoch, place = divmod(step, self._order.steps_per_epoch)
        if epoch != self._epoch[0]:
            self._epoch = epoch, self._order.permutation(epoch)
        indices = self._epoch[1][place * self._order.batch_size :][: self._order.batch_size]
        x, y = (np.empty((len(indices), *part.shape[1:]), part.dtype) for part in self._data)
        for part, batch in zip(self._data, (x, y), strict=True):
            taken(part, indices, batch)
        return (x, y) if self._class_weights is None else (x, y, self._class_weights[class_numbers(y)])


class _Batches(keras.utils.PyDataset):
    """The batches of the steps first_step .. steps - 1."""

    def __init__(self, source: _BatchSource, first_step: int, steps: int) -> None:
        super().__init__()
        self._source, self._first_step, self._steps = source, first_step, steps

    def __len__(self) -> int:
        return self._steps - self._first_step

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self._source.at(self._first_step + index)


class _LiveModel:
    """The model in training, for the recorder."""

    def __init__(self, plan: Plan, prepared: Prepared, splits: Splits, batches: _BatchSource) -> None:
        self._plan, self._model, self._dials = plan, prepared.model, prepared.dials
        self._splits, self._batches = splits, batches
        self.pause: Callable[[], bool] = lambda: True
        """Called between the batches of a measurement; False ends it."""

    def snapshot(self) -> Arrays:
        return weights.snapshot(self._model)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        weights.restore(self._model, arrays)

    def update(self, step: int, rate: float) -> float:
        self._dials.turn(self._plan, step, rate)
        return float(self._model.train_on_batch(*self._batches.at(step), return_dict=True)["loss"])

    def validate(self) -> dict[str, float]:
        return self.measure(self._splits.held_out, "val")

    def measure(self, data: Split, prefix: str) -> dict[str, float]:
        """Loss and metrics on other data, with the present weights, without changing any state; nothing when `pause` ended it."""
        samples, labels = data
        self._model.reset_metrics()
        logs: dict[str, float] = {}
        for start in range(0, len(samples), EVALUATION_BATCH):
            if start and not self.pause():
                logs = {}
                break
            end = start + EVALUATION_BATCH
            logs = self._model.test_on_batch(samples[start:end], labels[start:end], return_dict=True)
            release(samples)
        self._model.reset_metrics()
        return {f"{prefix}_{name}": float(value) for name, value in logs.items()}
