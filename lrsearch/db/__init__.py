"""The SQLAlchemy door: models, sessions, migrations, and the statements the verbs of `lrsearch.jobs` are made of."""

from __future__ import annotations

from lrsearch.db.session import Database

__all__ = ["Database"]
