"""A search's Optuna study: asked and judged in memory, kept in the database.

What Optuna decides (the next setting, whether to prune) is decided on a copy in memory, since each of its writes to a
database costs some ten milliseconds; what it decided is written there at once, in as few writes as it takes: one when a
trial begins, one for each of a few intermediate values, one when it ends. What other workers wrote is read before each
question, so that all learn from all.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from lrsearch.experiments.search.ranges import Choices, FloatRange
from lrsearch.experiments.search.samplers import SamplerSpec
from lrsearch.experiments.search.space import Dimension, Space
from lrsearch.experiments.search.storage import open_storage, quiet

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState

    from lrsearch.experiments.search.pruners import PrunerSpec

OURS: Final = "lrsearch"
"""The user attribute that links an Optuna trial to our trials."""
_Word: TypeAlias = Literal["minimize", "maximize"]
_WORDS: Final[Mapping[bool, _Word]] = {True: "minimize", False: "maximize"}
MOST_STORED: Final = 6
"""Intermediate values of a trial that are written to the database; all of them are in our own trials."""


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
        self._distributions: dict[str, BaseDistribution] = {}
        words: list[_Word] = [_WORDS[one] for one in directions]
        with _calmly():
            self._memory: Study = optuna.create_study(
                study_name=name,
                directions=words,
                storage=optuna.storages.InMemoryStorage(),
                sampler=sampler.build(_mixed(seed, stream), space),
                pruner=pruner.build(is_minimized=directions[0], epochs=epochs),
            )
        self._storage: BaseStorage | None = None
        self._known: dict[int, int] = {}
        if url is not None:
            self._storage = open_storage(url)
            self._study_id = self._joined(name, words, attributes)

    def _joined(self, name: str, directions: Sequence[_Word], attributes: Mapping[str, Any]) -> int:
        """Id of the stored study, made by the first that comes."""
        import optuna

        assert self._storage is not None
        try:
            found = optuna.create_study(study_name=name, directions=directions, storage=self._storage)
            for key, value in attributes.items():
                found.set_user_attr(key, value)
        except optuna.exceptions.DuplicatedStudyError:
            pass
        return self._storage.get_study_id_from_name(name)

    def ask(self, slot: int, owner: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Asked:
        """The setting for a slot: of the sampler, or with the values that are given."""
        fixed = dict(given or {}) or self._sampler.values(self._space, slot, self._seed)
        with _calmly():
            if fixed:
                self._memory.enqueue_trial(fixed)
            trial = self._memory.ask()
            drawn = self._space.drawn(lambda dimension: self._suggested(trial, dimension))
        asked = Asked(slot, trial.number, drawn, dict(trial.params), trial._trial_id, None)  # pyright: ignore[reportPrivateUsage] - the id storages work with
        self._store(asked, trial, {**owner, "setting": slot})
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

    def _store(self, asked: Asked, trial: Trial, owner: Mapping[str, Any]) -> None:
        """Write a trial that begins, with all that is known of it, in one transaction."""
        from optuna.trial import TrialState, create_trial

        if self._storage is None:
            return
        kept = self._memory._storage.get_trial(asked.memory_id)  # pyright: ignore[reportPrivateUsage]
        template = create_trial(
            state=TrialState.RUNNING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={OURS: dict(owner)},
            system_attrs=dict(kept.system_attrs) if self._sampler.keeps_attributes else None,
        )
        asked.stored_id = self._storage.create_new_trial(self._study_id, template)
        asked.number = self._storage.get_trial(asked.stored_id).number
        self._known[asked.stored_id] = asked.memory_id

    def report(self, asked: Asked, step: int, value: float) -> bool:
        """Note an intermediate value; whether the run is to be pruned here."""
        asked.reports[step] = value
        memory = self._memory._storage  # pyright: ignore[reportPrivateUsage]
        memory.set_trial_intermediate_value(asked.memory_id, step, value)
        with _calmly():
            return self._memory.pruner.prune(self._memory, memory.get_trial(asked.memory_id))

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
        from optuna.exceptions import UpdateFinishedTrialError

        memory = self._memory._storage  # pyright: ignore[reportPrivateUsage]
        if not memory.get_trial(asked.memory_id).state.is_finished():
            memory.set_trial_state_values(asked.memory_id, state, values)
        if self._storage is None or asked.stored_id is None:
            return
        try:
            for step in stored_steps(sorted(asked.reports)):
                self._storage.set_trial_intermediate_value(asked.stored_id, step, asked.reports[step])
            self._storage.set_trial_state_values(asked.stored_id, state, values)
        except UpdateFinishedTrialError:
            return  # whoever took over from us has told the same

    def catch_up(self) -> None:
        """Read what the other workers wrote since."""
        if self._storage is None:
            return
        for trial in self._storage.get_all_trials(self._study_id, deepcopy=False):
            memory_id = self._known.get(trial._trial_id)  # pyright: ignore[reportPrivateUsage]
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
        memory = self._memory._storage  # pyright: ignore[reportPrivateUsage]
        memory_id = memory.create_new_trial(self._memory._study_id, copied)  # pyright: ignore[reportPrivateUsage]
        self._known[trial._trial_id] = memory_id  # pyright: ignore[reportPrivateUsage]
        if trial.state.is_finished():
            self._finish_adopted(trial, memory_id)

    def _finish_adopted(self, trial: FrozenTrial, memory_id: int) -> None:
        memory = self._memory._storage  # pyright: ignore[reportPrivateUsage]
        if memory.get_trial(memory_id).state.is_finished():
            return
        for step, value in sorted(trial.intermediate_values.items()):
            memory.set_trial_intermediate_value(memory_id, step, value)
            if self._keeps_rungs:
                with _calmly():
                    self._memory.pruner.prune(self._memory, memory.get_trial(memory_id))
        memory.set_trial_state_values(memory_id, trial.state, trial.values)

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

    def unfinished(self, slots: Sequence[int]) -> dict[int, Asked]:
        """Slot -> the newest stored trial of it that runs or has failed: what an attempt before us left."""
        from optuna.trial import TrialState

        if self._storage is None:
            return {}
        found: dict[int, Asked] = {}
        for trial in self._storage.get_all_trials(
            self._study_id, deepcopy=False, states=(TrialState.RUNNING, TrialState.FAIL)
        ):
            slot = trial.user_attrs.get(OURS, {}).get("setting")
            if slot in slots and trial.params:
                memory_id = self._known[trial._trial_id]  # pyright: ignore[reportPrivateUsage]
                found[slot] = Asked(
                    slot,
                    trial.number,
                    self._drawn(trial),
                    dict(trial.params),
                    memory_id,
                    trial._trial_id,  # pyright: ignore[reportPrivateUsage]
                )
        return found

    def _drawn(self, trial: FrozenTrial) -> list[tuple[Dimension, Any]]:
        return self._space.drawn(lambda dimension: trial.params[dimension.name])

    def entries(self) -> list[Entry]:
        """Every setting that was begun and has not failed, on all workers, by Optuna's number in the database."""
        from optuna.trial import TrialState

        trials = (
            self._memory.get_trials(deepcopy=False)
            if self._storage is None
            else self._storage.get_all_trials(self._study_id, deepcopy=False)
        )
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
        from optuna.trial import TrialState

        if self._storage is None:
            return set()
        ended = (TrialState.COMPLETE, TrialState.PRUNED)
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False, states=ended)
        return {trial.user_attrs[OURS]["setting"] for trial in trials if OURS in trial.user_attrs}


def stored_steps(steps: Sequence[int]) -> list[int]:
    """Those whose values are written to the database: 1, 2, 4, 8, ... of them, thinned to a few, and the last.

    Example:
        >>> stored_steps([1, 2, 3, 4, 5, 6, 7, 8, 9])
        [1, 2, 4, 8, 9]
    """
    if not steps:
        return []
    doubling = [steps[(1 << power) - 1] for power in range(len(steps).bit_length())]
    return list(dict.fromkeys([*doubling[-MOST_STORED + 1 :], steps[-1]]))


def _mixed(seed: int, stream: int) -> int:
    """A seed for Optuna from two numbers."""
    return int(np.random.SeedSequence([seed, stream]).generate_state(1)[0])


@contextmanager
def _calmly() -> Generator[None]:
    """Optuna warns of what is experimental and of values it clips; both are meant here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
