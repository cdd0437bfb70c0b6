"""A worker and its warden, as a container runs them: `python -m worker.solo`, which is `lrsearch worker`.

The warden cannot live inside the Celery worker: that forks its children, and a fork must not meet a thread that talks
to a database. So this process starts the worker as its child, watches it, passes signals on, and ends as it ended;
the restart policy of the container (or whoever started us) starts both again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from types import FrameType
from typing import Final

import psutil

from worker.children import tethered

LOOK_SECONDS: Final = 0.5
"""How often the worker is looked for children; once it has one, it has accepted its settings and can be watched."""


def main() -> int:
    """Run the worker to its end: 0 after SIGTERM, its own exit code else (128 + N when signal N killed it)."""
    worker = subprocess.Popen(tethered([sys.executable, "-P", "-m", "worker"]))
    is_asked_to_stop = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal is_asked_to_stop
        is_asked_to_stop = True
        worker.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, pass_on)
    if _has_begun(worker):
        _watch(worker)
    code = worker.wait()
    if is_asked_to_stop:
        return 0
    return code if code >= 0 else 128 - code


def _has_begun(worker: subprocess.Popen[bytes]) -> bool:
    """Wait until the worker has forked its child; False when it ended before, having said why."""
    while True:
        try:
            worker.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if psutil.Process(worker.pid).children():
                return True
        else:
            return False


def _watch(worker: subprocess.Popen[bytes]) -> None:
    """Start the warden, with the settings the worker has accepted."""
    # Loaded here: until the worker has begun, the processor is its own.
    from lrsearch import queue
    from lrsearch.db import Database
    from lrsearch.log import configure as configure_log
    from lrsearch.settings import load
    from worker.warden import Warden

    settings = load()
    configure_log(settings, process="warden")
    queue.configure(settings.redis_url or "")
    Warden(Database(settings.resolved_database_url()), lambda: worker.pid).start()


if __name__ == "__main__":
    sys.exit(main())
