"""The life of a job: the verbs the API and the workers share.

Each verb is one transaction on the given `Database`; states move by compare-and-set along `status.TRANSITIONS`, and
every move writes a `job_events` row in the same transaction. Leases are compared on the database's clock, and every
write of a worker carries the attempt token of its claim: one that was declared dead is refused (`LostLease`).
"""

from __future__ import annotations

from lrsearch.jobs.attempts import (
    claim,
    close_cancelled,
    fail,
    finish,
    give_up_attempt,
    orders,
    record,
    record_checkpoint,
    renew,
)
from lrsearch.jobs.care import mark_sent, reap, unused_artifacts
from lrsearch.jobs.crew import disobedient, worker_seen, workers
from lrsearch.jobs.insights import RuleInsights, RuleView, Trained, rule_insights
from lrsearch.jobs.reading import events, find, get, seconds_per_update, trial, trials
from lrsearch.jobs.requests import cancel, delete, submit
from lrsearch.jobs.sharing import leave, take
from lrsearch.jobs.stages import advance
from lrsearch.jobs.studies import settle_studies
from lrsearch.jobs.views import ChildView, Claim, EventView, JobView, Orders, Submitted, WorkerView

__all__ = [
    "ChildView",
    "Claim",
    "EventView",
    "JobView",
    "Orders",
    "RuleInsights",
    "RuleView",
    "Submitted",
    "Trained",
    "WorkerView",
    "advance",
    "cancel",
    "claim",
    "close_cancelled",
    "delete",
    "disobedient",
    "events",
    "fail",
    "find",
    "finish",
    "get",
    "give_up_attempt",
    "leave",
    "mark_sent",
    "orders",
    "reap",
    "record",
    "record_checkpoint",
    "renew",
    "rule_insights",
    "seconds_per_update",
    "settle_studies",
    "submit",
    "take",
    "trial",
    "trials",
    "unused_artifacts",
    "worker_seen",
    "workers",
]
