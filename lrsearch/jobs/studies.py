"""What jobs leave in Optuna's tables when they end or are deleted; only jobs of kinds that keep a study."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lrsearch.db import Database
from lrsearch.db.repository import job_rows
from lrsearch.errors import Unavailable
from lrsearch.experiments import EXPERIMENTS
from lrsearch.experiments.base import study_name_of

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
KEEPING: Final = frozenset(str(kind.model_fields["kind"].default) for kind in EXPERIMENTS if kind.keeps_study)
"""Job kinds that keep a study."""
OBEYED_SECONDS: Final = 5.0
"""So long after a job's end no worker writes to its study any more."""
LOOKED_BACK_SECONDS: Final = 3_600.0


def settle_studies(db: Database, settled: set[str]) -> None:
    """Fail the trials that still run in the studies of jobs that were cancelled or failed lately.

    A worker that ends orderly fails its own. One that was killed, or whose job ended under it, cannot.

    Args:
        db: the database.
        settled: jobs that were looked at before; those looked at now are added.
    """
    with db.session() as session:
        over = job_rows.broken_off(session, KEEPING, since=LOOKED_BACK_SECONDS, until=OBEYED_SECONDS)
    for job_id in over:
        if job_id not in settled:
            from lrsearch.experiments.search.storage import fail_running

            _told(lambda job_id=job_id: fail_running(_url(db), study_name_of(job_id)))
            settled.add(job_id)


def drop_studies(db: Database, job_ids: Sequence[str]) -> None:
    """Delete the studies of jobs, where they have one.

    Raises:
        Unavailable: Optuna's tables cannot be reached.
    """
    for job_id in job_ids:
        from lrsearch.experiments.search.storage import drop_study

        _told(lambda job_id=job_id: drop_study(_url(db), study_name_of(job_id)))


def _url(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)


def _told(act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:  # Optuna raises what SQLAlchemy or the driver raises
        logger.warning("Optuna's tables cannot be reached.", exc_info=True)
        raise Unavailable("Optuna's tables cannot be reached; try again in a moment.") from error
