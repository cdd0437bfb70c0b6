"""The poller behind the event streams: what it does when it cannot read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from api.watch import Watch
from lrsearch.db import Database
from lrsearch.errors import Unavailable


class Faulty(Watch):
    """Fails its first reads with the given errors."""

    def __init__(self, database: Database, *errors: Exception) -> None:
        super().__init__(database, poll_seconds=0.01)
        self.errors = list(errors)

    def _read(self, wanted: Mapping[str, int]) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        return super()._read(wanted)


async def collected(watch: Watch, idle_seconds: float = 5.0) -> list[Any]:
    return [event async for event in watch.follow("nosuchjob", 0, idle_seconds)]


def test_a_database_that_was_away_is_asked_again(database: Database) -> None:
    watch = Faulty(database, Unavailable("away"), Unavailable("away"))
    assert [] == asyncio.run(collected(watch))
    assert [] == watch.errors


def test_a_fault_ends_the_streams(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert [] == asyncio.run(collected(Faulty(database, ZeroDivisionError("ours"))))
    assert "ZeroDivisionError" in caplog.text


def test_silence_is_broken_by_signs_of_life(database: Database) -> None:
    async def two() -> list[Any]:
        found = []
        watch = Faulty(database, *[Unavailable("away")] * 1000)
        async for event in watch.follow("nosuchjob", 0, 0.01):
            found.append(event)
            if len(found) == 2:
                watch.close()
        return found

    assert [None, None] == asyncio.run(two())[:2]


def test_closing_ends_every_stream(database: Database) -> None:
    async def run() -> list[list[Any]]:
        watch = Faulty(database, *[Unavailable("away")] * 1000)
        streams = [asyncio.create_task(collected(watch)) for _ in range(3)]
        await asyncio.sleep(0.05)
        watch.close()
        return await asyncio.gather(*streams)

    assert [[], [], []] == asyncio.run(run())
