"""What a sweep costs beside its training, and study E against the plain Keras loops; `python -m benchmarks sweeps`."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from pydantic import TypeAdapter

from benchmarks.reproduce.runs import EXAMPLES, Runner
from benchmarks.rows import Row, at_least, at_most, table
from lrsearch import jobs
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Experiment
from lrsearch.settings import Settings
from lrsearch.spec import validate
from lrsearch.training.keras import datasets, default_trainer, models
from lrsearch.training.plan import Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Observer, Run, go_on
from worker.runtime import Runtime

TITLE = "Sweeps"
WARM_RUNS = 5
"""Runs of study E after the first one."""
SAMPLED_EPOCHS = 30
"""Epochs of a sample of the plain loops: what one takes is a mean of so many."""

TRIALS_200: dict[str, Any] = {
    "schema": 1,
    "kind": "hyperparameter_sweep",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 128,
    "epochs": 5,
    "seeds": 10,
    "stress_seeds": 0,
    "vary": [{"pointer": "/optimizer/learning_rate", "low": 1e-4, "high": 1.0, "points": 20, "spacing": "log"}],
}


class Timed:
    """A trainer whose time is counted, so that the rest can be told from it."""

    name = "toy"

    def __init__(self) -> None:
        self.seconds, self._trainer = 0.0, ToyTrainer()

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """As `Trainer.train`."""
        began = time.perf_counter()
        runs = self._trainer.train(plans, observer)
        self.seconds += time.perf_counter() - began
        return runs


def service_share() -> float:
    """Milliseconds a trial of a 200-trial sweep, from validation to the stored result, without the trainer's calls."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/sweep.db")
        db.migrate()
        trainer = Timed()
        runtime = Runtime(db, ArtifactStore(Path(folder) / "artifacts"), trainer, Settings(), "bench")
        began = time.perf_counter()
        experiment: Experiment = validate(TypeAdapter[Any](AnyExperiment), TRIALS_200)
        assert not experiment.problems()
        submitted = jobs.submit(db, experiment, TRIALS_200, workers=1)
        for pack_id in submitted.pack_ids:
            runtime.run(pack_id)
        spent = time.perf_counter() - began - trainer.seconds
        assert jobs.get(db, submitted.job.job_id).status == "succeeded"
        db.dispose()
    return 1000 * spent / 200


def plain_seconds(batch_size: int, epochs: int) -> float:
    """What the notebook's loop takes for so many epochs: build, compile, fit with validation."""
    data = datasets.load("blobs")
    began = time.perf_counter()
    model = models.blobs_mlp((2,), 3, "classification")
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(data.x_train, data.y_train, batch_size, epochs, verbose=0, validation_data=(data.x_test, data.y_test))
    return time.perf_counter() - began


def study_e() -> tuple[list[float], list[float]]:
    """Seconds of study E with one seed: of the plain Keras loops, from samples; of our runs, the first of them cold.

    A sample of the plain loops is taken before each of our runs and after the last one, since a machine's speed drifts.
    """
    documents = {name: _document(name) for name in sorted(path.stem for path in EXAMPLES.glob("e[0-9]*.json"))}
    # a plot in the notebook, no training: neither side runs it
    del documents["e6_decay_curve"]
    one_seed = {name: {"seeds": 1} if "seeds" in document else {} for name, document in documents.items()}
    runner = Runner(default_trainer())
    plain, ours = [_plain_total(documents.values())], list[float]()
    for _ in range(1 + WARM_RUNS):
        ours.append(sum(runner.run(name, **changes).seconds for name, changes in one_seed.items()))
        plain.append(_plain_total(documents.values()))
    return plain, ours


def _document(name: str) -> dict[str, Any]:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def _plain_total(documents: Iterable[Mapping[str, Any]]) -> float:
    """Start and seconds an epoch are measured at three batch sizes, and taken between them, for every run of the study."""
    sizes = (5, 32, 256)
    start = statistics.median(plain_seconds(256, 1) for _ in range(3))
    per_epoch = [(plain_seconds(size, 1 + SAMPLED_EPOCHS) - start) / SAMPLED_EPOCHS for size in sizes]
    return sum(
        start + epochs * float(np.interp(np.log(batch), np.log(sizes), per_epoch))
        for document in documents
        for batch, epochs in _runs(document)
    )


def _runs(document: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Batch size and epochs of every run, one seed each."""
    varied = [(vary["pointer"], value) for vary in document.get("vary", []) for value in vary["values"]]
    members = varied or [("", None)] * len(document.get("schedules", document.get("optimizers", [None])))
    return [
        (
            value if pointer == "/batch_size" else document["batch_size"],
            value if pointer == "/epochs" else document["epochs"],
        )
        for pointer, value in members
    ]


def report(quick: bool = False) -> str:
    """The figures as a Markdown table."""
    share = statistics.median(service_share() for _ in range(1 if quick else 3))
    rows = [Row("service's own share of a 200-trial sweep, toy trainer, a trial", share, "ms", "", at_most(10, "ms"))]
    return table(rows if quick else [*rows, *_study_e_rows()])


def _study_e_rows() -> list[Row]:
    """Each of our runs against the mean of the plain loops' samples before and after it."""
    plain, ours = study_e()
    around = [(before + after) / 2 for before, after in pairwise(plain)]
    ratios = [reference / seconds for reference, seconds in zip(around, ours, strict=True)]
    warm = statistics.median(ratios[1:])
    said = f"plain Keras loops {min(plain):.0f} to {max(plain):.0f} s, extrapolated from samples around each run"
    spread = f"median of {WARM_RUNS} runs: {min(ratios[1:]):.0f} to {max(ratios[1:]):.0f}; {statistics.median(ours[1:]):.1f} s"
    return [
        Row("study E, one seed, cold: times faster", ratios[0], "", f"{ours[0]:.1f} s; {said}", at_least(60)),
        Row("study E, one seed, warm: times faster", warm, "", f"{spread}; {said}", at_least(300)),
    ]
