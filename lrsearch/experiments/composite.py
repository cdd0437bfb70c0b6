"""Job kinds whose work is other jobs: stage after stage of child jobs, each an ordinary job with its own result."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.status import JobStatus


@dataclass(frozen=True, slots=True)
class Child:
    """A child job, as its parent reads it.

    Attributes:
        job_id: its id; empty in a run without a service.
        stage: name of the stage it belongs to.
        document: what it was asked.
        status: how it ended, or where it stands.
        result: what it found, None before it has one.
        seconds: wall-clock seconds from its first claim to its end, None before.
    """

    job_id: str
    stage: str
    document: Mapping[str, Any]
    status: JobStatus
    result: Mapping[str, Any] | None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """The next child jobs: they may run side by side, and the parent goes on when all are over.

    Attributes:
        name: unique within the parent.
        documents: of the child jobs, at least one, none of them composite.
        updates_to_come: estimated updates of the stages after this one, for the progress.
    """

    name: str
    documents: Sequence[Mapping[str, Any]]
    updates_to_come: int


class Composite(Experiment):
    """A job without packs of its own: it waits, on no worker, for the jobs of its stages.

    Both methods are asked anew with all children so far, in the order in which they were made, and must answer from
    them and the document alone: they are asked again after a crash.
    """

    @abstractmethod
    def next_stage(self, children: Sequence[Child]) -> Stage | None:
        """The stage after those of `children`, which all succeeded; None when the job is complete."""

    @abstractmethod
    def conclude_children(self, children: Sequence[Child]) -> dict[str, Any]:
        """The result from the children that have one; also from fewer stages, where the job failed or was cancelled."""

    def packs(self, workers: int) -> list[list[int]]:
        """None: the trials are those of the children."""
        return []

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Nothing: there are no trials of its own."""

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """What can be said before any child ended."""
        return self.conclude_children([])

    def run(self, context: Context) -> dict[str, Any]:
        """The whole job in this process, child after child; the trials are numbered through."""
        from lrsearch.experiments import AnyExperiment  # the registry imports this module

        adapter: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)
        children: list[Child] = []
        passed = 0

        def keep(records: Sequence[TrialRecord]) -> None:
            nonlocal passed
            context.on_trials([replace(record, number=passed + place) for place, record in enumerate(records)])
            passed += len(records)

        while (stage := self.next_stage(children)) is not None:
            for document in stage.documents:
                local = replace(context, on_trials=keep, checkpoints={})
                result = adapter.validate_python(document).run(local)
                children.append(Child("", stage.name, document, JobStatus.SUCCEEDED, result))
        return self.conclude_children(children)
