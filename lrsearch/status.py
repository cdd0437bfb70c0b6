"""The states of a job, a pack and a trial, and the one table of the moves that are allowed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class JobStatus(StrEnum):
    """Where a job stands. `succeeded`, `failed` and `cancelled` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrialStatus(StrEnum):
    """How one training ended. Four words never mixed: pruned (the pruner's decision), diverged (the loss rule), cancelled (the user), failed (a fault)."""

    COMPLETE = "complete"
    DIVERGED = "diverged"
    PRUNED = "pruned"
    CANCELLED = "cancelled"
    FAILED = "failed"


TRANSITIONS: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: frozenset({JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}
"""Moves a job, or a pack of it, may make; running -> queued is an expired lease. Final states have no exits."""

FINAL: Final = frozenset(status for status, exits in TRANSITIONS.items() if not exits)
"""The states that nothing leaves."""


def may_move(old: JobStatus, new: JobStatus) -> bool:
    """Whether `TRANSITIONS` allows `old` -> `new`."""
    return new in TRANSITIONS[old]


def sources_of(new: JobStatus) -> frozenset[JobStatus]:
    """The states from which `new` may be reached: the WHERE clause of the UPDATE that moves there."""
    return frozenset(old for old, exits in TRANSITIONS.items() if new in exits)


def mermaid() -> str:
    """The state diagram of `TRANSITIONS` in Mermaid's words, as the documentation shows it.

    Example:
        >>> print(mermaid().splitlines()[1])
            [*] --> queued
    """
    lines = ["stateDiagram-v2", f"    [*] --> {JobStatus.QUEUED}"]
    lines += [f"    {old} --> {new}" for old in JobStatus for new in JobStatus if may_move(old, new)]
    lines += [f"    {status} --> [*]" for status in JobStatus if status in FINAL]
    return "\n".join(lines)
