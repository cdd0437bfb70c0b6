"""A search's Optuna study: asked and judged in memory, kept in the database.

What Optuna decides (the next setting, whether to prune) is decided on a copy in memory, since each of its writes to a
database costs some ten milliseconds; what it decided is written there at once, in as few writes as it takes: one when a
trial begins, one for each of a few intermediate values, one when it ends. What other workers wrote is read before each
question, so that all learn from all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lrsearch.experiments.search.lead import Begun
from lrsearch.experiments.search.ranges import Choices, FloatRange
from lrsearch.experiments.search.samplers import SamplerSpec
from lrsearch.experiments.search.space import Dimension, Space
from lrsearch.experiments.search.storage import quiet
from lrsearch.experiments.search.stored import OURS, Direction, StoredStudy, id_of, slot_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState

    from lrsearch.experiments.search.pruners import PrunerSpec

_WORDS: Final[Mapping[bool, Direction]] = {True: "minimize", False: "maximize"}


@dataclass(slots=True)
class Asked:
    """A setting that was asked for and has not ended.

    Attributes:
        slot: our number of the setting.
        number: Optuna's number of the trial.
        drawn: what was drawn, in order.
        values: Optuna's name -> value.
    """

    slot: int
    number: int
    drawn: list[tuple[Dimension, Any]]
    values: dict[str, Any]
    memory_id: int
    stored_id: int | None
    reports: dict[int, float] = field(default_factory=dict[int, float])


@dataclass(frozen=True, slots=True)
class Told:
    """A setting that has ended: value None when it was pruned (or for two objectives, their list)."""

    slot: int
    number: int
    values: Mapping[str, Any]
    results: Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting that was begun, with the epochs it made where it was pruned."""

    number: int
    drawn: list[tuple[Dimension, Any]]
    is_pruned: bool
    last_step: int


class SearchStudy:
    """One worker's view of a search's study.

    Args:
        name: of the study; unique in the database.
        space: what is searched.
        sampler: which setting is next.
        pruner: which runs end early.
        directions: for each objective whether smaller is better.
        seed: of the job: what samplers that are not adaptive draw from.
        stream: tells the seeds of adaptive samplers on several workers apart.
        epochs: of the longest run, for pruners that need it.
        url: of the database, None to keep the study in memory.
        attributes: of the study, for those who find it there.
    """

    def __init__(
        self,
        name: str,
        space: Space,
        sampler: SamplerSpec,
        pruner: PrunerSpec,
        *,
        directions: Sequence[bool],
        seed: int,
        stream: int,
        epochs: int,
        url: str | None,
        attributes: Mapping[str, Any],
    ) -> None:
        import optuna

        quiet()
        self._space, self._sampler, self._seed = space, sampler, seed
        self._is_minimized = list(directions)
        self._keeps_rungs = pruner.keeps_rungs
        words: list[Direction] = [_WORDS[one] for one in directions]
        with _calmly():
            self._memory: Study = optuna.create_study(
                study_name=name,
                directions=words,
                storage=optuna.storages.InMemoryStorage(),
                sampler=sampler.build(_mixed(seed, stream), space),
                pruner=pruner.build(is_minimized=directions[0], epochs=epochs),
            )
        self._known: dict[int, int] = {}
        self._stored = None if url is None else StoredStudy(url, name, words, attributes)

    @property
    def _copy(self) -> BaseStorage:
        return self._memory._storage  # pyright: ignore[reportPrivateUsage] - what Optuna's own functions write to

    def ask(self, slot: int, owner: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Asked:
        """The setting for a slot: of the sampler, or with the values that are given."""
        fixed = dict(given or {}) or self._sampler.values(self._space, slot, self._seed)
        with _calmly():
            if fixed:
                self._memory.enqueue_trial(fixed)
            trial = self._memory.ask()
            drawn = self._space.drawn(lambda dimension: self._suggested(trial, dimension))
        asked = Asked(slot, trial.number, drawn, dict(trial.params), trial._trial_id, None)  # pyright: ignore[reportPrivateUsage] - the id storages work with
        self._store(asked, {**owner, "setting": slot})
        return asked

    def _suggested(self, trial: Trial, dimension: Dimension) -> Any:
        match dimension.range:
            case Choices():
                return trial.suggest_categorical(dimension.name, [option.label for option in dimension.options])
            case FloatRange() as one:
                low, high = one.ends
                return trial.suggest_float(dimension.name, low, high, log=one.log, step=one.step)
            case one:
                return trial.suggest_int(dimension.name, one.low, one.high, log=one.log, step=one.step)

    def _store(self, asked: Asked, owner: Mapping[str, Any]) -> None:
        if self._stored is None:
            return
        kept = self._copy.get_trial(asked.memory_id)
        stored = self._stored.begin(kept, owner, kept.system_attrs if self._sampler.keeps_attributes else None)
        asked.stored_id, asked.number = id_of(stored), stored.number
        self._known[asked.stored_id] = asked.memory_id

    def report(self, asked: Asked, step: int, value: float) -> bool:
        """Note an intermediate value; whether the run is to be pruned here."""
        asked.reports[step] = value
        self._copy.set_trial_intermediate_value(asked.memory_id, step, value)
        with _calmly():
            return self._memory.pruner.prune(self._memory, self._copy.get_trial(asked.memory_id))

    def tell(self, asked: Asked, values: Sequence[float] | None) -> None:
        """Write how a setting ended: with values, or pruned (None)."""
        from optuna.trial import TrialState

        state = TrialState.PRUNED if values is None else TrialState.COMPLETE
        if values is None and len(self._is_minimized) == 1 and asked.reports:
            # as Optuna's own `tell`: the last value of a pruned trial stands for it
            values = [asked.reports[max(asked.reports)]]
        self._end(asked, state, values)

    def fail(self, asked: Asked) -> None:
        """Write that a setting was not brought to its end."""
        from optuna.trial import TrialState

        self._end(asked, TrialState.FAIL, None)

    def _end(self, asked: Asked, state: TrialState, values: Sequence[float] | None) -> None:
        if not self._copy.get_trial(asked.memory_id).state.is_finished():
            self._copy.set_trial_state_values(asked.memory_id, state, values)
        if self._stored is not None and asked.stored_id is not None:
            self._stored.end(asked.stored_id, state, values, asked.reports)

    def catch_up(self) -> None:
        """Read what the other workers wrote since."""
        for trial in [] if self._stored is None else self._stored.trials():
            memory_id = self._known.get(id_of(trial))
            if memory_id is None:
                self._adopt(trial)
            elif trial.state.is_finished():
                self._finish_adopted(trial, memory_id)

    def _adopt(self, trial: FrozenTrial) -> None:
        from optuna.trial import TrialState, create_trial

        if trial.state is TrialState.WAITING:
            return
        copied = create_trial(
            state=TrialState.RUNNING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=trial.user_attrs,
            system_attrs=dict(trial.system_attrs),
        )
        memory_id = self._copy.create_new_trial(self._memory._study_id, copied)  # pyright: ignore[reportPrivateUsage]
        self._known[id_of(trial)] = memory_id
        if trial.state.is_finished():
            self._finish_adopted(trial, memory_id)

    def _finish_adopted(self, trial: FrozenTrial, memory_id: int) -> None:
        if self._copy.get_trial(memory_id).state.is_finished():
            return
        for step, value in sorted(trial.intermediate_values.items()):
            self._copy.set_trial_intermediate_value(memory_id, step, value)
            if self._keeps_rungs:
                with _calmly():
                    self._memory.pruner.prune(self._memory, self._copy.get_trial(memory_id))
        self._copy.set_trial_state_values(memory_id, trial.state, trial.values)

    def told(self) -> list[Told]:
        """The settings that have ended, on all workers, by Optuna's number of this worker's copy."""
        from optuna.trial import TrialState

        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        return [
            Told(
                slot=trial.user_attrs.get(OURS, {}).get("setting", -1),
                number=trial.number,
                values=trial.params,
                results=trial.values if trial.state is TrialState.COMPLETE else None,
            )
            for trial in self._memory.get_trials(deepcopy=False, states=ended)
        ]

    def begun(self) -> list[Begun]:
        """Every setting that was begun and has not failed, with its first objective, as this worker knows them."""
        from optuna.trial import TrialState

        sign = 1.0 if self._is_minimized[0] else -1.0
        found: list[Begun] = []
        for trial in self._memory.get_trials(deepcopy=False):
            if trial.state is TrialState.FAIL or not trial.params:
                continue
            value = sign * trial.values[0] if trial.state is TrialState.COMPLETE else None
            found.append(Begun(trial.params, math.inf if trial.state is TrialState.PRUNED else value))
        return found

    def unfinished(self, slots: Sequence[int]) -> dict[int, Asked]:
        """Slot -> the newest stored trial of it that runs or has failed: what an attempt before us left."""
        from optuna.trial import TrialState

        left = [] if self._stored is None else self._stored.trials((TrialState.RUNNING, TrialState.FAIL))
        return {
            slot: Asked(
                slot, trial.number, self._drawn(trial), dict(trial.params), self._known[id_of(trial)], id_of(trial)
            )
            for trial in left
            if (slot := slot_of(trial)) in slots and slot is not None and trial.params
        }

    def _drawn(self, trial: FrozenTrial) -> list[tuple[Dimension, Any]]:
        return self._space.drawn(lambda dimension: trial.params[dimension.name])

    def entries(self) -> list[Entry]:
        """Every setting that was begun and has not failed, on all workers, by Optuna's number in the database."""
        from optuna.trial import TrialState

        trials = self._memory.get_trials(deepcopy=False) if self._stored is None else self._stored.trials()
        return [
            Entry(
                trial.number,
                self._drawn(trial),
                is_pruned=trial.state is TrialState.PRUNED,
                last_step=max(trial.intermediate_values, default=0),
            )
            for trial in trials
            if trial.state is not TrialState.FAIL and trial.params
        ]

    def ended_slots(self) -> set[int]:
        """Slots whose setting has ended in the database."""
        return set() if self._stored is None else self._stored.ended_slots()


def _mixed(seed: int, stream: int) -> int:
    """A seed for Optuna from two numbers."""
    return int(np.random.SeedSequence([seed, stream]).generate_state(1)[0])


@contextmanager
def _calmly() -> Generator[None]:
    """Optuna warns of what is experimental and of values it clips; both are meant here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
