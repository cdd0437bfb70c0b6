"""Sends each plan to the engine that suits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lrsearch.errors import Misconfigured
from lrsearch.training.keras.fit_trainer import FitTrainer
from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Answer, Observer, Run, Segment, Trainer, go_on

ENGINES: dict[str, Callable[[], Trainer]] = {"fit": FitTrainer}
"""Name of an engine -> its maker; the order is that of preference."""


class AutoTrainer:
    """Routes plans: a checkpoint to the engine that made it, a forced engine to that engine, the rest by preference."""

    name = "auto"

    def __init__(self) -> None:
        self._trainers: dict[str, Trainer] = {}

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan on its engine and answer in the order of the plans; see `Trainer.train`."""
        runs: dict[int, Run] = {}
        routes = [self._route(plan) for plan in plans]
        for engine in dict.fromkeys(routes):
            chosen = [index for index, route in enumerate(routes) if route == engine]
            trained = self._trainer(engine).train([plans[index] for index in chosen], _renumbered(observer, chosen))
            runs |= dict(zip(chosen, trained, strict=True))
        return [runs[index] for index in range(len(plans))]

    def _route(self, plan: Plan) -> str:
        """Name of the plan's engine."""
        wanted = plan.engine
        if plan.resume_from is not None:
            wanted = str(plan.resume_from.facts.get("engine", wanted))
        if wanted == "auto":
            return next(iter(ENGINES))
        if wanted not in ENGINES:
            raise Misconfigured(
                f"The engine {wanted!r} is not part of this installation, which has {', '.join(ENGINES)}. "
                'Set "engine" to "auto", or leave it out.'
            )
        return wanted

    def _trainer(self, engine: str) -> Trainer:
        if engine not in self._trainers:
            self._trainers[engine] = ENGINES[engine]()
        return self._trainers[engine]


def _renumbered(observer: Observer, indices: Sequence[int]) -> Observer:
    """The observer, told the index among all plans instead of among those of one engine."""

    def observe(index: int, segment: Segment) -> Answer:
        return observer(indices[index], segment)

    return observe
