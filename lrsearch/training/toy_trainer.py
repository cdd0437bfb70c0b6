"""A trainer without Keras: stochastic gradient descent in a noisy quadratic bowl with a known stability limit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsearch.training import catalog
from lrsearch.training.data_order import DataOrder, training_size
from lrsearch.training.live import Arrays
from lrsearch.training.plan import Plan
from lrsearch.training.recorder import CHUNK_SECONDS, Recorder
from lrsearch.training.trainer import Observer, Run, go_on

Floats = NDArray[np.float64]

CURVATURES: Floats = np.geomspace(0.02, 1.0, 8)
"""Curvature of the bowl along each of its axes."""
NOISE = 0.5
"""Standard deviation of the samples' own minima around the origin; without it no range test would diverge."""
START = 3.0
"""Standard deviation of the initial weights."""
UNKNOWN_SIZE = 1_000
"""Training samples assumed for data that has no row in the catalog."""


def stability_limit(momentum: float = 0.0) -> float:
    """Greatest rate at which the bowl's descent does not grow: 2 (1 + momentum) / the greatest curvature.

    Source: Polyak 1964, heavy ball on quadratics; the greatest curvature is 1.

    Example:
        >>> stability_limit(), stability_limit(0.9)
        (2.0, 3.8)
    """
    return 2.0 * (1.0 + momentum) / float(CURVATURES.max())


class ToyTrainer:
    """Trains a bowl instead of the plan's model: sample j has the loss sum_i h_i (w_i - c_ij)^2 / 2.

    Sizes, data order and seeds are the plan's; every optimizer is SGD, with its `momentum` where it has one. A plan's
    metrics read 1 / (1 + loss). An update takes microseconds, or `seconds_per_step` longer, for tests of a service.
    """

    name = "toy"

    def __init__(self, seconds_per_step: float = 0.0, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self._seconds_per_step, self._chunk_seconds = seconds_per_step, chunk_seconds

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan, one after the other; see `Trainer.train`."""
        return [self._train(index, plan, observer) for index, plan in enumerate(plans)]

    def _train(self, index: int, plan: Plan, observer: Observer) -> Run:
        began = time.perf_counter()
        samples, test = _samples(*_sizes(plan.data.name))
        kept = training_size(len(samples), plan.validation and plan.validation.share)
        order = DataOrder(kept, plan.batch_size, plan.seed)
        bowl = _Bowl(plan, samples[:kept], samples[kept:] if kept < len(samples) else test, order)
        recorder = Recorder(
            plan, index, order, bowl, observer, facts={"engine": self.name}, chunk_seconds=self._chunk_seconds
        )
        while recorder.is_running:
            loss = bowl.update(recorder.step, recorder.rate)
            if self._seconds_per_step:
                time.sleep(self._seconds_per_step)
            recorder.add(np.array([loss]), {name: np.array([_quality(loss)]) for name in plan.metrics})
        final = bowl.measure(test, "test") if recorder.should_test else {}
        facts: dict[str, object] = {"device": "cpu", "stability_limit": stability_limit(bowl.momentum)}
        return recorder.run(final=final, engine_facts=facts, seconds={"train": time.perf_counter() - began})


class _Bowl:
    """The state of one descent."""

    def __init__(self, plan: Plan, train: Floats, held_out: Floats, order: DataOrder) -> None:
        self._plan, self._train, self._held_out, self._order = plan, train, held_out, order
        self.momentum = float(plan.optimizer.hyperparameters().get("momentum", 0.0))
        self._weights: Floats = np.random.default_rng([plan.seed, 0, 0]).normal(0.0, START, len(CURVATURES))
        self._velocity: Floats = np.zeros_like(self._weights)
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def update(self, step: int, rate: float) -> float:
        batch = self._train[self._batch(step)]
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _loss(self._weights, batch)
            gradient = CURVATURES * (self._weights - batch.mean(axis=0))
            self._velocity = self.momentum * self._velocity - rate * gradient
            self._weights = self._weights + self._velocity
        return loss

    def _batch(self, step: int) -> NDArray[np.int64]:
        epoch, within = divmod(step, self._order.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._permutation = epoch, self._order.permutation(epoch)
        return self._permutation[within * self._order.batch_size :][: self._order.batch_size]

    def validate(self) -> dict[str, float]:
        return self.measure(self._held_out, "val")

    def measure(self, samples: Floats, prefix: str) -> dict[str, float]:
        """Loss and metrics on other samples, with the present weights."""
        with np.errstate(over="ignore", invalid="ignore"):
            loss = _loss(self._weights, samples)
        return {f"{prefix}_loss": loss} | {f"{prefix}_{name}": _quality(loss) for name in self._plan.metrics}

    def snapshot(self) -> Arrays:
        return {"weights": self._weights.copy(), "velocity": self._velocity.copy()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._weights, self._velocity = arrays["weights"].copy(), arrays["velocity"].copy()


def _loss(weights: Floats, samples: Floats) -> float:
    return float((CURVATURES * (weights - samples) ** 2).sum(axis=1).mean() / 2.0)


def _quality(loss: float) -> float:
    """A score in (0, 1] that falls as the loss rises; stands for accuracy and its like."""
    return 1.0 / (1.0 + loss)


def _sizes(data: str) -> tuple[int, int]:
    row = catalog.datasets().get(data)
    return (row.train_size, row.test_size) if row is not None else (UNKNOWN_SIZE, UNKNOWN_SIZE)


@cache
def _samples(train: int, test: int) -> tuple[Floats, Floats]:
    """The samples' own minima: the same in every process."""
    drawn = np.random.default_rng(0).normal(0.0, NOISE, (train + test, len(CURVATURES)))
    return drawn[:train], drawn[train:]
