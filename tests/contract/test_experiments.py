"""Promise: every job kind is a document with schema, source and defaults, and every example of it is one that runs."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

import lrsearch.experiments
from lrsearch.experiments import EXPERIMENTS, AnyExperiment
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.experiments.composite import Composite
from lrsearch.spec import validate
from lrsearch.status import TrialStatus
from lrsearch.training.toy_trainer import ToyTrainer

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.json"))
ANY: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)
MOST_UPDATES = 10_000
"""Examples up to this length are run on the toy trainer here."""


def document(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.mark.parametrize("kind", EXPERIMENTS, ids=lambda kind: kind.__name__)
def test_a_kind_is_its_files_name_and_names_its_sources(kind: type[Experiment]) -> None:
    name = kind.model_fields["kind"].default
    module = importlib.import_module(f"{lrsearch.experiments.__name__}.{name}")
    assert kind is getattr(module, kind.__name__)
    assert kind.cites
    assert inspect.getdoc(kind)


@pytest.mark.parametrize("kind", EXPERIMENTS, ids=lambda kind: kind.__name__)
def test_every_field_says_what_it_is_or_has_a_name_that_does(kind: type[Experiment]) -> None:
    plain = {"kind", "model", "data", "optimizer", "limits"}
    assert [] == [name for name, field in kind.model_fields.items() if not field.description and name not in plain]


def test_every_kind_has_an_example() -> None:
    shown = {document(path)["kind"] for path in EXAMPLES}
    assert set() == {kind.model_fields["kind"].default for kind in EXPERIMENTS} - shown


def test_every_published_study_has_an_example() -> None:
    names = [path.stem for path in EXAMPLES]
    for study in ("a", "b", "c", "d", *(f"e{number}" for number in range(1, 11)), *(f"l{n}" for n in range(1, 8))):
        assert [name for name in names if name.startswith(f"{study}_")], study


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_accepted(path: Path) -> None:
    assert [] == validate(ANY, document(path)).problems()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_document_survives_being_stored(path: Path) -> None:
    experiment = validate(ANY, document(path))
    stored = json.loads(json.dumps(experiment.model_dump(mode="json", by_alias=True)))
    assert experiment == validate(ANY, stored)


def is_short(path: Path) -> bool:
    """Whether a run of it takes seconds here; the work of a composite job is its children's."""
    experiment = validate(ANY, document(path))
    return not isinstance(experiment, Composite) and experiment.estimate().updates <= MOST_UPDATES


def has_ended_on_held_out_data(record: TrialRecord) -> bool:
    """Whether a run is one that the service must remember."""
    return record.status is TrialStatus.COMPLETE and bool({"val_loss", "test_loss"} & set(record.metrics))


@pytest.mark.parametrize("path", [path for path in EXAMPLES if is_short(path)], ids=lambda path: path.stem)
def test_a_short_example_trains_concludes_and_is_drawn(path: Path) -> None:
    few = {"seeds": 2} if "seeds" in document(path) else {}
    few |= {"stress_seeds": 0} if few and document(path)["kind"] != "search" else {}
    experiment, records = validate(ANY, document(path) | few), list[TrialRecord]()
    result = experiment.run(Context(ToyTrainer(), records.extend))
    assert experiment.estimate().trials == len(records)
    assert [*range(len(records))] == sorted(record.number for record in records)
    assert {"kind", "holds_for", "code", "engine", "seconds", "updates"} <= set(result)
    assert [] == [record.number for record in records if record.outcome is None and has_ended_on_held_out_data(record)]
    stored = json.loads(json.dumps(result, allow_nan=False))
    names = [plot.name for plot in experiment.plots(stored)]
    assert names
    assert len(names) == len(set(names))
