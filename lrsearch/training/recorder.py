"""What a run has measured so far and what follows from it: the part of a training loop that every engine shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch
from lrsearch.training.data_order import DataOrder
from lrsearch.training.plan import Checkpoint, Plan
from lrsearch.training.trainer import Answer, Observer, Probe, Run, Segment, SetRates, Stop, StopReason

Arrays = dict[str, NDArray[Any]]
Floats = NDArray[np.float64]

CHUNK_SECONDS = 0.4
"""Time after which a chunk ends within an epoch, so that cancel, prune and progress act at least every 0.5 s."""

_UNFINISHED = frozenset({StopReason.CANCELLED, StopReason.PRUNED, StopReason.DIVERGED, StopReason.NON_FINITE})
"""Ends after which the test set is not measured."""


class Live(Protocol):
    """A training under way, as its engine holds it."""

    def snapshot(self) -> Arrays:
        """A copy of everything that changes in training: weights, slots, statistics, random state."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a snapshot."""
        ...

    def update(self, step: int, rate: float) -> float:
        """One update on the batch of the step at the given rate; the batch's loss before it."""
        ...

    def validate(self) -> dict[str, float]:
        """Metrics on the held-out data, `val_loss` among them; nothing when `Recorder.breathe` answered False meanwhile."""
        ...


class Recorder:
    """Keeps the curve and history of one run, stops it by rule, and speaks with the observer between chunks.

    An engine trains while `is_running`: it takes `rate` for update `step`, and hands what it measured to `add`.

    Args:
        plan: the training; with `resume_from` the recorder and `live` start from there.
        index: index of the plan, for the observer.
        order: order of the samples trained on.
        live: the training under way.
        observer: asked between chunks.
        facts: what the checkpoint names beside the arrays; `facts["engine"]` is the engine's name.
        chunk_seconds: time after which a chunk ends within an epoch.
    """

    def __init__(
        self,
        plan: Plan,
        index: int,
        order: DataOrder,
        live: Live,
        observer: Observer,
        *,
        facts: dict[str, Any],
        chunk_seconds: float = CHUNK_SECONDS,
    ) -> None:
        self._plan, self._index, self._order, self._live = plan, index, order, live
        self._observer, self._facts, self._chunk_seconds = observer, facts, chunk_seconds
        self._rates: Floats = np.array(plan.rates, dtype=np.float64)
        self._measured = np.empty(len(self._rates))
        self._step = 0
        self._epoch: dict[str, list[Floats]] = {}
        self._history: dict[str, list[float]] = {}
        self._batch: dict[str, list[Floats]] = {name: [] for name in plan.metrics}
        self._validations: dict[str, list[float]] = {}
        self._every_steps = plan.validation.every_steps if plan.validation is not None else None
        self._per_epoch = order.steps_per_epoch
        self._sizes = np.full(self._per_epoch, order.batch_size)
        self._sizes[-1] = order.size(self._per_epoch - 1)
        self._samples = self._sizes.sum()
        self._validated: tuple[int, dict[str, float]] = (-1, {})
        self.changes = 0
        """How often the rates were changed."""
        self._watch = DivergenceWatch(plan.divergence) if plan.divergence is not None else None
        self._reported, self._chunk_began = 0, time.monotonic()
        self._stop: StopReason | None = None
        if plan.resume_from is not None:
            self._resume(plan.resume_from)

    @property
    def step(self) -> int:
        """The next update, counted from 0: the number of updates done."""
        return self._step

    @property
    def _losses(self) -> Floats:
        return self._measured[: self._step]

    @property
    def rate(self) -> float:
        """Learning rate of the next update."""
        return float(self._rates[self.step])

    def rates_ahead(self, count: int) -> Floats:
        """Learning rates of the next `count` updates."""
        return self._rates[self.step : self.step + count]

    @property
    def is_running(self) -> bool:
        """Whether there is another update to make."""
        return self._stop is None and self.step < len(self._rates)

    @property
    def steps_to_epoch_end(self) -> int:
        """Updates until the epoch or the run ends, or a validation is due: the longest chunk that may be added at once."""
        left = self._per_epoch - self.step % self._per_epoch
        if self._every_steps is not None:
            left = min(left, self._every_steps - self.step % self._every_steps)
        return min(left, len(self._rates) - self.step)

    def validations_ahead(self, count: int) -> NDArray[np.bool_]:
        """Which of the next `count` updates are followed by a validation: shape (count,)."""
        if self._plan.validation is None:
            return np.zeros(count, np.bool_)
        return np.arange(self.step + 1, self.step + count + 1) % (self._every_steps or self._per_epoch) == 0

    @property
    def validated_now(self) -> dict[str, float]:
        """What a validation after the last update measured; empty when there was none."""
        return self._validated[1] if self._validated[0] == self.step else {}

    def add(self, losses: Floats, metrics: Mapping[str, Floats], held_out: Mapping[str, float] | None = None) -> None:
        """Take the batch losses and metrics of the next updates, all of one epoch; may stop the run or probe.

        Args:
            losses: shape (k,): true batch losses, 1 <= k <= steps_to_epoch_end.
            metrics: name -> shape (k,): values on the same batches.
            held_out: what the held-out data measured after them, if the engine knows; it counts where a validation is
                due. None: `live` is asked.
        """
        first = self.step
        kept = self._judge(losses)
        self._measured[first : first + kept] = losses[:kept]
        self._step += kept
        for name, values in {"loss": losses, **metrics}.items():
            self._epoch.setdefault(name, []).append(values[:kept])
            if name in self._batch:
                self._batch[name].append(values[:kept])
        if self._stop is None and self._every_steps is not None and self.step % self._every_steps == 0:
            self._keep_validation(held_out)
        if self._stop is None and self.step % self._per_epoch == 0:
            self._end_epoch(held_out)
        elif self._stop is not None or not self.is_running or self._is_chunk_over():
            self._report(epoch=None, metrics={})

    def settle(self) -> None:
        """Validate where the checkpoint was made in the middle of it that the run goes on from; before the first `add`."""
        if self._every_steps is not None and self.step > 0 and self.step % self._every_steps == 0:
            kept = max((len(values) for values in self._validations.values()), default=0)
            if kept < self.step // self._every_steps:
                self._keep_validation(None)
        if self._stop is None and self._epoch and self.step % self._per_epoch == 0:
            self._end_epoch(None)

    def breathe(self) -> bool:
        """Called by the engine within a long measurement: tells the observer when it is time; False ends the measurement."""
        if not self._is_chunk_over():
            return True
        answer = self._report(epoch=None, metrics={})
        return not isinstance(answer, Stop)

    def _judge(self, losses: Floats) -> int:
        """How many of the losses belong to the run; sets the reason when one of them stops it."""
        if self._watch is not None:
            verdict = self._watch.feed(losses)
        else:
            is_finite = np.isfinite(losses)
            verdict = None if is_finite.all() else (self.step + int(is_finite.argmin()), "non_finite")
        if verdict is None:
            return len(losses)
        self._stop = StopReason(verdict[1])
        return verdict[0] - self.step + 1

    def _validate(self, held_out: Mapping[str, float] | None) -> dict[str, float]:
        """What a validation measures here; empty when the run was stopped within it."""
        measured = dict(held_out) if held_out is not None else self._live.validate()
        self._validated = (self.step, measured)
        return measured

    def _keep_validation(self, held_out: Mapping[str, float] | None) -> None:
        for name, value in self._validate(held_out).items():
            self._validations.setdefault(name, []).append(value)

    def _end_epoch(self, held_out: Mapping[str, float] | None) -> None:
        """Sample-weighted means of the epoch's batch values, and the validation; tell the observer."""
        metrics = {name: self._mean(each) for name, each in self._epoch.items()}
        if self._plan.validation is not None and self._every_steps is None:
            metrics |= self._validate(held_out)
        if self._stop is not None:
            return
        for name, value in metrics.items():
            self._history.setdefault(name, []).append(value)
        self._epoch = {}
        self._report(epoch=self.step // self._per_epoch, metrics=metrics)

    def _mean(self, parts: list[Floats]) -> float:
        """Mean over the samples of an epoch of which each part has some batches."""
        values = parts[0] if len(parts) == 1 else _joined(parts)
        return float(np.add.reduce(values * self._sizes) / self._samples)

    def _is_chunk_over(self) -> bool:
        return time.monotonic() - self._chunk_began >= self._chunk_seconds

    def _report(self, *, epoch: int | None, metrics: dict[str, float]) -> Answer:
        """Tell the observer what is new, and do what it answers."""
        segment = Segment(
            self._reported, self._losses[self._reported :].copy(), epoch, metrics, self._checkpoint_maker()
        )
        self._reported = self.step
        answer = self._observer(self._index, segment)
        if isinstance(answer, Stop) and self._stop is None:
            self._stop = answer.reason
        elif isinstance(answer, Probe) and self.is_running:
            self._probe(answer)
        elif isinstance(answer, SetRates) and self.is_running:
            self._set_rates(answer.rates)
        self._chunk_began = time.monotonic()
        return answer

    def _checkpoint_maker(self) -> Callable[[], Checkpoint]:
        step = self.step

        def make() -> Checkpoint:
            if self.step != step:
                raise RuntimeError(f"The training is at step {self.step}; the checkpoint of step {step} is past.")
            return self.checkpoint()

        return make

    def checkpoint(self) -> Checkpoint:
        """Everything needed to go on from here as if never stopped."""
        arrays: Arrays = {f"live/{name}": value for name, value in self._live.snapshot().items()}
        arrays |= {"run/rates": self._rates.copy(), "run/losses": self._losses.copy()}
        arrays |= {f"run/epoch/{name}": _joined(values) for name, values in self._epoch.items()}
        arrays |= {f"run/history/{name}": np.array(values) for name, values in self._history.items()}
        arrays |= {f"run/batch/{name}": _joined(values) for name, values in self._batch.items()}
        arrays |= {f"run/validations/{name}": np.array(values) for name, values in self._validations.items()}
        return Checkpoint(self.step, arrays, dict(self._facts))

    def _resume(self, checkpoint: Checkpoint) -> None:
        if checkpoint.facts.get("engine") != self._facts["engine"]:
            raise ValueError(
                f"The checkpoint was made by the engine {checkpoint.facts.get('engine')!r}; {self._facts['engine']!r} "
                "cannot go on from it. Resume with the engine that made it."
            )
        arrays = checkpoint.arrays
        self._rates = np.array(arrays["run/rates"])
        self._step = len(arrays["run/losses"])
        self._measured[: self._step] = arrays["run/losses"]
        self._epoch = {name: [values] for name, values in _below("run/epoch/", arrays).items()}
        self._history = {name: values.tolist() for name, values in _below("run/history/", arrays).items()}
        self._batch = {name: [values] for name, values in _below("run/batch/", arrays).items()}
        self._validations = {name: values.tolist() for name, values in _below("run/validations/", arrays).items()}
        self._reported = self.step
        if self._watch is not None:
            self._watch.feed(self._losses)
        self._live.restore(_below("live/", arrays))

    def _probe(self, probe: Probe) -> None:
        """A range test from here on the batches to come; afterwards everything is as before, also when it raises."""
        before = self._live.snapshot()
        watch = DivergenceWatch(self._plan.divergence or DivergenceRule())
        losses: list[float] = []
        try:
            for offset, rate in enumerate(probe.rates):
                losses.append(self._live.update(self.step + offset, float(rate)))
                if watch.feed(losses[-1:]) is not None:
                    break
        finally:
            self._live.restore(before)
        self._set_rates(probe.answer(Curve(probe.rates[: len(losses)], losses)))

    def _set_rates(self, rates: Floats) -> None:
        """Replace the rates of the remaining updates."""
        left = len(self._rates) - self.step
        if np.shape(rates) != (left,):
            raise ValueError(
                f"The observer must answer with the rates of the {left} remaining updates, not with the shape "
                f"{np.shape(rates)}."
            )
        self._rates = np.concatenate([self._rates[: self.step], np.asarray(rates, dtype=np.float64)])
        self.changes += 1

    @property
    def should_test(self) -> bool:
        """Whether the plan wants the test set measured and the run ended so that it can be."""
        return self._plan.test and self._stop not in _UNFINISHED

    def run(self, *, final: dict[str, float], engine_facts: dict[str, object], seconds: dict[str, float]) -> Run:
        """The finished run."""
        return Run(
            curve=Curve(self._rates[: self.step], self._losses.copy()),
            stop_reason=self._stop or StopReason.COMPLETED,
            stopped_at=None if self._stop is None else self.step - 1,
            engine=str(self._facts["engine"]),
            history={name: np.array(values) for name, values in self._history.items()},
            batch_metrics={name: _joined(values) for name, values in self._batch.items()},
            validations={name: np.array(values) for name, values in self._validations.items()},
            final=final,
            engine_facts=engine_facts,
            seconds=seconds,
        )


def ended_here(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint of a run that was to end where it was made: resumed, it measures the test set and trains nothing."""
    rates = checkpoint.arrays["run/rates"][: checkpoint.step]
    return Checkpoint(checkpoint.step, checkpoint.arrays | {"run/rates": rates}, checkpoint.facts)


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _joined(parts: list[Floats]) -> Floats:
    """Parts end to end, as one array of their own."""
    return np.concatenate(parts) if parts else np.empty(0)
