"""The fast engine: many updates in one compiled call, runs alike in one stack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled.cache import ProgramCache
from lrsearch.training.keras.compiled.driver import Driver
from lrsearch.training.keras.compiled.kind import Kind, is_functional
from lrsearch.training.keras.compiled.model_shelf import ModelShelf
from lrsearch.training.keras.compiled.pack import LiveMember, Pack, state_of
from lrsearch.training.keras.compiled.packing import FEWEST_STACKED_UPDATES, Numbered, Packer, PackPlan
from lrsearch.training.keras.compiled.program import Program
from lrsearch.training.keras.compiled.routing import reason_of_plan
from lrsearch.training.keras.compiled.step_functions import State
from lrsearch.training.keras.environment import environment
from lrsearch.training.plan import Plan
from lrsearch.training.recorder import CHUNK_SECONDS, Recorder
from lrsearch.training.trainer import Observer, Run, go_on


class CompiledTrainer:
    """Trains plans in compiled loops; what shares model, data, batch size and optimizer is stacked.

    Programs stay compiled between calls: the second job of a kind starts in milliseconds.

    Args:
        chunk_seconds: time after which a chunk ends within an epoch.
        cache: where programs are kept.
        fewest_stacked_updates: updates, over all members, from which a stack is worth its compiling.
    """

    name = "compiled"

    def __init__(
        self,
        chunk_seconds: float = CHUNK_SECONDS,
        cache: ProgramCache | None = None,
        fewest_stacked_updates: int = FEWEST_STACKED_UPDATES,
    ) -> None:
        self._chunk_seconds = chunk_seconds
        self._cache = ProgramCache() if cache is None else cache
        self._shelf = ModelShelf()
        self._packer = Packer(fewest_stacked_updates, self._shelf)

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """Train every plan, stacks one after the other; see `Trainer.train`."""
        items = [self._packer.numbered(index, plan) for index, plan in enumerate(plans)]
        for item in items:
            self._refuse(item)
        runs: dict[int, Run] = {}
        waiting = self._packer.packs(items)
        while waiting:
            pack = waiting.pop(0)
            try:
                runs |= self._train(pack, observer)
            except tf.errors.ResourceExhaustedError:
                if len(pack.items) == 1:
                    raise
                waiting[:0] = pack.halves("the device was out of memory with a stack of {}")
        return [runs[index] for index in range(len(plans))]

    def reason_against(self, plan: Plan) -> str | None:
        """Why the plan should go to another engine, or None: `AutoTrainer` asks before it chooses."""
        return self._reason_against(self._packer.numbered(0, plan))

    def _reason_against(self, item: Numbered) -> str | None:
        return reason_of_plan(item.plan) or self._packer.traits(item).against_compiling

    def _refuse(self, item: Numbered) -> None:
        """Refuse what would silently compute something else, before anything is compiled for it."""
        plan = item.plan
        if reason := self._reason_against(item):
            raise ValueError(f'The compiled engine cannot train this plan: {reason}. Set "engine" to "fit" or "auto".')
        maker = self.name if plan.resume_from is None else plan.resume_from.facts.get("engine")
        if maker != self.name:
            raise ValueError(
                f"The checkpoint was made by the engine {maker!r}; {self.name!r} cannot go on from it. "
                "Resume with the engine that made it."
            )

    def _train(self, planned: PackPlan, observer: Observer) -> dict[int, Run]:
        began = time.perf_counter()
        plans = [item.plan for item in planned.items]
        program, is_warm = self._cache.get(planned.kind, lambda: self._program(plans[0], planned.kind))
        pack = _pack(program.of_size(plans[0]), plans, planned.size)
        built = time.perf_counter()
        pack.compile()
        compiled = time.perf_counter()
        facts = planned.facts | environment() | program.data_facts | {"was_warm": is_warm}
        recorders = [self._recorder(pack, place, item, observer, facts) for place, item in enumerate(planned.items)]
        driver = Driver(
            pack,
            recorders,
            has_epoch_ends=plans[0].validation is not None and not program.validates_inside,
            is_slow=planned.is_slow,
            is_steered=observer is not go_on and any(plan.is_steered for plan in plans),
            chunk_seconds=self._chunk_seconds,
        )
        driver.run()
        seconds = {
            "build": built - began,
            "compile": compiled - built,
            "train": time.perf_counter() - compiled - driver.test_seconds,
            "test": driver.test_seconds,
        }
        # each member's share, so that the seconds of a job's trials add up to what the job took
        share = {phase: spent / len(planned.items) for phase, spent in seconds.items()}
        return {
            item.index: recorder.run(final=final, engine_facts=dict(facts), seconds=dict(share))
            for item, recorder, final in zip(planned.items, recorders, driver.final, strict=True)
        }

    def _program(self, plan: Plan, kind: Kind) -> Program:
        return Program(plan, kind, self._shelf.get(plan, is_functional=is_functional(kind)))

    def _recorder(self, pack: Pack, place: int, item: Numbered, observer: Observer, facts: dict[str, Any]) -> Recorder:
        live = LiveMember(pack, place, lambda: recorder.step)
        recorder = Recorder(
            item.plan,
            item.index,
            DataOrder(pack.program.samples, item.plan.update_size, item.plan.seed),
            live,
            observer,
            facts={"engine": self.name, **facts},
            chunk_seconds=self._chunk_seconds,
        )
        live.pause = recorder.breathe
        return recorder


def _pack(program: Program, plans: Sequence[Plan], size: int) -> Pack:
    """The members at their first step; a stack that is resumed in part is filled up with copies of its last member."""
    filled = [*plans, *[plans[-1]] * (size - len(plans))]
    resumed = plans[0].resume_from
    orders = [DataOrder(program.samples, plan.update_size, plan.seed) for plan in filled]
    states = [_first_state(program, plan) for plan in filled]
    return Pack(program, orders, states, resumed.step if resumed else 0, [plan.controls for plan in filled])


def _first_state(program: Program, plan: Plan) -> State:
    if plan.resume_from is None:
        return program.first_state(plan.seed)
    arrays = plan.resume_from.arrays
    return state_of({name.removeprefix("live/"): a for name, a in arrays.items() if name.startswith("live/")})
