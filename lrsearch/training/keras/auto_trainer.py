"""Sends each plan to the engine that suits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lrsearch.errors import Misconfigured
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.constant_loss import constant_loss_of
from lrsearch.training.keras.fit_trainer import FitTrainer
from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Answer, Observer, Run, Segment, Trainer, go_on

ENGINES: dict[str, Callable[[], Trainer]] = {"compiled": CompiledTrainer, "fit": FitTrainer}
"""Name of an engine -> its maker; the order is that of preference."""


class AutoTrainer:
    """Routes plans: a checkpoint to the engine that made it, a forced engine to that engine, the rest by preference.

    An engine may have `reason_against(plan) -> str | None`: why the plan should go to the next one. What was chosen and
    why is in the run's facts as `engine_why`; runs that hold samples out also tell the `constant_loss` of their data.
    """

    name = "auto"

    def __init__(self) -> None:
        self._trainers: dict[str, Trainer] = {}

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan on its engine and answer in the order of the plans; see `Trainer.train`."""
        runs: dict[int, Run] = {}
        routes = [self._route(plan) for plan in plans]
        for engine in dict.fromkeys(engine for engine, _ in routes):
            chosen = [index for index, (route, _) in enumerate(routes) if route == engine]
            trained = self._trainer(engine).train([plans[index] for index in chosen], _renumbered(observer, chosen))
            runs |= {
                index: _explained(run, plans[index], routes[index][1])
                for index, run in zip(chosen, trained, strict=True)
            }
        return [runs[index] for index in range(len(plans))]

    def _route(self, plan: Plan) -> tuple[str, str]:
        """Name of the plan's engine, and why it is the one."""
        wanted, why = plan.engine, "the plan asks for it"
        if plan.resume_from is not None:
            wanted, why = str(plan.resume_from.facts.get("engine", wanted)), "it made the checkpoint"
        if wanted == "auto":
            return self._preferred(plan)
        if wanted not in ENGINES:
            raise Misconfigured(
                f"The engine {wanted!r} is not part of this installation, which has {', '.join(ENGINES)}. "
                'Set "engine" to "auto", or leave it out.'
            )
        return wanted, why

    def _preferred(self, plan: Plan) -> tuple[str, str]:
        """The first engine with no reason against the plan, else the last one."""
        reasons: list[str] = []
        for engine in ENGINES:
            ask: Any = getattr(self._trainer(engine), "reason_against", None)
            reason = None if ask is None else ask(plan)
            if reason is None:
                return engine, "; ".join(reasons) or "it is preferred"
            reasons.append(f"not {engine}: {reason}")
        return list(ENGINES)[-1], "; ".join(reasons)

    def _trainer(self, engine: str) -> Trainer:
        if engine not in self._trainers:
            self._trainers[engine] = ENGINES[engine]()
        return self._trainers[engine]


def _explained(run: Run, plan: Plan, why: str) -> Run:
    facts: dict[str, object] = {"engine_why": why}
    if plan.validation is not None and plan.validation.share is not None:
        facts["constant_loss"] = constant_loss_of(plan.data.name)
    return replace(run, engine_facts=run.engine_facts | facts)


def _renumbered(observer: Observer, indices: Sequence[int]) -> Observer:
    """The observer, told the index among all plans instead of among those of one engine."""
    if observer is go_on:
        return observer

    def observe(index: int, segment: Segment) -> Answer:
        return observer(indices[index], segment)

    return observe
