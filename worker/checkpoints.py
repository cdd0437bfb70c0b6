"""Checkpoints as artifacts: written at most every so often, read back by the next attempt."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Final

import numpy as np
import structlog

from lrsearch import jobs
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, Unavailable
from lrsearch.jobs import Claim
from lrsearch.training.plan import Checkpoint

_FACTS: Final = "__facts__"
"""Name of the array that holds step and facts as JSON; a trainer's own arrays may not be called so."""

log = structlog.get_logger(__name__)


def encode(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as one .npz file without pickles; `decode` gives it back bit for bit."""
    facts = json.dumps({"step": checkpoint.step, "facts": checkpoint.facts}).encode()
    buffer = io.BytesIO()
    arrays = checkpoint.arrays | {_FACTS: np.frombuffer(facts, dtype=np.uint8)}
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def decode(data: bytes) -> Checkpoint:
    """The checkpoint that `encode` wrote.

    Raises:
        ValueError: the data is not such a file.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop(_FACTS).tobytes())
        return Checkpoint(step=head["step"], arrays=arrays, facts=head["facts"])
    except (zipfile.BadZipFile, EOFError, KeyError, AttributeError) as error:
        raise ValueError(f"This is no checkpoint ({error!r}).") from error


class CheckpointKeeper:
    """Reads the checkpoints an earlier attempt left and writes new ones, not too often.

    Args:
        artifacts: where the files are; a file is complete before the database names it.
        claim: the pack at work; its token fences what is written.
        pause_seconds: least time between two checkpoints of one trial, >= 0.
    """

    def __init__(self, db: Database, artifacts: ArtifactStore, claim: Claim, *, pause_seconds: float) -> None:
        self._db, self._artifacts, self._claim, self._pause = db, artifacts, claim, pause_seconds
        self._started_at = time.monotonic()
        self._written_at: dict[int, float] = {}

    def load(self) -> dict[int, Checkpoint]:
        """Trial number -> checkpoint; one that cannot be read any more is left out: its trial starts over."""
        found: dict[int, Checkpoint] = {}
        for trial, artifact in self._claim.checkpoints.items():
            try:
                found[trial] = decode(self._artifacts.get(artifact))
            except (LrsearchError, OSError, ValueError) as error:
                log.warning("checkpoint not readable", trial=trial, artifact=artifact, error=repr(error))
        return found

    def offer(self, trial: int, make: Callable[[], Checkpoint]) -> None:
        """Write a checkpoint of the trial if the last one is old enough; a server or disk that is away costs only this one.

        Raises:
            LostLease: the pack is not ours any more.
        """
        now = time.monotonic()
        if now - self._written_at.get(trial, self._started_at) < self._pause:
            return
        self._written_at[trial] = now
        try:
            jobs.record_checkpoint(self._db, self._claim, trial, self._artifacts.put(encode(make())))
        except (Unavailable, OSError) as error:
            log.warning("checkpoint not written", trial=trial, error=str(error))
