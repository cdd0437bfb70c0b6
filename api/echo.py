"""Values a client sent, made safe to show back: valid JSON, valid Unicode, and short."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 200
"""Most characters of a string that are shown."""
MAX_ITEMS = 20
"""Most items of a container that are shown."""
MAX_DEPTH = 4
"""Deepest level of a container that is shown."""
LARGEST_SAFE_INTEGER = 2**53
"""Beyond it JSON readers that use doubles change the number, so it is shown as text."""


def safe(value: Any, depth: int = 0) -> Any:
    """The value as JSON can carry it: NaN and infinities as words, long things cut, broken text escaped.

    Example:
        >>> safe({"start_lr": float("nan"), "name": "x" * 500})["start_lr"]
        'NaN'
    """
    if isinstance(value, Mapping | list | tuple):
        return _container(value, depth)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= LARGEST_SAFE_INTEGER else _long_integer(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _word(value)
    return value if value is None or isinstance(value, bool) else safe_text(str(value))


def _container(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        return "..."
    return _mapping(value, depth) if isinstance(value, Mapping) else _sequence(value, depth)


def safe_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text without lone surrogates and NUL characters, cut after `limit` characters."""
    shown = text[:limit].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return shown if len(text) <= limit else f"{shown}... ({len(text)} characters)"


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _long_integer(value: int) -> str:
    # Python refuses to print integers of more than 4,300 digits, so those are described by their size
    return str(value) if value.bit_length() < MAX_TEXT else f"an integer of {value.bit_length()} bits"


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    shown = {
        safe_text(str(key)): safe(item, depth + 1)
        for _, (key, item) in zip(range(MAX_ITEMS), value.items(), strict=False)
    }
    return shown if len(value) <= MAX_ITEMS else shown | {"...": f"{len(value)} fields"}


def _sequence(value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    shown = [safe(item, depth + 1) for item in value[:MAX_ITEMS]]
    return shown if len(value) <= MAX_ITEMS else [*shown, f"... ({len(value)} items)"]
