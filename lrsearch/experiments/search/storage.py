"""Optuna's storage in the service's own database: one object a process, opened on first use."""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

logger = logging.getLogger(__name__)

OPENINGS: Final = 6
"""Tries to open: processes that make the tables of a fresh database at once trip over each other."""
PAUSE_SECONDS: Final = 0.5
"""Longest pause between two tries."""


_open: dict[str, tuple[BaseStorage, RDBStorage]] = {}
_lock: Final = threading.Lock()


def open_storage(url: str) -> BaseStorage:
    """The storage of a database, opened once a process: that takes some seconds and makes Optuna's tables.

    Args:
        url: SQLAlchemy URL of the service's database, as `DATABASE_URL`.

    Raises:
        Exception: whatever the database says when it stays away.
    """
    with _lock:
        if url not in _open:
            quiet()
            _open[url] = _opened(url)
        return _open[url][0]


def close_storage(url: str) -> None:
    """Close the connections of a storage, if it was opened."""
    with _lock:
        if found := _open.pop(url, None):
            found[1].remove_session()
            found[1].engine.dispose()


def drop_study(url: str, name: str) -> None:
    """Delete a study with its trials, where there is one."""
    storage = open_storage(url)
    with suppress(KeyError):
        storage.delete_study(storage.get_study_id_from_name(name))


def fail_running(url: str, name: str) -> None:
    """Write that the trials of a study that have not ended have failed, where there is such a study."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    storage = open_storage(url)
    with suppress(KeyError):
        study_id = storage.get_study_id_from_name(name)
        for trial in storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)  # pyright: ignore[reportPrivateUsage]


def _opened(url: str) -> tuple[BaseStorage, RDBStorage]:
    from optuna.storages import RDBStorage, get_storage

    # an idle connection that a server or a proxy closed is noticed before it is used
    settings: dict[str, Any] = (
        {"connect_args": {"timeout": 30}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    for opening in range(OPENINGS):
        try:
            backend = RDBStorage(url, engine_kwargs=settings)
            return get_storage(backend), backend
        except Exception:
            if opening == OPENINGS - 1:
                raise
            logger.info("Optuna's storage is not open yet; trying again.", exc_info=True)
            time.sleep(random.uniform(0, PAUSE_SECONDS))
    raise AssertionError("unreachable")


def quiet() -> None:
    """Have Optuna say only what is wrong: our own log tells of trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
