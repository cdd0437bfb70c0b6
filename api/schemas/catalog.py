"""What a document may name."""

from __future__ import annotations

from typing import Any

from api.schemas.base import Read


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
