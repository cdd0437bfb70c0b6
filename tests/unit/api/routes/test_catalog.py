"""The catalog shows what the registries hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from api.routes import catalog as route
from lrsearch import controllers, schedules, suggestions
from lrsearch.experiments import EXPERIMENTS
from lrsearch.experiments.search import PRUNERS, SAMPLERS
from lrsearch.training import catalog as tables
from lrsearch.training import plugins


@pytest.fixture
def catalog(client: TestClient) -> dict[str, Any]:
    return client.get("/v1/catalog").json()


def test_every_member_of_every_registry_is_listed(catalog: dict[str, Any]) -> None:
    names = {part: {entry["name"] for entry in entries} for part, entries in catalog.items() if entries}
    assert {kind.model_fields["kind"].default for kind in EXPERIMENTS} == names["job_kinds"]
    assert set(suggestions.RULES) == names["rules"]
    assert {schedule.model_fields["kind"].default for schedule in schedules.SCHEDULES} == names["schedules"]
    assert {controller.model_fields["kind"].default for controller in controllers.CONTROLLERS} == names["controllers"]
    assert {sampler.model_fields["kind"].default for sampler in SAMPLERS} == names["samplers"]
    assert {pruner.model_fields["kind"].default for pruner in PRUNERS} == names["pruners"]
    assert set(tables.optimizers()) == names["optimizers"]
    assert set(tables.models()) == names["models"]
    assert set(tables.datasets()) == names["datasets"]


def test_every_entry_says_what_it_is_and_where_it_comes_from(catalog: dict[str, Any]) -> None:
    entries = [entry for part, found in catalog.items() if part != "broken_plugins" for entry in found]
    assert [] == [entry["name"] for entry in entries if not entry["description"] or not entry["cites"]]


def test_every_schema_is_a_json_schema(catalog: dict[str, Any]) -> None:
    for part, found in catalog.items():
        for entry in found if part != "broken_plugins" else ():
            jsonschema.Draft202012Validator.check_schema(entry["json_schema"])


def test_defaults_stand_under_the_names_that_documents_use(catalog: dict[str, Any]) -> None:
    (range_test,) = (kind for kind in catalog["job_kinds"] if kind["name"] == "range_test")
    assert (1, "exponential", 100) == tuple(range_test["defaults"][name] for name in ("schema", "ramp", "steps"))


def test_a_model_names_the_data_it_takes(catalog: dict[str, Any]) -> None:
    (model,) = (model for model in catalog["models"] if model["name"] == "mnist_cnn")
    assert "fashion_mnist" in model["facts"]["takes"]
    assert "digits" not in model["facts"]["takes"]


def test_an_optimizer_shows_the_default_rates_of_keras_and_of_its_paper(catalog: dict[str, Any]) -> None:
    facts = {optimizer["name"]: optimizer["facts"] for optimizer in catalog["optimizers"]}
    assert 0.001 == facts["adam"]["default_lr"]
    assert any(fact["paper_lr"] is not None for fact in facts.values())


def test_a_model_without_parameters_has_no_schema(catalog: dict[str, Any]) -> None:
    schemas = {model["name"]: model["json_schema"] for model in catalog["models"]}
    assert {} == schemas["mnist_cnn"]
    assert "units" in schemas["tabular_mlp"]["properties"]


@pytest.fixture
def _broken_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package whose model cannot be imported."""
    folder = tmp_path / "site" / "broken-1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[lrsearch.models]\nmy_net = no_such_module:MODEL\n")
    monkeypatch.syspath_prepend(folder.parent)
    forget()
    yield
    forget()


def forget() -> None:
    plugins.forget()
    route.entries.cache_clear()


@pytest.mark.usefixtures("_broken_package")
def test_a_package_that_cannot_be_used_is_listed_with_the_reason(client: TestClient) -> None:
    catalog = client.get("/v1/catalog").json()
    (reason,) = catalog["broken_plugins"]
    assert "'my_net'" in reason
    assert "no_such_module" in reason
    assert set(tables.MODELS) == {model["name"] for model in catalog["models"]}
