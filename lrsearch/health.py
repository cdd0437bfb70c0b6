"""Whether the process of this container does its work: `python -m lrsearch.health api|worker|reaper`.

Exit code 0 when it does, 1 with one sentence when it does not.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Final

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.repository import metric_rows
from lrsearch.errors import LrsearchError, Unavailable
from lrsearch.jobs.views import ALIVE_SECONDS
from lrsearch.settings import Settings

REAPER_LOOKS: Final = 15
"""So many looks the reaper may miss before its absence counts: it waits longer while a server is away."""


def api(settings: Settings) -> None:
    """The API answers on its port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/livez"
    try:
        with urllib.request.urlopen(address, timeout=4):
            return
    except (urllib.error.URLError, OSError) as error:
        raise Unavailable(f"{address} does not answer ({error}).") from None


def worker(settings: Settings) -> None:
    """A worker of this host has told the database lately that it lives; its child does that, not its parent."""
    host = socket.gethostname()
    if all(row.host != host for row in jobs.workers(_database(settings))):
        raise Unavailable(f"No worker of {host} was seen in the last {ALIVE_SECONDS:.0f} s.")


def reaper(settings: Settings) -> None:
    """No lease has been over for long: what the reaper is there for."""
    patience = REAPER_LOOKS * settings.reap_seconds
    with _database(settings).session() as session:
        count = metric_rows.leases_over_since(session, patience)
    if count:
        raise Unavailable(f"{count} leases ran out more than {patience:.0f} s ago and nobody re-queued their packs.")


CHECKS: Final[Mapping[str, Callable[[Settings], None]]] = {"api": api, "worker": worker, "reaper": reaper}


def main() -> int:
    """Run the check named on the command line."""
    check = CHECKS.get(sys.argv[1]) if len(sys.argv) == 2 else None
    if check is None:
        print(f"Usage: python -m lrsearch.health {'|'.join(CHECKS)}", file=sys.stderr)
        return 2
    try:
        check(Settings())
    except LrsearchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _database(settings: Settings) -> Database:
    return Database(settings.resolved_database_url())


if __name__ == "__main__":
    sys.exit(main())
