"""Times and JSON come back as they were, on both databases."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from sqlalchemy import literal, select
from sqlalchemy.exc import StatementError

from lrsearch.db import Database
from lrsearch.db.types import JsonText, UtcDateTime


def round_trip(url: str, value: Any, kind: Any) -> Any:
    with Database(url) as db, db.session() as session:
        return session.execute(select(literal(value, kind))).scalar_one()


def test_a_time_comes_back_in_utc(database_url: str) -> None:
    noon = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    got = round_trip(database_url, noon, UtcDateTime())
    assert noon == got
    assert UTC == got.tzinfo


def test_a_time_without_a_zone_is_refused(database_url: str) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        round_trip(database_url, datetime(2026, 11, 22), UtcDateTime())  # noqa: DTZ001 - that is the point


def test_json_keeps_what_is_not_finite_and_what_databases_dislike(database_url: str) -> None:
    sent = {"a": [1, 2.5, None, True], "inf": -math.inf, "nul": "a\0b", "surrogate": "\ud800", "ö": "ü"}
    assert sent == round_trip(database_url, sent, JsonText())
    assert math.isnan(round_trip(database_url, {"x": math.nan}, JsonText())["x"])


def test_numpy_numbers_become_plain_ones(database_url: str) -> None:
    sent = {"a": np.float32(0.5), "b": np.int64(3), "c": np.array([1.0, 2.0]), "d": np.bool_(True)}
    assert {"a": 0.5, "b": 3, "c": [1.0, 2.0], "d": True} == round_trip(database_url, sent, JsonText())


def test_what_is_not_json_is_refused(database_url: str) -> None:
    with pytest.raises(StatementError, match="A set cannot be stored as JSON"):
        round_trip(database_url, {"x": {1}}, JsonText())
