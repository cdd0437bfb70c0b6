"""Follows the events of jobs for every watcher at once: one poller, however many clients watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, NotFound
from lrsearch.jobs import EventView
from lrsearch.status import FINAL

POLL_SECONDS: Final = 0.5
"""How often the database is asked for news; an event is seen at most so much later."""

logger = logging.getLogger("lrsearch.api")


@dataclass(slots=True, eq=False)
class _Watcher:
    """One client: the job it follows, the last event it got, and what is on its way to it (None: nothing more)."""

    job_id: str
    after_id: int
    news: asyncio.Queue[EventView | None] = field(default_factory=asyncio.Queue[EventView | None])


@dataclass(frozen=True, slots=True)
class _News:
    events: list[EventView]
    is_over: bool


class Watch:
    """Hands the events of jobs to those who watch them; polls only while somebody does."""

    def __init__(self, database: Database, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._watchers: set[_Watcher] = set()
        self._poller: asyncio.Task[None] | None = None

    async def follow(self, job_id: str, after_id: int, idle_seconds: float) -> AsyncIterator[EventView | None]:
        """The events after `after_id` as they happen, until the job is over or deleted.

        None stands for `idle_seconds` without an event: time for a sign of life.
        """
        watcher = _Watcher(job_id, after_id)
        self._watchers.add(watcher)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            while True:
                try:
                    event = await asyncio.wait_for(watcher.news.get(), idle_seconds)
                except TimeoutError:
                    yield None
                    continue
                if event is None:
                    return
                yield event
        finally:
            self._watchers.discard(watcher)

    def close(self) -> None:
        """End every stream."""
        for watcher in self._watchers:
            watcher.news.put_nowait(None)

    async def _poll(self) -> None:
        while self._watchers:
            wanted: dict[str, int] = {}
            for watcher in self._watchers:
                wanted[watcher.job_id] = min(watcher.after_id, wanted.get(watcher.job_id, watcher.after_id))
            try:
                self._deliver(await run_in_threadpool(self._read, wanted))
            except LrsearchError as error:  # the database is away: the streams stay open and go on when it is back
                logger.warning("events cannot be read now: %s", error)
            except Exception:  # a fault of ours must not leave streams open that nobody feeds
                logger.exception("events cannot be read")
                self.close()
                return
            await asyncio.sleep(self._poll_seconds)

    def _read(self, wanted: Mapping[str, int]) -> dict[str, _News]:
        return {job_id: self._news_of(job_id, after_id) for job_id, after_id in wanted.items()}

    def _news_of(self, job_id: str, after_id: int) -> _News:
        try:
            # the state is read first: what is final then has all its events stored
            is_over = jobs.get(self._database, job_id).status in FINAL
            return _News(jobs.events(self._database, job_id, after_id), is_over)
        except NotFound:
            return _News([], is_over=True)

    def _deliver(self, news: Mapping[str, _News]) -> None:
        for watcher in self._watchers:
            if (found := news.get(watcher.job_id)) is None:
                continue
            for event in found.events:
                if event.event_id > watcher.after_id:
                    watcher.news.put_nowait(event)
                    watcher.after_id = event.event_id
            if found.is_over:
                watcher.news.put_nowait(None)
