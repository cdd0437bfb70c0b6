"""Brings lost work back: `python -m worker.reaper` re-queues expired packs and sends lost messages again."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Final

import structlog

from lrsearch import jobs, queue
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.errors import Unavailable
from lrsearch.settings import Settings
from lrsearch.startup import require_servers
from worker import entry

LONGEST_PAUSE_SECONDS: Final = 30.0
"""Longest wait between two looks while the database or the broker is away."""

log = structlog.get_logger(__name__)


def look(db: Database, artifacts: ArtifactStore, settings: Settings) -> list[str]:
    """One look: expired leases are re-queued, what no message will fetch is sent, old checkpoints are deleted.

    Returns:
        The pack ids that were sent.

    Raises:
        Unavailable: the database or the broker is away; nothing is marked as sent that was not.
    """
    due = jobs.reap(db, resend_seconds=settings.resend_seconds, max_attempts=settings.max_attempts)
    for artifact in jobs.unused_artifacts(db):
        artifacts.delete(artifact)
    if not due:
        return []
    waiting = set(queue.waiting())
    missing = [pack_id for pack_id in due if pack_id not in waiting]
    queue.enqueue(missing)
    # Those whose message still waits behind a long job count as sent too: another copy would only fill the broker.
    jobs.mark_sent(db, due)
    if missing:
        log.info("packs sent again", pack_ids=missing)
    return missing


def run(db: Database, artifacts: ArtifactStore, settings: Settings, stopped: threading.Event) -> None:
    """Look every `settings.reap_seconds` until `stopped`; wait longer, up to 30 s, while a server is away."""
    pause, settled = settings.reap_seconds, set[str]()
    while not stopped.wait(pause):
        try:
            look(db, artifacts, settings)
            jobs.settle_studies(db, settled)
            pause = settings.reap_seconds
        except (Unavailable, OSError) as error:
            pause = min(max(pause * 2, 1.0), LONGEST_PAUSE_SECONDS)
            log.warning("a server or the disk is away", error=str(error), next_look_in_seconds=pause)


def work(settings: Settings) -> None:
    """Look until SIGTERM or SIGINT.

    Raises:
        Misconfigured: a setting is wrong, or the tables are of another version.
        Unavailable: a server is away at the start.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopped.set())
    require_servers(settings)
    artifacts = ArtifactStore(settings.resolved_artifacts_dir())
    run(Database(settings.resolved_database_url()), artifacts, settings, stopped)


if __name__ == "__main__":
    sys.exit(entry.run("reaper", work))
