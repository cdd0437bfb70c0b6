"""Everything a document can name, read from the registries: a new member appears here by being registered."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, TypeAdapter

from api import openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS
from lrsearch import controllers, schedules, suggestions
from lrsearch.experiments import EXPERIMENTS
from lrsearch.experiments.search import PRUNERS, SAMPLERS
from lrsearch.spec import Spec
from lrsearch.training import catalog as tables
from lrsearch.training.optimizer_specs import SPECS

router = APIRouter(prefix="/v1/catalog", tags=["service"], dependencies=NO_UNKNOWN_PARAMETERS)


@router.get(
    "",
    response_model=schemas.Catalog,
    responses={200: openapi.answer("The catalog.", samples.CATALOG)} | openapi.problems(422),
)
def catalog() -> schemas.Catalog:
    """Every job kind, rule, schedule, controller, sampler, pruner, optimizer, model and data set, with schema and source."""
    return entries()


@cache
def entries() -> schemas.Catalog:
    """The catalog, read once."""
    # installed packages do not change under a running process
    return schemas.Catalog(
        job_kinds=_of_specs(EXPERIMENTS),
        rules=[_of_class(name, rule) for name, rule in suggestions.RULES.items()],
        schedules=_of_specs(schedules.SCHEDULES),
        controllers=_of_specs(controllers.CONTROLLERS),
        samplers=_of_specs(SAMPLERS),
        pruners=_of_specs(PRUNERS),
        optimizers=[_of_optimizer(row) for row in tables.optimizers().values()],
        models=[_of_model(row) for row in tables.models().values()],
        datasets=[_of_dataset(row) for row in tables.datasets().values()],
        broken_plugins=[problem.message for problem in tables.broken_plugins()],
    )


def _of_specs(members: Iterable[type[Spec]]) -> list[schemas.CatalogEntry]:
    return [_of_class(member.model_fields["kind"].default, member) for member in members]


def _of_class(name: str, member: type[Any]) -> schemas.CatalogEntry:
    """A member that is a class: a spec has a schema, a rule has none since it takes no fields."""
    is_spec = issubclass(member, BaseModel)
    return schemas.CatalogEntry(
        name=name,
        description=inspect.cleandoc(member.__doc__ or ""),
        cites=list(member.cites),
        json_schema=TypeAdapter(member).json_schema() if is_spec else {},
        defaults=_defaults(member) if is_spec else {},
        facts={},
    )


def _defaults(spec: type[BaseModel]) -> dict[str, Any]:
    """What a field that is left out has, by its name in documents."""
    found = {
        field.alias or name: field.get_default(call_default_factory=True)
        for name, field in spec.model_fields.items()
        if not field.is_required()
    }
    return TypeAdapter(dict[str, Any]).dump_python(found, mode="json", by_alias=True)


def _of_optimizer(row: tables.OptimizerRow) -> schemas.CatalogEntry:
    defaults = {name: hyperparameter.default for name, hyperparameter in row.hyperparameters.items()}
    facts = _plain(row, leave_out=("name", "cites", "hyperparameters"))
    return schemas.CatalogEntry(
        name=row.name,
        description=inspect.cleandoc(SPECS[row.name].__doc__ or ""),
        cites=[row.cites],
        json_schema=SPECS[row.name].model_json_schema(),
        defaults=defaults,
        facts=facts,
    )


def _of_model(row: tables.ModelRow) -> schemas.CatalogEntry:
    takes = [data.name for data in tables.datasets().values() if tables.takes(row, data)]
    return schemas.CatalogEntry(
        name=row.name,
        description=row.description,
        cites=[row.cites],
        json_schema={} if row.params is Spec else row.params.model_json_schema(),
        defaults=_defaults(row.params),
        facts=_plain(row, leave_out=("name", "cites", "description", "params", "build", "layers"))
        | {"takes": takes, "layers": tables.layers_of(tables.ModelSpec(name=row.name))},
    )


def _of_dataset(row: tables.DatasetRow) -> schemas.CatalogEntry:
    return schemas.CatalogEntry(
        name=row.name,
        description=row.description,
        cites=[row.cites],
        json_schema={},
        defaults={},
        facts=_plain(row, leave_out=("name", "cites", "description", "load", "locate")),
    )


def _plain(row: Any, leave_out: Iterable[str]) -> dict[str, Any]:
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return {name: value for name, value in fields.items() if name not in set(leave_out)}
