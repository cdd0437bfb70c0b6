"""`python -m worker`: a Celery worker with one prefork child, which trains."""

from __future__ import annotations

import os
import socket
import sys
from typing import Final

from lrsearch import queue
from lrsearch.settings import Settings
from lrsearch.startup import require_servers
from worker import device, entry, recycling, tasks

WARM_UP_SECONDS: Final = 300.0
"""How long a child may take to import TensorFlow; Celery's own default, 4 s, would kill it."""
BROKER_PATIENCE_SECONDS: Final = 5.0
"""How long the broker may take to answer the worker before it reconnects."""


def work(settings: Settings) -> None:
    """Take packs until SIGTERM (which lets the pack at work end, or the settings of a search) or SIGQUIT (which does not).

    Raises:
        Misconfigured: a setting is wrong, the tables are of another version, or there is no GPU where one is asked for.
        Unavailable: a server is away at the start.
    """
    require_servers(settings)
    device.prepare(settings, os.environ)
    queue.configure(settings.redis_url or "", patience_seconds=BROKER_PATIENCE_SECONDS)
    queue.app.conf.update(  # pyright: ignore[reportAttributeAccessIssue] - celery has no types
        worker_proc_alive_timeout=WARM_UP_SECONDS,
        worker_max_memory_per_child=recycling.limit_bytes() // 1024,
    )
    tasks.install(queue.app, settings)
    queue.app.worker_main(
        [
            "--quiet",  # no banner among the log's lines
            "worker",
            "--pool=prefork",
            "--concurrency=1",
            f"--hostname=lrsearch-{os.getpid()}@{socket.gethostname()}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            f"--loglevel={settings.log_level}",
        ]
    )


if __name__ == "__main__":
    sys.exit(entry.run("worker", work))
