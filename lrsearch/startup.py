"""What every long-running process checks before it starts: each thing that is wrong is told in one sentence."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from lrsearch import queue
from lrsearch.db import Database
from lrsearch.disk import require_space
from lrsearch.errors import Misconfigured, Unavailable
from lrsearch.settings import Settings

BROKER_SECONDS: Final = 5.0
"""How long the broker may take to answer at the start."""
AWAY: Final = 75
"""Exit code for a server that is away (EX_TEMPFAIL): starting again later is right, unlike after a 2."""


def require_servers(settings: Settings) -> None:
    """Check the database and its tables, the broker, and the folder for artifacts.

    Raises:
        Misconfigured: a setting is wrong, the tables are of another version, or the folder cannot be written.
        Unavailable: a server is away.
    """
    require_space(settings.resolved_artifacts_dir())
    database = Database(settings.resolved_database_url())
    try:
        database.require_head()
    finally:
        database.dispose()
    require_broker(settings)


def require_broker(settings: Settings) -> None:
    """Wait up to `BROKER_SECONDS` for the broker's answer.

    Raises:
        Misconfigured: REDIS_URL is not set, is of another kind, or the broker refuses us.
        Unavailable: nobody answers there.
    """
    if settings.redis_url is None:
        raise Misconfigured("REDIS_URL is not set; set it to redis://host:6379/0, or use `lrsearch up`.")
    queue.configure(settings.redis_url)
    deadline = time.monotonic() + BROKER_SECONDS
    while True:
        try:
            return queue.check()
        except Unavailable as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"{error} REDIS_URL is {shown(settings.redis_url)}.") from None
        time.sleep(0.1)


def shown(url: str) -> str:
    """A URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"))
