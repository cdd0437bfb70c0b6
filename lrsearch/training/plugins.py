"""Rows that installed packages add to the catalog through entry points; a broken one is reported, never fatal."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from lrsearch.errors import Problem

Row = TypeVar("Row")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found(Generic[Row]):
    """Our own rows and those of packages, and what kept the others out."""

    rows: dict[str, Row]
    problems: list[Problem]


def found(group: str, kind: type[Row], own: Mapping[str, Row]) -> Found[Row]:
    """Rows of `own` and of the entry points in `group`.

    An entry point `name = "package.module:ROW"` names a row of the given class; its name is the row's name. Our own
    rows cannot be replaced.
    """
    rows, problems = dict(own), list[Problem]()
    for name, loaded in _loaded(group).items():
        reason = _reason(name, loaded, kind, own)
        if reason is None:
            rows[name] = loaded
        else:
            problems.append(_problem(group, name, reason))
    return Found(rows, problems)


def _reason(name: str, loaded: Any, kind: type[Any], own: Mapping[str, Any]) -> str | None:
    """Why the loaded object is no row to use, or None."""
    if isinstance(loaded, Exception):
        return f"it could not be loaded: {type(loaded).__name__}: {loaded}"
    if not isinstance(loaded, kind):
        return f"it is a {type(loaded).__name__}, not a {kind.__name__}"
    if loaded.name != name:
        return f"its row is named {loaded.name!r}"
    if name in own:
        return "lrsearch itself has a row of that name"
    return None


@cache
def _loaded(group: str) -> dict[str, Any]:
    """What the entry points of the group name, or the exception that loading raised; looked up once a process."""
    loaded: dict[str, Any] = {}
    for entry in importlib.metadata.entry_points(group=group):
        try:
            loaded[entry.name] = entry.load()
        except Exception as error:
            _log.warning("entry point %s of group %s could not be loaded: %s", entry.name, group, error)
            loaded[entry.name] = error
    return loaded


def forget() -> None:
    """Look entry points up again at the next call: for tests, and after a package was installed."""
    _loaded.cache_clear()


def _problem(group: str, name: str, reason: str) -> Problem:
    return Problem(
        f"/{group}/{name}",
        "broken_plugin",
        name,
        f"The entry point {name!r} of the group {group!r} cannot be used: {reason}.",
        "Correct or uninstall the package that brings it.",
    )
