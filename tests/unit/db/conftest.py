"""Databases for the tests of `lrsearch.db`."""

from __future__ import annotations

from tests.servers.postgres import database_url, postgres, postgres_url, sqlite_template, sqlite_url

__all__ = ["database_url", "postgres", "postgres_url", "sqlite_template", "sqlite_url"]
