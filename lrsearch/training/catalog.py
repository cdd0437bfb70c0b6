"""The catalog: optimizers, models and data sets by name, and whether a model can be trained on data; no Keras import."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.settings import Settings
from lrsearch.spec import did_you_mean, validate
from lrsearch.training import plugins
from lrsearch.training.optimizer_table import OPTIMIZERS, OptimizerRow
from lrsearch.training.plan import DataSpec, ModelSpec
from lrsearch.training.rows import DATASETS, MODELS, DatasetRow, ModelRow, Task

_log = logging.getLogger(__name__)

__all__ = [
    "DATASETS",
    "MODELS",
    "OPTIMIZERS",
    "DatasetRow",
    "ModelRow",
    "OptimizerRow",
    "Task",
    "broken_plugins",
    "check",
    "datasets",
    "layers_of",
    "models",
    "optimizers",
    "resolve",
    "takes",
]


def optimizers() -> dict[str, OptimizerRow]:
    """Name -> row of every optimizer."""
    return dict(OPTIMIZERS)


def models() -> dict[str, ModelRow]:
    """Name -> row of every model, those of installed packages (entry points `lrsearch.models`) included."""
    return plugins.found("lrsearch.models", ModelRow, MODELS).rows


def datasets() -> dict[str, DatasetRow]:
    """Name -> row of every data set, those of installed packages (entry points `lrsearch.datasets`) included."""
    return plugins.found("lrsearch.datasets", DatasetRow, DATASETS).rows


def broken_plugins() -> list[Problem]:
    """What is wrong with rows of installed packages that could not be used."""
    found_models = plugins.found("lrsearch.models", ModelRow, MODELS)
    return [*found_models.problems, *plugins.found("lrsearch.datasets", DatasetRow, DATASETS).problems]


def resolve(place: str) -> Callable[..., Any]:
    """The function a row names as "package.module:function"; imports its module."""
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


def check(model: ModelSpec, data: DataSpec, *, settings: Settings | None = None) -> list[Problem]:
    """Everything that keeps `model` from being trained on `data`; pointers are those of a job document.

    Args:
        model: the document's model.
        data: the document's data.
        settings: where to look for data and whether it may be downloaded; left out, read from the environment.
    """
    model_row, data_row = models().get(model.name), datasets().get(data.name)
    problems: list[Problem] = []
    if model_row is None:
        problems.append(_unknown("/model/name", "model", model.name, models()))
    else:
        problems += _param_problems(model_row, model.params)
    if data_row is None:
        problems.append(_unknown("/data/name", "data set", data.name, datasets()))
    else:
        problems += _absence(data_row, settings)
    if model_row is not None and data_row is not None:
        problems += _misfit(model_row, data_row)
    return problems


def layers_of(model: ModelSpec) -> tuple[str, ...] | None:
    """Names of the model's layers with weights, from the input to the output; None where its row does not name them.

    A row of an installed package whose `layers` raises is one that does not name them; its fault goes to the log.
    """
    row = models().get(model.name)
    if row is None or row.layers is None:
        return None
    try:
        params = row.params.model_validate(model.params)
    except ValueError:
        return None
    try:
        return tuple(row.layers(params))
    except Exception:
        _log.exception("the layers of the model %s cannot be told", model.name)
        return None


def _unknown(pointer: str, noun: str, name: str, known: Iterable[str]) -> Problem:
    names = sorted(known)
    guess = did_you_mean(name, names)
    return Problem(
        pointer, "unknown_name", name, f"There is no {noun} {name!r}.", f"{guess}Use one of {', '.join(names)}."
    )


def _param_problems(row: ModelRow, params: Mapping[str, Any]) -> list[Problem]:
    try:
        validate(TypeAdapter(row.params), params)
    except InvalidDocument as error:
        return [
            Problem(f"/model/params{found.pointer}", found.rule, found.value, found.message, found.action)
            for found in error.problems
        ]
    return []


def _misfit(model: ModelRow, data: DatasetRow) -> list[Problem]:
    """Why the model cannot take samples or task of the data."""
    problems: list[Problem] = []
    if not _fits(model, data):
        problems.append(
            Problem(
                "/model/name",
                "input_shape",
                model.name,
                f"{model.name} takes samples of rank {model.input_rank} and at least the shape "
                f"{_shape(model.least_shape)}; {data.name} has samples of the shape {_shape(data.sample_shape)}.",
                _alternatives(model, data),
            )
        )
    if data.task not in model.tasks:
        problems.append(
            Problem(
                "/model/name",
                "task",
                model.name,
                f"{model.name} is for {' or '.join(model.tasks)}; {data.name} is {data.task}.",
                _alternatives(model, data),
            )
        )
    return problems


def _alternatives(model: ModelRow, data: DatasetRow) -> str:
    """What to do next: the models that take this data."""
    names = sorted(row.name for row in models().values() if row is not model and takes(row, data))
    return f"Use a model that takes {data.name}: {', '.join(names)}." if names else "Use other data."


def takes(model: ModelRow, data: DatasetRow) -> bool:
    """Whether the model can be trained on the data, by shape and task."""
    return data.task in model.tasks and _fits(model, data)


def _fits(model: ModelRow, data: DatasetRow) -> bool:
    return len(data.sample_shape) == model.input_rank and all(
        size >= least for size, least in zip(data.sample_shape, model.least_shape, strict=True)
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _absence(row: DatasetRow, settings: Settings | None) -> list[Problem]:
    """Data that is not on this machine and may not be downloaded."""
    if row.locate is None:
        return []  # without reading the environment, which takes milliseconds: a search checks every setting
    settings = settings or Settings()
    if settings.downloads != "never" or resolve(row.locate)(settings) is not None:
        return []
    return [
        Problem(
            "/data/name",
            "data_unavailable",
            row.name,
            f"{row.name} is not on this machine, and LRSEARCH_DOWNLOADS=never forbids to download it.",
            f"Get it with `{row.obtain}`, or allow downloads with LRSEARCH_DOWNLOADS=auto.",
        )
    ]
