"""A search's study in the database: the record that dashboards, other workers and later attempts read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from lrsearch.experiments.search.storage import open_storage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState

Direction: TypeAlias = Literal["minimize", "maximize"]
OURS: Final = "lrsearch"
"""The user attribute that links an Optuna trial to our trials."""
MOST_STORED: Final = 6
"""Intermediate values of a trial that are written to the database; all of them are in our own trials."""


class StoredStudy:
    """Writes to a study with few transactions: one when a trial begins, one for each of a few values, one when it ends.

    Args:
        url: of the database.
        name: of the study, unique there; made by the first that comes.
        directions: of the objectives.
        attributes: of the study, for those who find it there.
    """

    def __init__(self, url: str, name: str, directions: Sequence[Direction], attributes: Mapping[str, Any]) -> None:
        import optuna

        self._storage: BaseStorage = open_storage(url)
        try:
            found = optuna.create_study(study_name=name, directions=directions, storage=self._storage)
            for key, value in attributes.items():
                found.set_user_attr(key, value)
        except optuna.exceptions.DuplicatedStudyError:
            pass
        self._study_id = self._storage.get_study_id_from_name(name)

    def begin(self, like: FrozenTrial, owner: Mapping[str, Any], attributes: Mapping[str, Any] | None) -> FrozenTrial:
        """Write a trial that begins, with all that is known of it, in one transaction.

        Args:
            like: has its parameters and their distributions.
            owner: our job, setting and trials.
            attributes: what the sampler keeps beside the parameters, where other workers need it.
        """
        from optuna.trial import TrialState, create_trial

        template = create_trial(
            state=TrialState.RUNNING,
            params=like.params,
            distributions=like.distributions,
            user_attrs={OURS: dict(owner)},
            system_attrs=None if attributes is None else dict(attributes),
        )
        return self._storage.get_trial(self._storage.create_new_trial(self._study_id, template))

    def end(
        self, stored_id: int, state: TrialState, values: Sequence[float] | None, reports: Mapping[int, float]
    ) -> None:
        """Write how a trial ended, with a few of its intermediate values; one that has ended stays as it is."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            for step in stored_steps(sorted(reports)):
                self._storage.set_trial_intermediate_value(stored_id, step, reports[step])
            self._storage.set_trial_state_values(stored_id, state, values)
        except UpdateFinishedTrialError:
            return  # whoever took over from us has told the same

    def trials(self, states: Sequence[TrialState] | None = None) -> list[FrozenTrial]:
        """All trials, or those in some states, by number."""
        return self._storage.get_all_trials(
            self._study_id, deepcopy=False, states=None if states is None else tuple(states)
        )

    def ended_slots(self) -> set[int]:
        """Our numbers of the settings that have ended."""
        from optuna.trial import TrialState

        ended = self.trials((TrialState.COMPLETE, TrialState.PRUNED))
        return {slot for trial in ended if (slot := slot_of(trial)) is not None}


def slot_of(trial: FrozenTrial) -> int | None:
    """Our number of a trial's setting, None for a trial of somebody else."""
    return trial.user_attrs.get(OURS, {}).get("setting")


def id_of(trial: FrozenTrial) -> int:
    """The id by which a storage knows a trial."""
    return trial._trial_id  # pyright: ignore[reportPrivateUsage] - storages have no other name for it


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
