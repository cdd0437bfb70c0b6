"""What Prometheus is shown: read from the database at each scrape, so that every process and host is in it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.repository import job_rows, metric_rows
from lrsearch.status import JobStatus, TrialStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SETTLED: Final = timedelta(seconds=60)
"""A trial recorded so long ago is counted once and remembered: no transaction commits later than that."""
RATE_SECONDS: Final = 60.0
"""Window of the step rate."""
WORKER_STATES: Final = ("warming_up", "idle", "busy")


def render(collector: Collector) -> bytes:
    """The figures of `collector` in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


class DatabaseCollector(Collector):
    """Reads the figures from `db`; one a process, because it keeps counters from falling.

    Deleting a job takes its numbers out of the tables. A falling counter would look like a restart, and the rate drawn
    from it would leap; so what is lost from one scrape to the next is added on.

    Raises (in `collect`):
        Unavailable: the database is away.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._rising: dict[str, Rising] = {}
        self._phases: set[str] = set()
        self._trials = TrialTotals()
        self._steps = Rate(RATE_SECONDS)

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registration must not ask the database."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All figures, read in one transaction."""
        with self._lock, self._db.session() as session:
            metrics = [*self._jobs(session), *self._packs(session), *self._training(session)]
        metrics.append(self._workers())
        return iter(metrics)

    def _jobs(self, session: Session) -> Iterator[Metric]:
        counts = metric_rows.jobs_by_status(session)
        by_state = GaugeMetricFamily("lrsearch_jobs", "Jobs stored, by state.", labels=["state"])
        for status in JobStatus:
            by_state.add_metric([status.value], counts.get(status.value, 0))
        yield by_state
        yield GaugeMetricFamily(
            "lrsearch_queue_age_seconds",
            "Seconds since the longest waiting queued job was submitted, 0 when none waits.",
            value=metric_rows.oldest_queued_seconds(session),
        )

    def _packs(self, session: Session) -> Iterator[Metric]:
        retries, updates = metric_rows.retries_and_updates(session)
        yield self._counter("lrsearch_retries", "Attempts at packs beyond the first.", retries)
        errors = Counter(metric_rows.attempt_errors(session))
        expiries = errors["lease_expired"]
        yield self._counter("lrsearch_lease_expiries", "Attempts whose worker gave no sign of life.", expiries)
        steps = self._counter("lrsearch_steps", "Optimizer updates made.", updates)
        yield steps
        rate = self._steps.seen(steps.samples[0].value)
        yield GaugeMetricFamily(
            "lrsearch_steps_per_second",
            f"Optimizer updates a second between the scrapes of the last {RATE_SECONDS:.0f} s; NaN before the second.",
            value=float("nan") if rate is None else rate,
        )

    def _training(self, session: Session) -> Iterator[Metric]:
        statuses, seconds = self._trials.read(session)
        trials = CounterMetricFamily("lrsearch_trials", "Trials recorded, by how they ended.", labels=["status"])
        for status in TrialStatus:
            trials.add_metric([status.value], self._rise(f"trials/{status.value}", statuses[status.value]))
        yield trials
        spent = CounterMetricFamily(
            "lrsearch_training_seconds", "Wall-clock seconds of recorded trials, by phase.", labels=["phase"]
        )
        self._phases |= seconds.keys()
        for phase in sorted(self._phases):
            spent.add_metric([phase], self._rise(f"seconds/{phase}", seconds[phase]))
        yield spent

    def _workers(self) -> Metric:
        states = Counter(str(worker.state) for worker in jobs.workers(self._db))
        workers = GaugeMetricFamily("lrsearch_workers", "Workers seen lately, by state.", labels=["state"])
        for state in WORKER_STATES:
            workers.add_metric([state], states[state])
        return workers

    def _counter(self, name: str, documentation: str, value: float) -> CounterMetricFamily:
        return CounterMetricFamily(name, documentation, value=self._rise(name, value))

    def _rise(self, name: str, value: float) -> float:
        return self._rising.setdefault(name, Rising()).seen(value)


@dataclass(slots=True)
class Rising:
    """A number that never falls, made from one that does when rows are deleted.

    Example:
        >>> total = Rising()
        >>> [total.seen(value) for value in (5, 3, 4)]
        [5.0, 5.0, 6.0]
    """

    last: float = 0.0
    lost: float = 0.0

    def seen(self, value: float) -> float:
        """The total after `value` was read."""
        self.lost += max(self.last - value, 0.0)
        self.last = float(value)
        return self.last + self.lost


@dataclass(slots=True)
class Rate:
    """Change a second of a number, over the samples of a sliding window.

    Attributes:
        window_seconds: samples older than that are dropped, but for the last two.
    """

    window_seconds: float
    samples: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])

    def seen(self, value: float, now: float | None = None) -> float | None:
        """The rate after `value` was read at `now` (seconds, monotonic clock); None before the second sample."""
        now = time.monotonic() if now is None else now
        self.samples.append((now, value))
        while len(self.samples) > 2 and now - self.samples[0][0] > self.window_seconds:
            self.samples.popleft()
        then, before = self.samples[0]
        return None if now <= then else (value - before) / (now - then)


@dataclass(slots=True)
class TrialTotals:
    """Trials by status and seconds by phase: old trials are read once, only the last minute's again."""

    until: datetime | None = None
    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: Counter[str] = field(default_factory=Counter[str])

    def read(self, session: Session) -> tuple[Counter[str], Counter[str]]:
        """(status -> trials, phase -> seconds) of all trials that are, or were, stored."""
        settled = job_rows.now(session) - SETTLED
        if self.until is None or settled > self.until:
            self._add(metric_rows.trials_between(session, self.until, settled), self.statuses, self.seconds)
            self.until = settled
        statuses, seconds = self.statuses.copy(), self.seconds.copy()
        self._add(metric_rows.trials_between(session, self.until, None), statuses, seconds)
        return statuses, seconds

    @staticmethod
    def _add(rows: metric_rows.Trials, statuses: Counter[str], seconds: Counter[str]) -> None:
        for status, facts in rows:
            statuses[status] += 1
            seconds.update({phase: value for phase, value in facts.get("seconds", {}).items() if value > 0})
