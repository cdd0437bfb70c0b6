"""The learning-rate range test: one run on a rising schedule per repeat, read by every suggestion rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lrsearch.curves import Curve, DivergenceRule, Ramp, band, ramp_rates, smooth
from lrsearch.errors import Problem
from lrsearch.experiments.base import (
    Band,
    Context,
    Estimate,
    Experiment,
    Line,
    Mark,
    PlotSpec,
    Span,
    TrialRecord,
    train_plans,
)
from lrsearch.experiments.keras_code import range_test_code
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.spec import PositiveInt, Rate, Seed, broken
from lrsearch.suggestions import RULES, RuleName, suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan

MAX_STEPS = 100_000
"""Most updates of one repeat; a longer ramp tells nothing more."""
MAX_REPEATS = 64
"""Most repeats of one range test."""


class RangeTest(Experiment):
    """Raise the learning rate after every batch from `start_lr` to `end_lr` and read the loss curve.

    lr_i = start_lr (end_lr/start_lr)^(i/(steps-1)), i = 0..steps-1 (`linear`: a straight line). The loss at index i is
    the loss of batch i with the weights before update i. Repeats differ in seed: initial weights, data order, dropout.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3, arXiv:1506.01186",
    )

    kind: Literal["range_test"] = "range_test"
    model: ModelSpec
    data: DataSpec
    optimizer: AnyOptimizer
    batch_size: PositiveInt
    """Samples per update; at most the training set."""
    start_lr: Rate = 1e-7
    """Rate of the first update."""
    end_lr: Rate = 10.0
    """Rate of the last update."""
    steps: Annotated[int, Field(ge=10, le=MAX_STEPS, strict=True)] = 100
    """Updates of one repeat."""
    ramp: Ramp = "exponential"
    """How the rate rises between the two ends."""
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS, strict=True)] = 3
    """Runs with seeds seed, seed+1, ...; the interval is read off them."""
    seed: Seed = 0
    """Seed of the first repeat."""
    rule: RuleName = "consensus"
    """The suggestion rule whose answer is the job's suggestion; the result lists all of them."""
    engine: Literal["auto", "compiled", "fit"] = "auto"
    """`fit` forces plain model.fit, `compiled` the compiled step loop."""

    @model_validator(mode="after")
    def _ends_are_ordered(self) -> Self:
        if self.start_lr >= self.end_lr:
            raise broken(
                "start_lr",
                "below_end_lr",
                f"start_lr is {self.start_lr:g} and end_lr is {self.end_lr:g}; the rate must rise.",
                "Set start_lr below end_lr, for example 1e-7 and 10.",
            )
        return self

    @model_validator(mode="after")
    def _rate_is_ours(self) -> Self:
        if self.optimizer.learning_rate is not None:
            raise broken(
                "/optimizer/learning_rate",
                "set_by_range_test",
                f"The optimizer's learning_rate is {self.optimizer.learning_rate:g}, but a range test sets the rate itself.",
                "Remove learning_rate; start_lr and end_lr are the ends of the ramp.",
            )
        return self

    def problems(self) -> list[Problem]:
        """Names without a catalog row, a model that cannot take its data, a batch larger than the data."""
        found = catalog.check(self.model, self.data)
        row = catalog.datasets().get(self.data.name)
        if row is not None and self.batch_size > row.train_size:
            found.append(
                Problem(
                    "/batch_size",
                    "at_most_training_set",
                    self.batch_size,
                    f"batch_size is {self.batch_size}, but {self.data.name} has {row.train_size} training samples.",
                    f"Use a batch_size of at most {row.train_size}.",
                )
            )
        return found

    def estimate(self) -> Estimate:
        """Updates and trials; the seconds are not estimated before the first job of a kind has run."""
        return Estimate(updates=self.steps * self.repeats, trials=self.repeats, estimated_seconds=None)

    def packs(self, workers: int) -> list[list[int]]:
        """One pack with every repeat: they share model and data, and stack."""
        return [list(range(self.repeats))]

    def plan(self, trial: int) -> Plan:
        """The training of one repeat."""
        return Plan(
            model=self.model,
            data=self.data,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            rates=ramp_rates(self.start_lr, self.end_lr, self.steps, self.ramp),
            seed=(self.seed + trial) % 2**31,
            divergence=DivergenceRule(),
            engine=self.engine,
        )

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train the repeats and hand over their curves."""
        train_plans({trial: self.plan(trial) for trial in trials}, context)

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """Bounds by every rule, the chosen rule's suggestion, the curves, and what they hold for."""
        curves = [Curve(record.arrays["lrs"], record.arrays["losses"]) for record in records]
        answers = {rule: suggest(curves, rule=rule, optimizer=self.optimizer.kind) for rule in RULES}
        chosen = answers[self.rule]
        return {
            "kind": self.kind,
            "verdict": chosen.verdict.value,
            "suggestion": _answer(self.rule, chosen) | {"interval": chosen.interval and list(chosen.interval)},
            "rules": [
                _answer(rule, answer)
                | {"verdict": answer.verdict.value, "interval": answer.interval and list(answer.interval)}
                for rule, answer in answers.items()
            ],
            "curves": [_curve(record, curve) for record, curve in zip(records, curves, strict=True)],
            "holds_for": self._holds_for(),
            "code": range_test_code(self.optimizer, chosen),
            "engine": records[0].facts.get("engine") if records else None,
            "environment": records[0].facts.get("environment", {}) if records else {},
            "seconds": _seconds(records),
            "updates": sum(len(curve) for curve in curves),
        }

    def _holds_for(self) -> dict[str, Any]:
        """The setting outside of which the suggested rate means little."""
        return {
            "model": self.model.model_dump(mode="json"),
            "data": self.data.model_dump(mode="json"),
            "optimizer": self.optimizer.model_dump(mode="json", exclude_none=True),
            "batch_size": self.batch_size,
        }

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """Loss over learning rate: raw repeats, their smoothed band, the bounds shaded, divergence marked."""
        return [_loss_plot(self, result)]


def _answer(rule: str, answer: Suggestion) -> dict[str, Any]:
    return {"rule": rule, "lr": answer.lr, "min_lr": answer.min_lr, "max_lr": answer.max_lr, "why": answer.why}


def _curve(record: TrialRecord, curve: Curve) -> dict[str, Any]:
    return {
        "trial": record.number,
        "seed": record.seed,
        "lrs": curve.lrs.tolist(),
        "losses": finite_or_none(curve.losses),
        "smoothed": finite_or_none(smooth(curve)),
        "stopped_at": record.stopped_at,
        "stop_reason": record.stop_reason.value,
    }


def _seconds(records: Sequence[TrialRecord]) -> dict[str, float]:
    """Seconds by phase, summed over the repeats."""
    total: dict[str, float] = {}
    for record in records:
        for phase, seconds in record.facts.get("seconds", {}).items():
            total[phase] = total.get(phase, 0.0) + seconds
    return total


def _loss_plot(document: RangeTest, result: Mapping[str, Any]) -> PlotSpec:
    rows: list[Mapping[str, Any]] = result["curves"]
    curves = [Curve(row["lrs"], _floats(row["losses"])) for row in rows]
    lines = [
        Line(f"batch loss, seed {row['seed']}", row["lrs"], _floats(row["losses"]), "raw", is_in_legend=index == 0)
        for index, row in enumerate(rows)
    ]
    bands: list[Band] = []
    if any(len(curve) for curve in curves):
        middle = band(curves)
        label = f"smoothed, median of {len(curves)}" if len(curves) > 1 else "smoothed"
        lines.append(Line(label, middle.lrs.tolist(), middle.median.tolist(), "main"))
        if len(curves) > 1:
            bands.append(Band("range of the repeats", middle.lrs.tolist(), middle.low.tolist(), middle.high.tolist()))
    return PlotSpec(
        name="loss_over_lr",
        title=f"Range test: {document.model.name} on {document.data.name}, {document.optimizer.kind}, batch {document.batch_size}",
        x_label="learning rate" + (" (log scale)" if document.ramp == "exponential" else ""),
        y_label="training loss of the batch",
        x_log=document.ramp == "exponential",
        lines=lines,
        bands=bands,
        spans=_bounds(result["suggestion"]),
        marks=_marks(rows, result["suggestion"]),
    )


def _floats(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _bounds(suggestion: Mapping[str, Any]) -> list[Span]:
    low, high = suggestion["min_lr"], suggestion["max_lr"]
    return [] if low is None or high is None else [Span(f"bounds {low:.2g} to {high:.2g}", low, high)]


def _marks(rows: Sequence[Mapping[str, Any]], suggestion: Mapping[str, Any]) -> list[Mark]:
    marks: list[Mark] = []
    if suggestion["lr"] is not None:
        marks.append(Mark(f"suggestion {suggestion['lr']:.2g}", suggestion["lr"], "suggestion"))
    stops = [row["lrs"][row["stopped_at"]] for row in rows if row["stop_reason"] in {"diverged", "non_finite"}]
    if stops:
        marks.append(Mark(f"first divergence {min(stops):.2g}", min(stops), "warning"))
    return marks
