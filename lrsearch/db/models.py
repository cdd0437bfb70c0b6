"""The tables. Rows stay inside `lrsearch.db` and `lrsearch.jobs`; other floors see the read models of `lrsearch.jobs`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lrsearch.db.types import JsonText, UtcDateTime
from lrsearch.status import JobStatus, TrialStatus

_BIG = BigInteger().with_variant(Integer, "sqlite")
# SQLite counts by itself only in a column of type INTEGER, which has 64 bits there.


def _one_of(column: str, statuses: type[JobStatus] | type[TrialStatus]) -> CheckConstraint:
    words = ", ".join(f"'{status.value}'" for status in statuses)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


class Base(DeclarativeBase):
    """Names of constraints are fixed by rule, so that migrations can address them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JsonText(), list[Any]: JsonText()}  # noqa: RUF012 - SQLAlchemy's own form


class Job(Base):
    """One job document and what became of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        _one_of("status", JobStatus),
        Index(None, "status", "seq"),
        Index(None, "kind", "seq"),
        Index(None, "parent_id", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    """Order of arrival: the queue's order and what page tokens point at."""
    job_id: Mapped[str] = mapped_column(String(32), unique=True)
    kind: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change: the ETag."""
    document: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    wall_seconds: Mapped[float]
    """Limit on the time since `started_at`."""
    rerun_of: Mapped[str | None] = mapped_column(String(32))
    parent_id: Mapped[str | None] = mapped_column(String(32))
    """The composite job this one is a part of; no foreign key, `jobs.delete` takes the children along."""
    stage: Mapped[str | None] = mapped_column(String(64))
    """Name of the parent's stage this job belongs to."""
    stages_begun: Mapped[int | None]
    """Of a composite job: how many stages were begun, counted up by compare-and-set; null for all others."""
    updates_to_come: Mapped[float | None]
    """Estimated updates of the stages of a composite job that have no jobs yet, or of the shared trials that no pack has."""
    cancel_requested_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    """First claim of any of its packs."""
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class JobLabel(Base):
    """One label of a job: a row each, so that a filter can use an index.

    The longest key and value (`lrsearch.experiments.base`) fit, in UTF-8, into an index entry of Postgres: 2,704 bytes.
    """

    __tablename__ = "job_labels"
    __table_args__ = (Index(None, "key", "value"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Pack(Base):
    """One or more trials of a job: what a worker claims, under a lease and an attempt token."""

    __tablename__ = "packs"
    __table_args__ = (
        _one_of("status", JobStatus),
        UniqueConstraint("job_id", "number"),
        Index(None, "status", "lease_until"),
        Index(None, "status", "sent_at"),
    )

    pack_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"))
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    trials: Mapped[list[Any]] = mapped_column(deferred=True)
    """Trial numbers of the pack; read where trials are given out only, since a night's search has thousands."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Number of claims so far."""
    stale_attempts: Mapped[int] = mapped_column(default=0)
    """Failed attempts in a row that made no progress."""
    has_progressed: Mapped[bool] = mapped_column(default=False)
    """Whether the current attempt recorded a trial or a new checkpoint."""
    errors: Mapped[list[Any]] = mapped_column(default=list)
    """How each failed attempt ended."""
    token: Mapped[str | None] = mapped_column(String(32))
    """The fence: a write without this token is refused."""
    worker_id: Mapped[str | None] = mapped_column(String(128))
    lease_until: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    """When its message last went to the broker; never, where null."""
    sends: Mapped[int] = mapped_column(default=0)
    progress_base: Mapped[float] = mapped_column(default=0.0)
    """Updates of the trials that earlier attempts finished."""
    progress_done: Mapped[float] = mapped_column(default=0.0)
    progress_total: Mapped[float] = mapped_column(default=0.0)


class Trial(Base):
    """One finished training; the table is not called `trials` because Optuna's table of that name may live beside it."""

    __tablename__ = "job_trials"
    __table_args__ = (_one_of("status", TrialStatus),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pack_id: Mapped[str] = mapped_column(String(48))
    attempt: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    seed: Mapped[int]
    setting: Mapped[dict[str, Any]]
    stop_reason: Mapped[str] = mapped_column(String(32))
    stopped_at: Mapped[int | None]
    metrics: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any]]
    recorded_at: Mapped[datetime]
    arrays: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Curve and histories, see `lrsearch.db.arrays`."""


class OutcomeRow(Base):
    """How a training ended, in terms in which trainings of all jobs are compared; written and deleted with its trial."""

    __tablename__ = "outcomes"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the trial."""
    task: Mapped[str] = mapped_column(String(32), index=True)
    yardstick: Mapped[str] = mapped_column(String(32))
    shape: Mapped[str] = mapped_column(String(32))
    updates: Mapped[int]
    lr: Mapped[float]
    loss: Mapped[float | None]
    """Null where the run diverged."""
    first_loss: Mapped[float | None]
    seed: Mapped[int]


class AdviceRow(Base):
    """What a suggestion rule answered to the range tests of a job; deleted with the job."""

    __tablename__ = "advice"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True)
    rule: Mapped[str] = mapped_column(String(32), primary_key=True)
    metric: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(32))
    lr: Mapped[float | None]
    min_lr: Mapped[float | None]
    max_lr: Mapped[float | None]
    task: Mapped[str] = mapped_column(String(32))
    model: Mapped[str]
    data: Mapped[str]
    optimizer: Mapped[str] = mapped_column(String(64))


class JobEvent(Base):
    """What happened to a job, in order: state moves, progress, trial results."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id", "event_id"), {"sqlite_autoincrement": True})

    event_id: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime]


class CheckpointFile(Base):
    """An artifact some pack needs, or needed: what the clean-up reads."""

    __tablename__ = "checkpoints"

    checkpoint_id: Mapped[int] = mapped_column(_BIG, primary_key=True, autoincrement=True)
    pack_id: Mapped[str | None] = mapped_column(ForeignKey("packs.pack_id", ondelete="SET NULL"), index=True)
    """Null once the job was deleted: the file is garbage."""
    trial: Mapped[int]
    artifact: Mapped[str] = mapped_column(String(64), index=True)
    is_current: Mapped[bool] = mapped_column(default=True)
    """False once a newer checkpoint of the trial replaced it, or the pack ended."""


class Worker(Base):
    """A worker that was seen."""

    __tablename__ = "workers"

    worker_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    device: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))
    pack_id: Mapped[str | None] = mapped_column(String(48))
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class IdempotencyKey(Base):
    """A client's key for a submission; its primary key decides races."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
