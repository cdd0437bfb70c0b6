"""From a run to the record that is stored of its trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrsearch.experiments.base import TrialRecord
from lrsearch.status import TrialStatus
from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Run, StopReason

STATUS_OF: Mapping[StopReason, TrialStatus] = {
    StopReason.COMPLETED: TrialStatus.COMPLETE,
    StopReason.EARLY_STOPPED: TrialStatus.COMPLETE,
    StopReason.DIVERGED: TrialStatus.DIVERGED,
    StopReason.NON_FINITE: TrialStatus.DIVERGED,
    StopReason.PRUNED: TrialStatus.PRUNED,
    StopReason.CANCELLED: TrialStatus.CANCELLED,
    StopReason.LIMIT: TrialStatus.CANCELLED,
}
"""How a trial ended, from why its run ended."""


def record_of(number: int, plan: Plan, run: Run, setting: Mapping[str, Any] | None = None) -> TrialRecord:
    """The record of a trial from its plan and its run."""
    arrays = {"lrs": run.curve.lrs, "losses": run.curve.losses}
    arrays |= {} if plan.momenta is None else {"momenta": plan.momenta[: len(run.curve)]}
    arrays |= {f"history/{name}": values for name, values in run.history.items()}
    arrays |= {f"batch/{name}": values for name, values in run.batch_metrics.items()}
    arrays |= {f"validations/{name}": values for name, values in run.validations.items()}
    facts = {"engine": run.engine, "environment": dict(run.engine_facts), "seconds": dict(run.seconds)}
    return TrialRecord(
        number=number,
        status=STATUS_OF[run.stop_reason],
        seed=plan.seed,
        setting=dict(setting or {}),
        arrays=arrays,
        stop_reason=run.stop_reason,
        stopped_at=run.stopped_at,
        metrics=dict(run.final),
        facts=facts,
    )
