"""What a run has measured so far and what follows from it: the part of a training loop that every engine shares."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch
from lrsearch.training.data_order import DataOrder
from lrsearch.training.epoch_means import EpochMeans, joined
from lrsearch.training.live import Arrays, Live
from lrsearch.training.plan import Checkpoint, Plan
from lrsearch.training.trainer import Answer, Observer, Probe, Run, Segment, SetRates, Stop, StopReason

Floats = NDArray[np.float64]

CHUNK_SECONDS = 0.4
"""Time after which a chunk ends within an epoch, so that cancel, prune and progress act at least every 0.5 s."""

_UNFINISHED = frozenset({StopReason.CANCELLED, StopReason.PRUNED, StopReason.DIVERGED, StopReason.NON_FINITE})
"""Ends after which the test set is not measured."""


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
        self._epochs = EpochMeans(order)
        self._history: dict[str, list[float]] = {}
        self._batch: dict[str, list[Floats]] = {name: [] for name in plan.metrics}
        self._validations: dict[str, list[float]] = {}
        self._every_steps = plan.validation.every_steps if plan.validation is not None else None
        self._per_epoch = order.steps_per_epoch
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
        """Updates until the epoch or the run ends, or a validation is due."""
        left = self._per_epoch - self.step % self._per_epoch
        if self._every_steps is not None:
            left = min(left, self._every_steps - self.step % self._every_steps)
        return min(left, self.steps_left)

    @property
    def steps_left(self) -> int:
        """Updates until the run ends by itself."""
        return len(self._rates) - self.step

    def validations_ahead(self, count: int) -> NDArray[np.bool_]:
        """Which of the next `count` updates are followed by a validation: shape (count,)."""
        if self._plan.validation is None:
            return np.zeros(count, np.bool_)
        return np.arange(self.step + 1, self.step + count + 1) % (self._every_steps or self._per_epoch) == 0

    @property
    def validated_now(self) -> dict[str, float]:
        """What a validation after the last update measured; empty when there was none."""
        return self._validated[1] if self._validated[0] == self.step else {}

    def add(self, losses: Floats, metrics: Mapping[str, Floats], held_out: Mapping[str, Floats] | None = None) -> None:
        """Take the batch losses and metrics of the next updates; may stop the run or probe.

        The observer is told once, at the end: updates of several epochs are for runs that it does not steer.

        Args:
            losses: shape (k,): true batch losses, 1 <= k <= steps_left.
            metrics: name -> shape (k,): values on the same batches.
            held_out: name -> shape (k,): what the held-out data measured after them, if the engine knows; it counts where
                a validation is due. None: `live` is asked, and k <= steps_to_epoch_end.
        """
        first = self.step
        kept = self._judge(losses)
        self._measured[first : first + kept] = losses[:kept]
        self._step += kept
        values = {"loss": losses[:kept], **{name: each[:kept] for name, each in metrics.items()}}
        self._epochs.add(values)
        for name, parts in self._batch.items():
            parts.append(values[name])
        # what the update that stopped a run would have ended is not over
        self._end(first, self.step - (self._stop is not None), held_out)

    def settle(self) -> None:
        """Validate where the checkpoint was made in the middle of it that the run goes on from; before the first `add`."""
        if self.step == 0:
            return
        if self._every_steps is not None and self.step % self._every_steps == 0:
            kept = max((len(values) for values in self._validations.values()), default=0)
            if kept < self.step // self._every_steps:
                self._keep_validations(self.step - 1, self.step, None)
        if self._stop is None and self._epochs.begun and self.step % self._per_epoch == 0:
            self._end_epochs(self.step - 1, self.step, None)

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

    def _end(self, first: int, last: int, held_out: Mapping[str, Floats] | None) -> None:
        """Validate and end epochs where they are due after the updates first .. last - 1; tell the observer."""
        before = self._stop
        if self._every_steps is not None:
            self._keep_validations(first, last, held_out)
        has_ended = self._stop is before and self._end_epochs(first, last, held_out)
        if not has_ended and (self._stop is not None or not self.is_running or self._is_chunk_over()):
            self._report(epoch=None, metrics={})

    def _validate(
        self, steps: Sequence[int], first: int, held_out: Mapping[str, Floats] | None
    ) -> dict[str, list[float]]:
        """What validations after these steps measure; empty when the run was stopped within one."""
        if held_out is None:
            found = {name: [value] for name, value in self._live.validate().items()}
        else:
            places = [step - first - 1 for step in steps]
            found = {name: values[places].tolist() for name, values in held_out.items()}
        self._validated = (steps[-1], {name: values[-1] for name, values in found.items()})
        return found

    def _keep_validations(self, first: int, last: int, held_out: Mapping[str, Floats] | None) -> None:
        assert self._every_steps is not None
        if due := _due(self._every_steps, first, last):
            for name, values in self._validate(due, first, held_out).items():
                self._validations.setdefault(name, []).extend(values)

    def _end_epochs(self, first: int, last: int, held_out: Mapping[str, Floats] | None) -> bool:
        """Sample-weighted means of the epochs' batch values, and the validations; tell the observer. False: none ended."""
        due = _due(self._per_epoch, first, last)
        if not due:
            return False
        validated, before = dict[str, list[float]](), self._stop
        if self._plan.validation is not None and self._every_steps is None:
            validated = self._validate(due, first, held_out)
        if self._stop is not before:
            return True  # within the validation, which told the observer
        means = self._epochs.taken(len(due)) | validated
        for name, values in means.items():
            self._history.setdefault(name, []).extend(values)
        self._report(epoch=due[-1] // self._per_epoch, metrics={name: values[-1] for name, values in means.items()})
        return True

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
        arrays |= {f"run/epoch/{name}": values for name, values in self._epochs.begun.items()}
        arrays |= {f"run/history/{name}": np.array(values) for name, values in self._history.items()}
        arrays |= {f"run/batch/{name}": joined(values) for name, values in self._batch.items()}
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
        self._epochs.restore(_below("run/epoch/", arrays))
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
            batch_metrics={name: joined(values) for name, values in self._batch.items()},
            validations={name: np.array(values) for name, values in self._validations.items()},
            final=final,
            engine_facts=engine_facts,
            seconds=seconds,
        )


def ended_here(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint of a run that was to end where it was made: resumed, it measures the test set and trains nothing."""
    rates = checkpoint.arrays["run/rates"][: checkpoint.step]
    return Checkpoint(checkpoint.step, checkpoint.arrays | {"run/rates": rates}, checkpoint.facts)


def _due(every: int, first: int, last: int) -> list[int]:
    """Multiples of `every` above first and up to last."""
    return list(range(first - first % every + every, last + 1, every))


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
