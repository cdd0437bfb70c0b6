"""The Celery side of a worker: the one task, and what a prefork child does right after the fork."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from celery import Celery, signals

from lrsearch import queue
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.experiments.search.importance import load_ahead
from lrsearch.log import configure as configure_log
from lrsearch.settings import Settings
from worker import device, recycling, tether
from worker.ahead import Ahead
from worker.presence import Presence
from worker.runtime import Runtime

FAILED_START_SECONDS: Final = 5.0
"""Pause before a child that cannot start ends: its parent starts the next one at once."""
SAID_TWICE: Final = ("celery.worker.strategy", "celery.app.trace")
"""Loggers that tell of each message what `worker.runtime` tells of each pack, with its job."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Child:
    """A prefork child: warms up once, then runs packs until it is recycled."""

    runtime: Runtime
    presence: Presence
    ahead: Ahead

    def run(self, pack_id: str) -> None:
        """Run one pack and show it in the worker's row meanwhile."""
        self.ahead.hold()
        self.presence.say("busy", pack_id=pack_id)
        try:
            self.runtime.run(pack_id)
        finally:
            self.presence.say("idle")
            self.ahead.begin()


def install(app: Celery, settings: Settings) -> None:
    """Register the task and the fork hook on `app`; called in the parent, which loads nothing heavy."""
    child: list[Child] = []
    parent = os.getpid()
    leaving = multiprocessing.Event()  # made before the fork, so the child has it too

    @signals.setup_logging.connect(weak=False)
    def set_up_logging(**_: object) -> None:
        configure_log(settings, process="worker")
        for name in SAID_TWICE:
            logging.getLogger(name).setLevel(logging.WARNING)

    @signals.worker_shutting_down.connect(weak=False)
    def leave(**_: object) -> None:
        leaving.set()

    @signals.worker_process_init.connect(weak=False)
    def warm_up(**_: object) -> None:
        tether.die_with_parent(parent, signal.SIGKILL)
        recycling.watch()
        try:
            child.append(start_child(settings, leaving.is_set))
        except BaseException:  # Celery would log it and go on with a child that can do nothing
            log.exception("the worker's child cannot start")
            time.sleep(FAILED_START_SECONDS)
            sys.stderr.flush()
            os._exit(1)

    @app.task(name=queue.RUN_PACK, ignore_result=True)
    def run(pack_id: str) -> None:
        child[0].run(pack_id)


def start_child(settings: Settings, is_leaving: Callable[[], bool] = lambda: False) -> Child:
    """Open the database, say "warming up", load the trainer, say "idle"; what concluding a job needs is loaded in a quiet moment.

    Raises:
        Misconfigured: TensorFlow is not installed.
    """
    started = time.monotonic()
    db = Database(settings.resolved_database_url())
    presence = Presence(db, device.expected())
    presence.start()
    trainer, device_name = device.load_trainer(settings)
    runtime = Runtime(
        db=db,
        artifacts=ArtifactStore(settings.resolved_artifacts_dir()),
        trainer=trainer,
        settings=settings,
        worker_id=presence.worker_id,
        is_leaving=is_leaving,
    )
    presence.say("idle", device=device_name)
    log.info("warm", trainer=trainer.name, device=device_name, seconds=round(time.monotonic() - started, 3))
    ahead = Ahead(load_ahead)
    ahead.wait()
    return Child(runtime, presence, ahead)
