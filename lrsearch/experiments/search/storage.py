"""Optuna's storage in the service's own database: one object a process, opened on first use."""

from __future__ import annotations

import logging
import random
import threading
import time
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
