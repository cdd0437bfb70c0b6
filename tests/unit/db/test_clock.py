"""The database's clock: aware, movable, and running while a transaction waits."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import literal, select

from lrsearch.db import Database
from lrsearch.db.clock import database_time


def test_now_is_an_aware_time_near_ours(database_url: str) -> None:
    with Database(database_url) as db, db.session() as session:
        now = session.execute(select(database_time())).scalar_one()
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


@pytest.mark.parametrize("offset", [15.0, -15.0, 0.25, 1e-5, -86400.5, 1e6])
def test_an_offset_moves_the_time_to_the_millisecond(database_url: str, offset: float) -> None:
    with Database(database_url) as db, db.session() as session:
        now, moved = session.execute(select(database_time(), database_time(offset))).one()
    assert abs((moved - now).total_seconds() - offset) < 0.0021


def test_an_offset_may_be_computed_in_the_statement(database_url: str) -> None:
    with Database(database_url) as db, db.session() as session:
        now, moved = session.execute(select(database_time(), database_time(-literal(2.5) * literal(4)))).one()
    assert abs((moved - now).total_seconds() + 10) < 0.0021


def test_times_compare_in_the_database_as_they_do_here(database_url: str) -> None:
    now = datetime.now(UTC)
    with Database(database_url) as db, db.session() as session:
        in_past, in_future = session.execute(
            select(
                literal(now - timedelta(minutes=1), database_time().type) < database_time(),
                database_time(120) > literal(now + timedelta(minutes=1), database_time().type),
            )
        ).one()
    assert (True, True) == (bool(in_past), bool(in_future))


def test_the_clock_runs_within_a_transaction(database_url: str) -> None:
    with Database(database_url) as db, db.session() as session:
        first = session.execute(select(database_time())).scalar_one()
        threading.Event().wait(0.02)
        second = session.execute(select(database_time())).scalar_one()
    assert second - first >= timedelta(milliseconds=15)
