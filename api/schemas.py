"""Read models: what the API answers. Non-finite numbers are null in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lrsearch.status import JobStatus, TrialStatus

AnyJson: TypeAdapter[Any] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="null"))
"""Writes stored JSON; NaN and infinities are null."""


class Read(BaseModel):
    """Base of the read models; docstrings of the fields become their descriptions."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


class ProblemEntry(Read):
    """One thing that is wrong with a request."""

    in_: Annotated[str, Field(alias="in")]
    """Where: body, path, query or header."""
    pointer: str
    """JSON pointer (RFC 6901) to the field; empty for the whole document."""
    rule: str
    """Machine-readable name of the broken rule."""
    value: Any
    """The value received, made safe and cut to a readable length."""
    message: str
    """What is wrong."""
    action: str
    """What to do next."""


class Problem(Read):
    """An RFC 9457 problem document; `errors` names everything that is wrong, together."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    """Stable machine-readable name of the kind of problem."""
    errors: list[ProblemEntry]
    errors_left_out: int = 0
    """How many more errors there are than are listed."""
    error_id: str = ""
    """Of an internal error: the id under which the service's log has the reason."""


class Progress(Read):
    """How far a job is, in optimizer updates."""

    done: int
    total: int
    eta_seconds: float | None
    """Seconds to go at the speed so far; null before the first progress and after the end."""


class JobError(Read):
    """Why a job failed."""

    model_config = ConfigDict(extra="allow")

    type: str
    message: str
    attempts: list[dict[str, Any]] = []
    """Each attempt's own error."""


class Child(Read):
    """A job that is a part of a composite one."""

    job_id: str
    kind: str
    stage: str
    status: JobStatus
    links: dict[str, str]


class Job(Read):
    """A job as it stands."""

    job_id: str
    kind: str
    status: JobStatus
    progress: Progress
    waiting_because: str | None
    """Why a queued job does not run yet; of a composite job also while it runs: the stage it waits for."""
    attempt: int
    """How often a worker has taken it up; 0 before the first time."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    document: dict[str, Any]
    """The validated document, defaults filled in."""
    links: dict[str, str]
    labels: dict[str, str]
    cancel_requested: bool
    """A running job stops at its next chunk."""
    rerun_of: str | None
    """The job this one repeats."""
    parent_id: str | None = None
    """The composite job this one is a part of."""
    stage: str | None = None
    """Name of the parent's stage it belongs to."""
    children: list[Child] = []
    """Of a composite job: the jobs of its stages so far, in the order in which they were made."""
    summary: dict[str, Any] | None = None
    """What of the result fits into a line (verdict and suggestion, or recommendation and flags); null before there is one."""


class JobPage(Read):
    """One page of jobs, newest first."""

    items: list[Job]
    next_page_token: str | None
    """Pass it as `page_token` for the next page; null on the last."""


class Estimate(Read):
    """What a valid job document will cost; answer of `validate_only`."""

    updates: int
    trials: int
    estimated_seconds: float | None
    """Wall-clock seconds once a worker takes it: `updates` times what an update cost in the newest succeeded jobs of the
    same kind, model, data, batch size and engine (median); null before the first."""


class Trial(Read):
    """One training with one seed."""

    number: int
    status: TrialStatus
    seed: int
    setting: dict[str, Any]
    """What the trials of several seeds share."""
    stop_reason: str
    stopped_at: int | None
    """Update at which it stopped; null when completed."""
    metrics: dict[str, float | None]
    facts: dict[str, Any]
    """Engine, seconds by phase, environment."""
    links: dict[str, str]


class TrialList(Read):
    """The finished trials of a job, by number."""

    items: list[Trial]


class Curve(Read):
    """What a training measured: index i is update i."""

    trial: int
    seed: int
    lrs: list[float]
    losses: list[float | None]
    """Loss of batch i before update i; null where it was not finite, see `stop_reason`."""
    momenta: list[float] | None = None
    """Momentum (or `beta_1`) of each update, where the schedule moves it; else null."""
    history: dict[str, list[float | None]]
    """Metrics by epoch."""
    stopped_at: int | None
    stop_reason: str


class Suggestion(Read):
    """A rule's answer; `lr` is null unless the verdict is `suggestion`."""

    rule: str
    lr: float | None
    min_lr: float | None
    max_lr: float | None
    interval: tuple[float, float] | None = None
    """Lowest and highest suggested rate over the repeats."""
    level: float | None = None
    """Share of the benchmark's answers in whose interval every rate held (docs/advice.md); null where not measured."""
    why: str


class RuleAnswer(Suggestion):
    """A rule's answer with its verdict."""

    verdict: str
    """suggestion, flat, monotone, diverged_at_once, non_finite, too_few_points or unconfirmed."""


class ResultCurve(Read):
    """A repeat's curve with its zero-phase smoothing."""

    trial: int
    seed: int
    lrs: list[float]
    losses: list[float | None]
    """Mean batch loss at each rate; null where it was not finite."""
    values: list[float | None]
    """What the rules read: the losses, 1 - accuracy, or the loss on held-out data, as `metric` says."""
    smoothed: list[float | None]
    stopped_at: int | None
    stop_reason: str


class GroupResult(Read):
    """What the ramps of one layer group say, all other layers at `others_lr`."""

    name: str
    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    curves: list[ResultCurve]


class HeldOutCheck(Read):
    """What samples held out say of the fall, where a ramp sees at least half of the samples."""

    samples: int
    """How many are held out."""
    knowing_nothing: list[float | None]
    """Of each repeat: the lesser of the held-out loss before the first update and of the best answer that looks at no sample."""
    best: list[float | None]
    """Of each repeat: the least held-out loss along the ramp."""
    holds: bool
    """Whether some repeat gains enough; if not, the verdict is `unconfirmed`."""
    why: str


class RangeTestResult(Read):
    """Result of a range test; fields may be added."""

    model_config = ConfigDict(extra="allow")

    kind: str
    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    metric: str
    """loss, accuracy or val_loss."""
    check: HeldOutCheck | None = None
    """Null where a ramp sees few of the samples, with `confirm`, or when it was not asked for."""
    curves: list[ResultCurve]
    groups: list[GroupResult] | None = None
    """With `per_group`: each layer group ramped by itself."""
    others_lr: float | None = None
    """With `per_group`: the rate of all other layers."""
    training: dict[str, Any] | None = None
    """With `per_group`: `learning_rate` and `layer_groups` of a training whose groups' rates relate as suggested; null where one has none."""
    holds_for: dict[str, Any]
    """Model, data, optimizer and batch size outside of which the rate means little."""
    code: str
    """Keras code to paste."""
    engine: str | None
    environment: dict[str, Any]
    seconds: dict[str, float]
    updates: int


class SettingRow(Read):
    """A setting of a comparison, ranked."""

    setting: str
    values: dict[str, Any]
    """Pointer -> value: what makes it a setting of its own."""
    metrics: dict[str, dict[str, Any]]
    """Metric -> mean over the seeds, its 95 % t interval, and the value of each seed (null where it diverged)."""
    group: int
    """1 for the best; settings of one group are not distinguishable from its first."""
    diverged: int
    """How many of its runs diverged."""
    trials: list[int]
    flags: list[str]


class Recommendation(Read):
    """The setting to use."""

    setting: str
    why: str


class PairedTest(Read):
    """Two settings compared seed by seed."""

    a: str
    b: str
    difference: float | None
    """Mean of a - b; null when a run of either diverged."""
    p_holm: float
    """p value of the paired t test, Holm-corrected over all pairs."""


class ComparisonResult(Read):
    """Result of a training, a sweep or a comparison; fields may be added."""

    model_config = ConfigDict(extra="allow")

    kind: str
    metric: str
    direction: str
    leaderboard: list[SettingRow]
    """Best first; settings with diverged runs come last."""
    recommendation: Recommendation | None
    """Null where the evidence does not carry one."""
    flags: list[str]
    flag_notes: dict[str, str]
    """Flag -> the sentence that explains it."""
    tests: list[PairedTest]
    curves: list[dict[str, Any]]
    holds_for: dict[str, Any]
    """Model, data, batch size, length and validation outside of which the ranking means little."""
    code: str | None
    """Keras code to paste."""
    engine: str | None
    environment: dict[str, Any]
    seconds: dict[str, float]
    updates: int


class Plot(Read):
    """A figure of a result and where its renderings are."""

    name: str
    title: str
    links: dict[str, str]


class PlotList(Read):
    """The figures of a job."""

    items: list[Plot]


class Worker(Read):
    """A worker that was seen lately."""

    worker_id: str
    host: str
    pid: int
    device: str
    state: str
    """warming_up, idle or busy."""
    pack_id: str | None
    """What it works on."""
    started_at: datetime
    last_seen_at: datetime


class WorkerList(Read):
    """The workers seen within the last 30 seconds."""

    items: list[Worker]


class RuleHeld(Read):
    """How a suggestion rule held: its answers beside what trainings of the same task ended with."""

    rule: str
    """Name of the rule; `race` is the winner of a race, judged by trainings of other jobs alone."""
    optimizer: str | None
    """Null: all that the filters leave."""
    model: str | None
    """Null: all that the filters leave."""
    answers: int
    """Answers to range tests that are stored."""
    without_rate: int
    """Answers whose verdict is no suggestion."""
    without_evidence: int
    """Answers near whose rate nothing was trained, or on whose task the best rate is not known."""
    judged: int
    """Answers with a regret."""
    tasks: int
    """Tasks of the judged answers; each has one vote, the mean regret of the answers on it."""
    held: float | None
    """Share of the tasks whose regret is at most `held_regret`; null without a judged answer."""
    held_interval: tuple[float, float] | None
    """Of the share, at 95 %; null with fewer than 5 tasks."""
    median: float | None
    """Of the tasks' regrets."""
    p90: float | None
    """Of the tasks' regrets."""
    worst: float | None
    """Of the tasks' regrets."""
    worst_job_id: str | None
    """The job with the answer of greatest regret."""


class RuleInsights(Read):
    """Which rule held. Regret of a rate: (its loss - best loss) / (loss at a vanishing rate - best loss), 0 to 1."""

    rules: list[RuleHeld]
    """Over all that the filters leave, the least median first; rules without a judged answer last."""
    groups: list[RuleHeld]
    """By optimizer and model."""
    outcomes: int
    """Trainings that the regrets were taken from."""
    held_regret: float
    """A rate held when its regret is at most this."""


class CatalogEntry(Read):
    """One member: what it is, its source, its schema and defaults."""

    name: str
    description: str
    cites: list[str]
    json_schema: dict[str, Any]
    """JSON Schema of its fields; empty where it has none."""
    defaults: dict[str, Any]
    facts: dict[str, Any]
    """Shapes, sizes, tasks, default rates, ..."""


class Catalog(Read):
    """Everything a document can name."""

    job_kinds: list[CatalogEntry]
    rules: list[CatalogEntry]
    schedules: list[CatalogEntry]
    controllers: list[CatalogEntry]
    samplers: list[CatalogEntry]
    pruners: list[CatalogEntry]
    optimizers: list[CatalogEntry]
    models: list[CatalogEntry]
    datasets: list[CatalogEntry]
    broken_plugins: list[str]
    """Rows of installed packages that could not be used, and why."""


class Analysis(Read):
    """What the rules read in curves measured elsewhere."""

    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    plot: dict[str, Any]
    """A Plotly figure."""


class Liveness(Read):
    """The process answers."""

    status: str
    version: str


class Readiness(Read):
    """Jobs can be accepted; whether workers run them stands in `workers`."""

    status: str
    checks: dict[str, bool]
    workers: dict[str, int]
    """How many workers are in which state."""
