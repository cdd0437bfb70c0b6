"""When a worker's child is replaced: its memory after a pack has grown, or is a large share of what the machine has.

TensorFlow keeps the machine code of every program that XLA compiled, some 6 MiB each, for as long as the process lives
(docs/benchmarks.md, soak). Jobs that come again need no new programs, so a count of packs would throw away a warm cache
for nothing; growth tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import billiard.pool
import psutil
import structlog

from lrsearch import memory

SETTLED_PACKS: Final = 25
"""Packs after which a child has its usual size: data, models and programs of the common jobs are loaded."""
GROWTH_SHARE: Final = 0.08
"""Growth since then, as a share of that size, at which a child is replaced."""
MEMORY_SHARE: Final = 0.5
"""Share of the memory this process may use at which a child is replaced at once."""

log = structlog.get_logger(__name__)


def limit_bytes() -> int:
    """Resident memory of a child above which it is replaced whatever its history."""
    return int(memory.allowed_bytes() * MEMORY_SHARE)


@dataclass(slots=True)
class Growth:
    """How much memory a process has taken since it settled.

    Attributes:
        packs: packs that ended so far.
        settled_bytes: resident memory after pack `SETTLED_PACKS`; None before.
    """

    packs: int = 0
    settled_bytes: int | None = None

    def is_due(self, resident_bytes: int) -> bool:
        """Whether the process is to be replaced, which has so much resident memory after another pack."""
        self.packs += 1
        if self.settled_bytes is None:
            if self.packs >= SETTLED_PACKS:
                self.settled_bytes = resident_bytes
            return False
        return resident_bytes > (1 + GROWTH_SHARE) * self.settled_bytes


def watch() -> None:
    """Make Celery's pool ask for growth after each pack; called once in a child, which has a memory limit.

    The pool's own question is for the peak since the process began (`ru_maxrss`), which one large job raises for good,
    and its limit is one number for all children: so the question is replaced, and above the limit means "replace me".
    """
    growth = Growth()
    limit_kib = limit_bytes() // 1024

    def kib_after_pack() -> int:
        resident = resident_bytes()
        if not growth.is_due(resident):
            return resident // 1024
        log.info(
            "memory has grown: replacing the child",
            packs=growth.packs,
            resident_mib=resident >> 20,
            settled_mib=(growth.settled_bytes or 0) >> 20,
        )
        return max(resident // 1024, limit_kib + 1)

    billiard.pool.mem_rss = kib_after_pack


def resident_bytes() -> int:
    """Resident memory of this process."""
    return psutil.Process().memory_info().rss
