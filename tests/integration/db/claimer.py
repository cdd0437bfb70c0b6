"""One of several processes that claim the same packs: `claimer.py URL PACK_ID...`, starts at a line on its input."""

from __future__ import annotations

import random
import sys

from lrsearch import jobs
from lrsearch.db import Database

with Database(sys.argv[1]) as db:
    pack_ids = sys.argv[2:]
    random.shuffle(pack_ids)
    db.check()
    print("ready", flush=True)
    sys.stdin.readline()
    for pack_id in pack_ids:
        claim = jobs.claim(db, pack_id, worker_id="racer", lease_seconds=600, max_attempts=3)
        if claim is not None:
            print(claim.pack_id, claim.token, flush=True)
