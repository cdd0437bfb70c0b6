"""What every job kind is: a validated spec that plans packs, trains them and concludes from the stored trials."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.errors import Problem
from lrsearch.experiments.outcomes import Advice, Outcome
from lrsearch.experiments.packing import first_free
from lrsearch.spec import PositiveInt, Spec
from lrsearch.status import TrialStatus
from lrsearch.training.plan import Checkpoint
from lrsearch.training.trainer import StopReason, Trainer

Groups = Sequence[Sequence[int]]
"""Trial numbers that go to one pack together."""
LabelKey = Annotated[str, Field(min_length=1, max_length=100)]
LabelValue = Annotated[str, Field(max_length=500)]


class Limits(Spec):
    """What a job may use; one that breaks a limit is `failed` with `limit_<name>` and keeps its partial result."""

    wall_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds of wall-clock time from the first claim."""
    trials: PositiveInt | None = None
    """Greatest number of trials."""
    epochs: PositiveInt | None = None
    """Greatest number of epochs, over all trials."""
    memory_bytes: PositiveInt | None = None
    """Greatest resident memory of the worker's process."""


@dataclass(frozen=True, slots=True, eq=False)
class TrialRecord:
    """One training with one seed, as it is stored.

    Attributes:
        number: counted from 0 within the job; what the plan of the trial is derived from.
        status: how it ended.
        seed: its seed.
        setting: what trials of several seeds share; JSON-able.
        arrays: name -> 1-D float64 array: `lrs`, `losses`, `batch/<metric>` per update, and `momenta` where they are not
            the optimizer's own; `history/<metric>` per epoch;
            `validations/<metric>` per validation of a plan that validates every so many steps.
        metrics: final numbers, finite or not.
        stop_reason, stopped_at: as in `Run`.
        facts: engine, seconds, ...; JSON-able.
        outcome: how it ended in comparable terms, stored with it; None on what is read back, and where there is none.
    """

    number: int
    status: TrialStatus
    seed: int
    setting: dict[str, Any]
    arrays: dict[str, NDArray[np.float64]]
    stop_reason: StopReason
    stopped_at: int | None
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pack is; `done` and `total` count updates."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job will cost, as far as its document tells."""

    updates: int
    trials: int
    estimated_seconds: float | None


@dataclass(slots=True)
class Context:
    """All an experiment may touch of the outside world.

    Attributes:
        trainer: trains plans.
        on_trials: stores finished trials, those that were trained together in one transaction.
        on_progress: told between chunks.
        should_stop: asked between chunks; a reason ends the runs.
        checkpoints: trial number -> checkpoint an earlier attempt left.
        on_checkpoint: offered (trial number, maker) between chunks; the receiver decides how often to call the maker.
        finished: reads the trials of the job that are recorded already, by number; costs a query with their curves.
        job_id: of the job; empty for one that runs in this process alone.
        attempt: of the pack, counted from 1.
        pack: number of the pack within the job, counted from 0.
        database_url: where studies are kept; None: in memory.
        hold: raises `LostLease` when the pack is no longer ours: asked before writing what no token fences.
        take: (groups of trials, count) -> trials of at most so many of the groups that no pack of the job has yet: they
            are this pack's from now on. Empty: nothing is left. Raises `LostLease` as `hold`.
        elapsed_seconds: seconds since the job's first claim.
    """

    trainer: Trainer
    on_trials: Callable[[Sequence[TrialRecord]], None]
    on_progress: Callable[[Progress], None] = lambda progress: None
    should_stop: Callable[[], StopReason | None] = lambda: None
    checkpoints: Mapping[int, Checkpoint] = field(default_factory=dict[int, Checkpoint])
    on_checkpoint: Callable[[int, Callable[[], Checkpoint]], None] = lambda number, make: None
    finished: Callable[[], Mapping[int, TrialRecord]] = dict[int, TrialRecord]
    job_id: str = ""
    attempt: int = 1
    pack: int = 0
    database_url: str | None = None
    hold: Callable[[], None] = lambda: None
    take: Callable[[Groups, int], list[int]] = lambda groups, count: list[int]()
    elapsed_seconds: Callable[[], float] = lambda: 0.0

    @property
    def study_name(self) -> str | None:
        """Name of the job's study in the database; None for one in memory."""
        return study_name_of(self.job_id) if self.job_id else None


def study_name_of(job_id: str) -> str:
    """Name of the Optuna study of a job that keeps one."""
    return f"job-{job_id}"


class Experiment(Spec):
    """A job document. The way of a job: `packs` -> `train` a pack (on any worker) -> `conclude` from all stored trials."""

    keeps_study: ClassVar[bool] = False
    """Whether an Optuna study of each job is kept in the database."""
    shares_surely: ClassVar[bool] = True
    """Whether all of `shared_trials` are made if nothing ends the job: then they count in its progress from the start, and idle
    workers join for them; else they count when they are taken, and none joins."""
    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    """Version of the document's shape."""
    limits: Limits = Limits()
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict[str, str])
    """Free text of the user, filterable; keys of at most 100 characters, values of at most 500."""

    def problems(self) -> list[Problem]:
        """What is wrong beyond single fields: names that no catalog row has, models that cannot take their data, ..."""
        return []

    @abstractmethod
    def estimate(self) -> Estimate:
        """Updates, trials and seconds of the job."""

    @abstractmethod
    def packs(self, workers: int) -> list[list[int]]:
        """Trial numbers of each pack, at most `workers` packs; what they take of `shared_trials` comes later."""

    @property
    def shared_trials(self) -> Groups:
        """Trials that belong to no pack at first: each pack takes of them as it goes, so that workers may join and leave."""
        return ()

    def may_join(self, recorded: AbstractSet[int]) -> bool:
        """Whether another worker could take part, when the trials of these numbers are recorded."""
        return bool(self.shared_trials)

    @abstractmethod
    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train the given trials and hand the records to `context.on_trials`."""

    @abstractmethod
    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """The result of the job from the records of all its trials (also of those that were cancelled); JSON-able but for non-finite numbers."""

    def advice(self, result: Mapping[str, Any]) -> list[Advice]:
        """What suggestion rules answered, from the whole result: kept to be compared with what trainings show."""
        return []

    @abstractmethod
    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """Plots drawn from the stored result."""

    def run(self, context: Context) -> dict[str, Any]:
        """The whole job in this process."""
        records: list[TrialRecord] = []

        def keep(new: Sequence[TrialRecord]) -> None:
            records.extend(new)
            context.on_trials(new)

        packs = self.packs(1)
        owned = {number for trials in packs for number in trials}

        def take(groups: Groups, count: int) -> list[int]:
            numbers = [number for group in first_free(groups, owned, count) for number in group]
            owned.update(numbers)
            return numbers

        local = replace(
            context, on_trials=keep, take=take, finished=lambda: {record.number: record for record in records}
        )
        for trials in packs:
            self.train(trials, local)
        return self.conclude(sorted(records, key=lambda record: record.number))


Role: TypeAlias = Literal["raw", "main", "muted", "points", "faint"]
"""Style of a line: raw is thin and pale, faint are pale points."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line; `role` picks its style; one of many alike stands for all in the legend."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    role: Role = "main"
    is_in_legend: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A filled band between low and high; `of` names the line whose colour it has, and such a band has no entry of its own."""

    label: str
    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    of: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A shaded range of x."""

    label: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at x; `role`: suggestion or warning."""

    label: str
    x: float
    role: Literal["suggestion", "warning"] = "suggestion"


@dataclass(frozen=True, slots=True, eq=False)
class Whiskers:
    """Points with a vertical interval each; NaN ends where there is none."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Rank:
    """A row of a ranking, best first: a point with a horizontal interval in the colour of its group."""

    label: str
    value: float
    low: float
    high: float
    group: int
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """A matrix as colours: `values[row][column]`, NaN where there is none; `best` is the marked cell (row, column)."""

    label: str
    x: Sequence[str]
    y: Sequence[str]
    values: Sequence[Sequence[float]]
    best: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PlotSpec:
    """A figure in the words of what it shows; `lrsearch/reports` renders it as PNG, SVG and Plotly JSON.

    A figure has lines with all that goes with them, or `ranks`, or a `heat` map, or `panels`: small multiples, each a
    figure of its own with lines, on common axes.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    spans: Sequence[Span] = ()
    marks: Sequence[Mark] = ()
    whiskers: Sequence[Whiskers] = ()
    ranks: Sequence[Rank] = ()
    heat: Heat | None = None
    panels: Sequence[PlotSpec] = ()
    x_names: Sequence[str] = ()
    """Names of the places 0, 1, ... of the x axis, where they are no numbers."""
    x_limits: tuple[float, float] | None = None
    """Ends of the x axis; left out, those of what is shown."""
    group_names: Sequence[str] = ()
    """What the groups 1, 2, ... of `ranks` are; left out, "group 1", ..."""
