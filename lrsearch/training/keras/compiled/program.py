"""A compiled training: everything that plans of one kind share, whatever their seeds and rates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers import compile_utils
from numpy.typing import NDArray

from lrsearch.training import catalog
from lrsearch.training.data_order import training_size
from lrsearch.training.keras import datasets, weights
from lrsearch.training.keras.compiled.feeds import feed_of, fits_window
from lrsearch.training.keras.compiled.first_weights import first_weights
from lrsearch.training.keras.compiled.functional_optimizer import FunctionalOptimizer
from lrsearch.training.keras.compiled.kind import Kind, is_functional
from lrsearch.training.keras.compiled.loops import (
    Batches,
    Chunk,
    Data,
    chunk_loop,
    measure_loop,
    nothing,
    part_count,
)
from lrsearch.training.keras.compiled.stacking import has_convolutions, takes_padding
from lrsearch.training.keras.compiled.step_functions import Measured, State, StepFunctions
from lrsearch.training.keras.compiled.variable_steps import VariableSteps
from lrsearch.training.keras.controls import controlled
from lrsearch.training.keras.optimizers import build_optimizer, on_one_device
from lrsearch.training.keras.prepared import build_model, class_weights
from lrsearch.training.plan import Plan

MOST_CHUNK_STEPS = 1_024
"""Updates a chunk is compiled for, at most; it may make fewer."""
MOST_INDICES = 2**22
"""Sample indices a chunk may carry (16 MB)."""
MOST_INSIDE = 2**27
"""Samples times weights up to which a data set is validated on inside the chunk: some 50 ms on a core."""
MEASURE_SECONDS = 0.3
"""Time after which a measurement outside of chunks pauses, so that a cancel waits at most 0.5 s for it."""

Arrays = list[NDArray[Any]]
Pause = Callable[[], bool]
"""Called within long measurements; False ends them."""


class Program:
    """Compiled functions of one kind, and the model and optimizer they were made from.

    Args:
        plan: any plan of the kind.
        kind: its kind.
        model: of the plan, as the shelf has it where the kind `is_functional`; other programs may share it.

    Raises:
        DataUnavailable: the data is not here and cannot be had.
    """

    def __init__(self, plan: Plan, kind: Kind, model: keras.Model) -> None:
        self.kind, self.model = kind, model
        data = datasets.load(plan.data.name)
        self._feed, self._plan = feed_of(plan.data.name), plan
        self.data_facts = {} if data.route is None else data.route.facts()
        """Whether the data is streamed, and why."""
        self.samples = training_size(len(data.x_train), plan.validation.share if plan.validation else None)
        optimizer = on_one_device(controlled(plan, build_optimizer(plan.optimizer), self.model))
        self.optimizer = FunctionalOptimizer(optimizer, self.model.trainable_variables)
        loss = datasets.loss_of(data, catalog.datasets()[plan.data.name].task)
        example = (data.y_train[:1], self.model.outputs[0])
        self.metric_names = list(plan.metrics)
        if not is_functional(kind):
            optimizer.build(self.model.trainable_variables)
        self._steps = (StepFunctions if is_functional(kind) else VariableSteps)(
            self.model,
            self.optimizer if is_functional(kind) else optimizer,
            cast(Any, compile_utils.get_loss(loss, *example)),
            [compile_utils.get_metric(name, *example) for name in plan.metrics],
            plan=plan,
            class_weights=class_weights(plan, data.y_train[: self.samples]),
        )
        self._steps.prepare(example[0])
        self.batch_size, self.chunk_steps = self._sizes(plan)
        short = self.samples % self.batch_size
        may_pad = is_functional(kind) and bool(short) and takes_padding(self.model, plan)
        self._steps.pads = may_pad or kind.width is not None
        self._held_out = self._held_out_inside(data)
        self._chunk: Any = chunk_loop(
            self._steps,
            short=short,
            members=kind.members,
            held_out=self._held_out,
            xla=kind.xla,
        )
        self._traced: Any = None
        """The chunk as traced, called without `tf.function` looking for the trace that fits: 1 ms a call."""
        self._measures: dict[int, Any] = {}
        self.seconds_per_step: float | None = None
        """Measured on the last chunk, None before the first one."""
        self._seconds_per_part: float | None = None
        self.compile_seconds = 0.0
        """What tracing and compiling took, once."""
        self._of_size = {self.batch_size: self}

    @property
    def width(self) -> int:
        """Samples of a batch, those included that fill it up."""
        return self.kind.width or self.batch_size

    @property
    def validates_inside(self) -> bool:
        """Whether chunks validate themselves, so that they may pass the ends of epochs."""
        return self._held_out > 0

    @property
    def is_validated_on_test(self) -> bool:
        """Whether a validation is the test of the same step too: the same samples and, without averages, weights."""
        validation, has_averages = self._plan.validation, getattr(self._plan.optimizer, "use_ema", None)
        return validation is not None and validation.share is None and not has_averages

    def _held_out_inside(self, data: datasets.Dataset) -> int:
        """Held-out samples measured inside a chunk: all or none, by what they cost."""
        validation = self._plan.validation
        if validation is None or has_convolutions(self.model):
            return 0
        samples = self._samples_from(self._held_out_from)
        is_cheap = samples * self.model.count_params() <= MOST_INSIDE
        return samples if is_cheap and fits_window(data, samples) else 0

    @property
    def _held_out_from(self) -> int | None:
        """First of the training samples that are held out, None where it is validated on the test set."""
        is_test = self._plan.validation is None or self._plan.validation.share is None
        return None if is_test else self.samples

    def _sizes(self, plan: Plan) -> tuple[int, int]:
        """Samples of a full batch, and updates of the longest chunk."""
        batch_size = min(plan.update_size, self.samples)
        rows = MOST_INDICES if self._feed.most_rows is None else min(MOST_INDICES, self._feed.most_rows)
        most = min(MOST_CHUNK_STEPS, rows // ((self.kind.width or batch_size) * (self.kind.members or 1)))
        return batch_size, max(1, 2 ** int(np.log2(max(1, most))))

    def of_size(self, plan: Plan) -> Program:
        """The program with the batch size of a plan of its kind: the same compiled functions, times of its own."""
        batch_size, chunk_steps = self._sizes(plan)
        if batch_size not in self._of_size:
            other = copy(self)
            other.batch_size, other.chunk_steps, other.seconds_per_step = batch_size, chunk_steps, None
            self._of_size[batch_size] = other
        return self._of_size[batch_size]

    def first_state(self, seed: int) -> State:
        """Arrays a member starts from: the numbers the reference engine starts from under this seed."""
        drawn = dict(zip(map(id, self.model.weights), self._drawn_weights(seed), strict=True))
        states = weights.initial_seed_states(self.model, seed)
        drawn |= dict(zip(map(id, weights.seed_states(self.model)), states, strict=True))
        trained = [drawn[id(variable)] for variable in self.model.trainable_variables]
        others = [drawn[id(variable)] for variable in self.model.non_trainable_variables]
        return State(trained, others, list(self.optimizer.first_slots(trained)))

    def _drawn_weights(self, seed: int) -> Arrays:
        return first_weights(self.model, seed, lambda: build_model(self._plan))

    def to_device(self, members: Sequence[State]) -> State:
        """The members' arrays as one state."""
        # `tf.constant` asks less than `tf.convert_to_tensor` does before it copies an array
        if self.kind.members is None:
            return tf.nest.map_structure(tf.constant, members[0])
        return tf.nest.map_structure(lambda *arrays: tf.constant(np.stack(arrays)), *members)

    def run(self, state: State, batches: Batches, is_alive: NDArray[np.bool_]) -> tuple[State, Chunk]:
        """Train a chunk; losses and metrics come back as arrays of the updates that were made."""
        flat = tf.nest.flatten((state, *self._inputs(batches, is_alive)))
        # the public way would compare each tensor with the signature, which takes as long as a hundred updates
        after, chunk = self._traced._call_flat(
            [tensor for tensor in flat if tensor is not None], self._traced.captured_inputs
        )
        done = int(chunk.done)
        losses, metrics, rows = (part.numpy()[:done] for part in (chunk.losses, chunk.metrics, chunk.held_out))
        return after, Chunk(losses, metrics, rows, done)

    def _inputs(self, batches: Batches, is_alive: NDArray[np.bool_]) -> tuple[Batches, Any, Data]:
        data, batches = self._feed.of_chunk(batches)
        if self.validates_inside:
            x, y = self._feed.whole(self._held_out_from)
            data = data._replace(x_held_out=x, y_held_out=y)
        return Batches(*(tf.constant(part) for part in batches)), tf.constant(is_alive), data

    def _specs(self, state: State) -> Any:
        """What the chunk takes; batches of any size in any number, where updates take any size."""
        inputs = self._inputs(self.no_batches(), self._everyone())
        state_spec, batches, is_alive, data = tf.nest.map_structure(_spec_of, (state, *inputs))
        if self._steps.takes_any_size:
            free = {name: _of_any_length(getattr(batches, name)) for name in ("rates", "sizes", "validates")}
            indices = tf.TensorSpec([None, None], batches.indices.dtype)
            batches = batches._replace(**free, indices=indices)
            data = data._replace(
                x=_of_any_length(data.x), y=_of_any_length(data.y)
            )  # a window's depends on the batches
        return state_spec, batches, is_alive, data

    def compile(self, state: State) -> None:
        """Trace and compile, once; trains nothing."""
        if self.compile_seconds:
            return
        began = time.perf_counter()
        self._traced = self._chunk.get_concrete_function(*self._specs(state))
        self.run(state, self.no_batches(), self._everyone())
        self.compile_seconds = time.perf_counter() - began

    def _everyone(self) -> NDArray[np.bool_]:
        return np.ones(() if self.kind.members is None else self.kind.members, np.bool_)

    def no_batches(self, room: int = 1) -> Batches:
        """A chunk of no updates, to be filled with `room` of them: as long as what is compiled needs it."""
        length = room if self._steps.takes_any_size else self.chunk_steps
        lead = (length,) if self.kind.members is None else (length, self.kind.members)
        controls = self._plan.controls.shape[1]
        return Batches(
            rates=np.zeros((*lead, 1 + controls) if controls else lead, np.float32),
            indices=np.zeros((*lead, self.width), np.int32),
            sizes=np.zeros(length, np.int32),
            validates=np.zeros(length, np.bool_),
            count=np.int32(0),
        )

    def measure(self, state: State, *, on_test: bool, pause: Pause = lambda: True) -> Measured | None:
        """Loss and metrics of every member on the test set, or on what it is validated on, as arrays.

        Args:
            state: of the members.
            on_test: whether to measure on the test set.
            pause: called between the parts of a long measurement; when it answers False the answer is None.
        """
        start = None if on_test else self._held_out_from
        samples = self._samples_from(start)
        parts, sums, first = part_count(samples), nothing(self._steps, self.kind.members), 0
        while first < parts:
            began = time.perf_counter()
            piece = self._feed.piece(start, first, min(parts, first + self._parts_at_once(parts)))
            function = self._measure_function(len(piece.data.x))
            sums = function(state, piece.data, sums, (tf.constant(piece.first), tf.constant(piece.last)))
            sums.loss.numpy()
            measured = piece.last - piece.first
            self._seconds_per_part = (time.perf_counter() - began) / measured
            first += measured
            if first < parts and not pause():
                return None
        size = np.float32(samples)
        return Measured(sums.loss.numpy() / size, sums.metrics.numpy() / size)

    def _samples_from(self, start: int | None) -> int:
        """Samples of the test set, or with a start of the training set from there on."""
        data = datasets.load(self._plan.data.name)
        return len(data.x_test) if start is None else len(data.x_train) - start

    def _parts_at_once(self, parts: int) -> int:
        if self._seconds_per_part is None:
            return 1
        return max(1, min(parts, int(MEASURE_SECONDS / self._seconds_per_part)))

    def _measure_function(self, samples: int) -> Any:
        """One for each number of samples; a single member's, which is called seldom, is not worth compiling."""
        if samples not in self._measures:
            members = self.kind.members
            is_stack = members is not None
            self._measures[samples] = measure_loop(self._steps, samples=samples, members=members, xla=is_stack)
        return self._measures[samples]


def _spec_of(tensor: Any) -> Any:
    return None if tensor is None else tf.TensorSpec.from_tensor(tensor)


def _of_any_length(spec: Any) -> Any:
    return tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)
