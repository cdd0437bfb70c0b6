"""Runs the documents of `examples/` in this process, as a worker would."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.spec import validate
from lrsearch.training.trainer import Trainer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A document that was run."""

    name: str
    document: dict[str, Any]
    result: dict[str, Any]
    records: list[TrialRecord]
    seconds: float

    @property
    def metric(self) -> str:
        """What it is judged by."""
        return self.result["metric"]

    def row(self, value: Any) -> dict[str, Any]:
        """The leaderboard's row with this value (or name)."""
        rows = self.result["leaderboard"]
        return next(row for row in rows if value == row["setting"] or value in row["values"].values())

    def mean(self, value: Any, metric: str | None = None) -> float:
        """Mean over the seeds."""
        return self.row(value)["metrics"][metric or self.metric]["mean"]

    def figure(self, value: Any, metric: str | None = None) -> str:
        """Mean and interval in words."""
        return stated(self.row(value)["metrics"][metric or self.metric])

    def curve(self, value: Any) -> dict[str, Any]:
        """Mean curves of a setting."""
        name = self.row(value)["setting"]
        return next(curve for curve in self.result["curves"] if curve["setting"] == name)

    def p(self, a: Any, b: Any) -> float:
        """Holm-corrected p of two settings."""
        names = {self.row(a)["setting"], self.row(b)["setting"]}
        return next(test["p_holm"] for test in self.result["tests"] if {test["a"], test["b"]} == names)


def stated(metric: Mapping[str, Any]) -> str:
    """A mean with its interval.

    Example:
        >>> stated({"mean": 0.5, "interval": [0.4, 0.6]})
        '0.5 [0.4, 0.6]'
    """
    if metric["mean"] is None:
        return "diverged"
    interval = metric["interval"]
    return f"{metric['mean']:.4g}" + ("" if interval is None else f" [{interval[0]:.4g}, {interval[1]:.4g}]")


@dataclass(slots=True)
class Runner:
    """Runs examples with one warm trainer.

    Attributes:
        trainer: stays warm.
        outcomes: what was run so far, by the example's name.
    """

    trainer: Trainer
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self, name: str, **changes: Any) -> Outcome:
        """Run an example, with changes of its document that the report names."""
        document = json.loads((EXAMPLES / f"{name}.json").read_text()) | changes
        experiment, records = validate(_EXPERIMENT, document), list[TrialRecord]()
        if problems := experiment.problems():
            raise SystemExit(f"{name}: {problems[0].message} {problems[0].action}")
        began = time.perf_counter()
        result = experiment.run(Context(self.trainer, records.extend))
        outcome = Outcome(name, document, result, records, time.perf_counter() - began)
        print(f"{name}: {len(records)} trials, {outcome.seconds:.1f} s", flush=True)
        self.outcomes[name] = outcome
        return outcome
