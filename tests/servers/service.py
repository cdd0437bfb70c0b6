"""The embedded service as a person starts it: `lrsearch up` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx2
import psutil

from lrsearch import queue
from lrsearch.db import Database
from worker.children import tethered

LRSEARCH = str(Path(sys.executable).with_name("lrsearch"))
"""The installed command, beside this Python."""
QUICK = {
    "LRSEARCH_TRAINER": "toy",
    "LRSEARCH_LEASE_SECONDS": "4",
    "LRSEARCH_HEARTBEAT_SECONDS": "0.5",
    "LRSEARCH_REAP_SECONDS": "0.5",
    "LRSEARCH_RESEND_SECONDS": "2",
    "LRSEARCH_CHECKPOINT_SECONDS": "0.3",
}
"""Settings under which a service notices everything within seconds, and trains without TensorFlow."""


class EmbeddedService:
    """Use as a context manager: started on entry, its API answers; stopped on exit, with all its processes.

    Args:
        home: its state folder.
        settings: environment variables over this process' own; DATABASE_URL for another database than its SQLite.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.seconds_to_live = 0.0
        self.db = Database(settings.get("DATABASE_URL", f"sqlite:///{home / 'lrsearch.db'}"))

    def start(self) -> None:
        """Start it and wait until `/livez` answers."""
        if self.process is not None:
            self.process.wait(30)
        started = time.monotonic()
        unset = {"REDIS_URL", "DATABASE_URL"}
        environment = {name: value for name, value in os.environ.items() if name not in unset} | self.settings
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "up.log").open("ab") as output:
            self.process = subprocess.Popen(
                tethered([LRSEARCH, "up", "--home", str(self.home), "--port", "0"], signal.SIGTERM),
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.until(lambda: self.state()["pid"] == self.pid, 90)
        self.url = self.state()["url"]
        self.until(lambda: self.get("/livez").status_code == 200, 90)
        self.seconds_to_live = time.monotonic() - started
        queue.configure(self.state()["broker_url"])

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        assert self.process is not None
        return self.process.pid

    def state(self) -> dict[str, Any]:
        """The state file; {"pid": None} while there is none."""
        file = self.home / "service.json"
        return json.loads(file.read_text()) if file.exists() else {"pid": None, "children": {}}

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything it started."""
        supervisor = psutil.Process(self.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def worker_children(self) -> list[psutil.Process]:
        """The prefork children of the Celery worker."""
        return psutil.Process(self.state()["children"]["worker"]).children()

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=20)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return httpx2.post(self.url + path, timeout=20, **options)

    def submit(self, document: dict[str, Any]) -> str:
        """POST a job; its id."""
        answer = self.post("/v1/jobs", json=document)
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/v1/jobs/{job_id}").json()

    def wait_for(self, job_id: str, *statuses: str, seconds: float = 120) -> dict[str, Any]:
        """The job, once it has one of the statuses (a final one, if none is given)."""
        wanted = statuses or ("succeeded", "failed", "cancelled")
        self.until(lambda: self.job(job_id)["status"] in wanted, seconds, lambda: str(self.job(job_id)))
        return self.job(job_id)

    def until(self, condition: Callable[[], object], seconds: float, tell: Callable[[], str] = lambda: "") -> None:
        """Wait for a condition; connection errors count as not yet."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except (httpx2.TransportError, psutil.NoSuchProcess, json.JSONDecodeError, KeyError):
                pass
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"The service ended with {self.process.returncode}:\n{self.logs()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"Not within {seconds} s. {tell()}\n{self.logs()}")
            time.sleep(0.05)

    def logs(self) -> str:
        """The last lines of every log, for the message of a failed test."""
        files = sorted(self.home.glob("*.log")) + sorted(self.home.glob("logs/*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        assert self.process is not None
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - started

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.db.dispose()


def contention() -> float:
    """How many processes fight for a core now: wall-clock time over processor time of a short computation, >= 1.

    Promises in seconds are made for a machine that is not overloaded; tests scale them by this.
    """
    wall, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.3:
        sum(range(1_000))
    return max(1.0, (time.monotonic() - wall) / (time.process_time() - used))


def range_test(**changes: Any) -> dict[str, Any]:
    """A range test document; under the toy trainer, data and model only give sizes."""
    return {
        "schema": 1,
        "kind": "range_test",
        "model": {"kind": "builtin", "name": "digits_mlp"},
        "data": {"kind": "builtin", "name": "digits"},
        "optimizer": {"kind": "sgd"},
        "batch_size": 50,
        "start_lr": 1e-4,
        "end_lr": 10.0,
        "steps": 100,
        "repeats": 3,
        "seed": 0,
    } | changes
