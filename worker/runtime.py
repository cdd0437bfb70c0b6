"""One pack from claim to end: the wiring between the job's verbs, the experiment and the trainer."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from pydantic import TypeAdapter

from lrsearch import jobs, queue
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.errors import DataUnavailable, LostLease, LrsearchError, Unavailable
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, Groups, TrialRecord
from lrsearch.jobs import Claim
from lrsearch.log import about
from lrsearch.settings import Settings
from lrsearch.training.trainer import Trainer
from worker.checkpoints import CheckpointKeeper
from worker.epochs import EpochCounter
from worker.lease import CANCELLED, LeaseKeeper

WRITE_SECONDS: Final = 60.0
"""How long a result waits for a database that is away before the attempt is given up."""

log = structlog.get_logger(__name__)
T = TypeVar("T")
_DOCUMENTS: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)


@dataclass(slots=True)
class Runtime:
    """What a worker process needs to run packs; made once, in the child.

    Attributes:
        worker_id: as in the `workers` table.
        trainer: stays warm between packs.
        send: hands the packs of a composite job's next stage to the broker.
        is_leaving: whether this worker was asked to stop: then it takes no further trials of a job that shares them out.
    """

    db: Database
    artifacts: ArtifactStore
    trainer: Trainer
    settings: Settings
    worker_id: str
    send: Callable[[Sequence[str]], None] = queue.enqueue
    is_leaving: Callable[[], bool] = lambda: False

    def run(self, pack_id: str) -> None:
        """Claim the pack and bring it to its end; a pack that somebody else has, or that is over, is left alone.

        Whatever a message says, this never raises: what went wrong is in the database, or the lease runs out.
        """
        try:
            claim = jobs.claim(
                self.db,
                pack_id,
                worker_id=self.worker_id,
                lease_seconds=self.settings.lease_seconds,
                max_attempts=self.settings.max_attempts,
            )
        except LrsearchError as error:  # the reaper sends it again
            log.warning("pack not claimed", pack_id=pack_id, error=str(error))
            return
        if claim is None:
            log.info("nothing to do: the pack is taken or over", pack_id=pack_id)
            return
        with about(job_id=claim.job_id, pack_id=pack_id, attempt=claim.attempt):
            self._run_claimed(claim)

    def _run_claimed(self, claim: Claim) -> None:
        started = time.monotonic()
        try:
            outcome = Attempt(self, claim).run()
        except LostLease:
            outcome = "lease lost"
        except Unavailable as error:
            outcome = f"given up until the lease runs out: {error}"
        log.info("pack ended", outcome=outcome, seconds=round(time.monotonic() - started, 3))
        if claim.parent_id is not None:
            self._advance(claim.parent_id)

    def _advance(self, parent_id: str) -> None:
        """Bring the composite job on that the pack was a part of; what fails here the reaper does."""
        try:
            if pack_ids := jobs.advance(self.db, parent_id):
                log.info("next stage begun", parent_id=parent_id, pack_ids=pack_ids)
                self.send(pack_ids)
                jobs.mark_sent(self.db, pack_ids)
        except LrsearchError as error:
            log.warning("composite job not advanced", parent_id=parent_id, error=str(error))


class Attempt:
    """One attempt at one pack.

    Args:
        runtime: of this process.
        claim: what it holds.
    """

    def __init__(self, runtime: Runtime, claim: Claim) -> None:
        self._db, self._trainer, self._settings = runtime.db, runtime.trainer, runtime.settings
        self._claim, self._known = claim, set(claim.trials)
        self._is_leaving, self._left = runtime.is_leaving, False
        self._checkpoints = CheckpointKeeper(
            runtime.db, runtime.artifacts, claim, pause_seconds=runtime.settings.checkpoint_seconds
        )

    def run(self) -> str:
        """Train and close the pack.

        Returns:
            How it ended, for the log.

        Raises:
            LostLease: the pack is not ours any more; nothing was written since.
            Unavailable: the database stayed away longer than `WRITE_SECONDS`.
        """
        log.info("pack claimed", trials=self._claim.trials, resumed=sorted(self._claim.checkpoints))
        try:
            return self._train(_DOCUMENTS.validate_python(self._claim.document))
        except (LostLease, Unavailable):
            raise
        except DataUnavailable as error:
            return self._fail(error.code, str(error))
        except Exception as error:  # anything unexpected fails the attempt loudly
            log.exception("attempt failed")
            return self._give_up(error)

    def _train(self, experiment: Experiment) -> str:
        limits = experiment.limits
        trials = [number for number in self._claim.trials if limits.trials is None or number < limits.trials]
        lease = LeaseKeeper(
            self._db,
            self._claim,
            limits,
            lease_seconds=self._settings.lease_seconds,
            heartbeat_seconds=self._settings.heartbeat_seconds,
        )
        with lease:
            if trials or experiment.shared_trials:
                experiment.train(trials, self._context(lease, limits.epochs))
            if len(trials) < len(self._claim.trials):
                lease.break_limit("trials")
            return self._close(lease.stopped_for)

    def _context(self, lease: LeaseKeeper, epochs: int | None) -> Context:
        trainer = self._trainer
        if epochs is not None:
            trainer = EpochCounter(trainer, epochs, lambda: lease.break_limit("epochs"))
        return Context(
            trainer=trainer,
            on_trials=self._record,
            on_progress=lease.report,
            should_stop=lease.should_stop,
            checkpoints=self._checkpoints.load(),
            on_checkpoint=self._checkpoints.offer,
            finished=lambda: {record.number: record for record in jobs.trials(self._db, self._claim.job_id)},
            job_id=self._claim.job_id,
            attempt=self._claim.attempt,
            pack=self._claim.pack,
            database_url=self._db.url.render_as_string(hide_password=False),
            hold=self._hold,
            take=self._take,
            elapsed_seconds=lease.elapsed_seconds,
        )

    def _hold(self) -> None:
        self._write(lambda: jobs.orders(self._db, self._claim))

    def _take(self, groups: Groups, count: int) -> list[int]:
        if self._is_leaving():
            self._left = True
            return []
        numbers = self._write(lambda: jobs.take(self._db, self._claim, groups, count, known=self._known))
        self._known.update(numbers)
        if numbers:
            log.info("trials taken", trials=numbers)
        return numbers

    def _record(self, records: Sequence[TrialRecord]) -> None:
        self._write(lambda: jobs.record(self._db, self._claim, *records))

    def _close(self, stopped_for: str | None) -> str:
        if stopped_for is None and self._left:
            self._write(lambda: jobs.leave(self._db, self._claim))
            return "left"
        if stopped_for is None:
            self._write(lambda: jobs.finish(self._db, self._claim))
            return "finished"
        if stopped_for == CANCELLED:
            self._write(lambda: jobs.close_cancelled(self._db, self._claim))
            return CANCELLED
        name = stopped_for.removeprefix("limit_")
        message = (
            f"The job reached limits.{name}; what it measured until then is kept. Raise the limit and run it again."
        )
        return self._fail(stopped_for, message)

    def _fail(self, error_type: str, message: str) -> str:
        self._write(lambda: jobs.fail(self._db, self._claim, error_type=error_type, message=message))
        return error_type

    def _give_up(self, error: Exception) -> str:
        is_requeued = self._write(
            lambda: jobs.give_up_attempt(
                self._db,
                self._claim,
                error_type=type(error).__name__,
                message=str(error) or type(error).__name__,
                traceback="".join(traceback.format_exception(error)),
            )
        )
        return "queued again" if is_requeued else "failed"

    def _write(self, verb: Callable[[], T]) -> T:
        """Do it, and wait for a database that is away: results are not thrown away for a restart of Postgres."""
        deadline, pause = time.monotonic() + WRITE_SECONDS, 0.2
        while True:
            try:
                return verb()
            except Unavailable as error:
                if time.monotonic() + pause > deadline:
                    raise
                log.warning("result not written yet", error=str(error))
            time.sleep(pause)
            pause = min(pause * 2, 5.0)
