"""One training: a schedule, controllers, epochs, validation; its history and its test metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

import numpy as np
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments.base import Context, Estimate, Mark, PlotSpec, TrialRecord
from lrsearch.experiments.evidence import curves_of, provenance
from lrsearch.experiments.keras_code import training_code
from lrsearch.experiments.leaderboard import Entry, ranked
from lrsearch.experiments.numbers import finite_or_none
from lrsearch.experiments.sweep_plots import learning_curves, learning_rates
from lrsearch.experiments.tasks import Task, train_tasks
from lrsearch.experiments.training_document import TrainingSpec
from lrsearch.spec import validate

MOST_MARKS: Final = 8
"""Decisions of controllers marked in a figure."""


class Training(TrainingSpec):
    """Train once: under `schedule` (or at `optimizer.learning_rate`), steered by `controllers`.

    The run ends early by a controller, or on a loss that is not finite; a loss that rises is shown, not cut.
    """

    cites: ClassVar[tuple[str, ...]] = ("Robbins and Monro 1951, A Stochastic Approximation Method.",)

    kind: Literal["training"] = "training"

    def estimate(self) -> Estimate:
        """Updates of the run."""
        return Estimate(self.updates(), 1, None)

    def packs(self, workers: int) -> list[list[int]]:
        """One."""
        return [[0]]

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train the run."""
        train_tasks([Task(number, self.plan(self.seed), self.controllers) for number in trials], context)

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """History, final metrics, what the controllers did, and code; a leaderboard of one, for those who read sweeps."""
        name = "training"
        entry = Entry(name, {}, [next(iter(records), None)])
        board = ranked([entry], self.metric, is_minimized=self.is_minimized).as_json()
        notes = {flag: why for flag, why in board["flag_notes"].items() if flag != "too_few_seeds"} | self.notes()
        return (
            {"kind": self.kind}
            | board
            | {
                "flags": list(notes),
                "flag_notes": notes,
                "curves": [curves_of(name, records)] if records else [],
                "holds_for": self.holds_for() | self.model_dump(mode="json", include={"optimizer"}, exclude_none=True),
                "code": training_code(self),
                **provenance(records),
                **(_run(records[0]) if records else {}),
            }
        )

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """Loss and metric over the epochs, and the rate of every update, with what the controllers did."""
        subject = f"{self.model.name} on {self.data.name}, {self.optimizer.kind}, batch {self.batch_size}"
        curves = result["curves"]
        if not curves:
            return []
        plots = [learning_curves(curves, "loss", subject)]
        if self.extra_metrics():
            name = self.extra_metrics()[0]
            plots.append(replace(learning_curves(curves, name, subject), name=f"{name}_curves"))
        return [*plots, self._rates(curves, result.get("controllers", []), subject)]

    def _rates(
        self, curves: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]], subject: str
    ) -> PlotSpec:
        plot = learning_rates(curves, subject)
        each = self.steps_per_epoch()
        acts = [event for event in events if event["decision"] in {"set_rate", "stop_training"}]
        marks = [
            Mark(f"{event['controller']}, epoch {event['epoch'] + 1}", float((event["epoch"] + 1) * each))
            for event in acts[:MOST_MARKS]
        ]
        return replace(plot, marks=marks)


def _run(record: TrialRecord) -> dict[str, Any]:
    """What is said of a single run."""
    history = {
        name.removeprefix("history/"): finite_or_none(values)
        for name, values in record.arrays.items()
        if name.startswith("history/")
    }
    return {
        "metrics": {name: value if np.isfinite(value) else None for name, value in record.metrics.items()},
        "history": history,
        "stop_reason": record.stop_reason.value,
        "stopped_at": record.stopped_at,
        "controllers": record.facts.get("controllers", []),
    }


TRAINING: Final[TypeAdapter[Training]] = TypeAdapter(Training)
"""Validates the document of a training by itself; its `problems()` are asked apart."""


def checked(document: Mapping[str, Any]) -> Training:
    """The document as a training that can run.

    Raises:
        InvalidDocument: it is malformed, or what it asks for cannot be; with all problems of the first kind, or of the second.
    """
    training = validate(TRAINING, document)
    if problems := training.problems():
        raise InvalidDocument(problems)
    return training
